//! Any sequence of calls that a program in C can make, its arguments right,
//! odd or hostile, as far as the interface lets them be: pointers are null or
//! point to something.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::ptr;

use srtp2::exports::counters::*;
use srtp2::exports::packets::*;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::exports::{batches::*, library::*, snapshots::*};
use srtp2::status::Status;
use srtp2::types::{
    CryptoPolicy, MasterKeyAndMki, PacketOfBatch, Policy, Ssrc, StreamCounters, ssrc_type,
};
use srtp2::{Session, Snapshot};

/// Each octet is an argument, or chooses what is called.
pub fn c_calls(data: &[u8]) {
    let mut program = Program::new(data);
    for _ in 0..200 {
        let Some(operation) = program.octet() else {
            break;
        };
        program.perform(operation);
    }
}

/// How many sessions the program has at most.
const SESSIONS: usize = 3;
const CANARY: u8 = 0xc5;

type Setter = unsafe extern "C" fn(*mut CryptoPolicy);
type Operation = unsafe extern "C" fn(*mut Session, *mut c_void, *mut c_int) -> Status;
type BatchOperation = unsafe extern "C" fn(*mut Session, *mut PacketOfBatch, usize) -> Status;

const SETTERS: [Setter; 12] = [
    srtp_crypto_policy_set_rtp_default,
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
    srtp_crypto_policy_set_aes_cm_128_null_auth,
    srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
    srtp_crypto_policy_set_null_cipher_hmac_null,
    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
    srtp_crypto_policy_set_aes_gcm_128_8_auth,
    srtp_crypto_policy_set_aes_gcm_128_16_auth,
    srtp_crypto_policy_set_aes_gcm_256_16_auth,
    srtp_crypto_policy_set_aes_gcm_128_8_only_auth,
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
];

struct Program<'a> {
    rest: &'a [u8],
    sessions: [*mut Session; SESSIONS],
    snapshots: Vec<*mut Snapshot>,
    watches: Vec<*mut Watch>,
    /// Packets that were protected, to deliver.
    sealed: Vec<Vec<u8>>,
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        unsafe {
            for &session in &self.sessions {
                srtp_dealloc(session);
            }
            for &snapshot in &self.snapshots {
                callseal_srtp_end_snapshot(snapshot);
            }
            for &watch in &self.watches {
                callseal_srtp_end_watch(watch);
            }
        }
    }
}

impl<'a> Program<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            sessions: [ptr::null_mut(); SESSIONS],
            snapshots: Vec::new(),
            watches: Vec::new(),
            sealed: Vec::new(),
        }
    }

    fn octet(&mut self) -> Option<u8> {
        let (&octet, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(octet)
    }

    /// 0 where nothing is left to choose by.
    fn choice(&mut self, count: usize) -> usize {
        usize::from(self.octet().unwrap_or(0)) % count
    }

    fn number(&mut self) -> u32 {
        match self.choice(4) {
            0 => self.choice(8) as u32,
            1 => self.octet().unwrap_or(0).into(),
            2 => [0, 1, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX][self.choice(7)],
            _ => u32::from_be_bytes([(); 4].map(|()| self.octet().unwrap_or(0))),
        }
    }

    /// Mostly one of a few.
    fn ssrc(&mut self) -> u32 {
        match self.choice(16) {
            15 => self.number(),
            n => n as u32 % 4,
        }
    }

    fn session(&mut self) -> *mut Session {
        self.sessions[self.choice(SESSIONS)]
    }

    fn perform(&mut self, operation: u8) {
        match operation % 24 {
            0 => self.create(),
            1..=3 => self.change_streams(operation),
            4..=9 => self.protect(),
            10..=14 => self.unprotect(),
            15 | 16 => self.batch(),
            17 => self.ask(),
            18 => self.set(),
            19 => self.take_snapshot(),
            20 => self.restore(),
            21 => self.watch(),
            22 => {
                let at = self.choice(SESSIONS);
                let session = std::mem::replace(&mut self.sessions[at], ptr::null_mut());
                let status = unsafe { srtp_dealloc(session) };
                assert_eq!(status == Status::Ok, !session.is_null());
            }
            _ => self.bare(),
        }
    }

    fn create(&mut self) {
        let at = self.choice(SESSIONS);
        let mut policies = [self.policy(), self.policy()];
        let count = self.choice(3);
        unsafe {
            srtp_dealloc(self.sessions[at]);
            self.sessions[at] = ptr::null_mut();
            let first = policies.iter_mut().take(count);
            let first = with_all(first.collect(), |first| {
                srtp_create(&mut self.sessions[at], first)
            });
            let session = self.sessions[at];
            assert_eq!(first == Status::Ok, !session.is_null());
            srtp_set_user_data(session, session.cast());
        }
    }

    fn change_streams(&mut self, operation: u8) {
        let session = self.session();
        let mut policies = [self.policy(), self.policy()];
        let count = self.choice(3);
        let ssrc = self.ssrc();
        let policies = policies.iter_mut().take(count).collect();
        let status = with_all(policies, |first| unsafe {
            match operation % 4 {
                0 => srtp_add_stream(session, first),
                1 => srtp_update(session, first),
                2 => srtp_update_stream(session, first),
                _ => srtp_remove_stream(session, ssrc.to_be()),
            }
        });
        assert!(!session.is_null() || status == Status::BadParam);
    }

    fn policy(&mut self) -> DrawnPolicy {
        let mut halves = [CryptoPolicy::default(); 2];
        let suite = self.choice(SETTERS.len());
        let differs = self.choice(4) == 3;
        let other = if differs {
            self.choice(SETTERS.len())
        } else {
            suite
        };
        unsafe {
            SETTERS[suite](&mut halves[0]);
            SETTERS[other](&mut halves[1]);
        }
        if self.choice(4) == 3 {
            let half = &mut halves[self.choice(2)];
            let value = self.number();
            match self.choice(6) {
                0 => half.cipher_type = value,
                1 => half.cipher_key_len = value as c_int,
                2 => half.auth_type = value,
                3 => half.auth_key_len = value as c_int,
                4 => half.auth_tag_len = value as c_int,
                _ => half.sec_serv = value,
            }
        }
        let kind = match self.choice(8) {
            7 => self.number(),
            n => [
                ssrc_type::SPECIFIC,
                ssrc_type::ANY_INBOUND,
                ssrc_type::ANY_OUTBOUND,
            ][n % 3],
        };
        let ssrc = self.ssrc();
        let count = match self.choice(4) {
            0 => 0,
            1 => self.choice(20),
            n => n,
        };
        DrawnPolicy {
            halves,
            ssrc: Ssrc { kind, value: ssrc },
            key: [self.choice(3) as u8; 64],
            has_key: self.choice(4) != 0,
            mkis: (0..count)
                .map(|_| vec![self.choice(4) as u8; [0, 1, 4, 128, 129][self.choice(5)]])
                .collect(),
            window_size: match self.choice(4) {
                0 => self.number().into(),
                n => [0, 64, 1_024][n - 1],
            },
            allow_repeat_tx: [0, 0, 1, -1][self.choice(4)],
            ids: (0..self.choice(4))
                .map(|_| self.number() as c_int)
                .collect(),
            has_ekt: self.choice(32) == 31,
        }
    }

    /// A packet, mostly with a header that could be.
    fn packet(&mut self, is_rtcp: bool) -> Vec<u8> {
        let mut packet = vec![0x5a; 12 + self.choice(200)];
        let ssrc = self.ssrc().to_be_bytes();
        packet[0] = 0x80;
        if is_rtcp {
            packet[1] = 200;
            packet[4..8].copy_from_slice(&ssrc);
        } else {
            packet[2] = [0, 0, 0, 0x7f, 0x80, 0xff][self.choice(6)];
            packet[3] = self.octet().unwrap_or(0);
            packet[8..12].copy_from_slice(&ssrc);
        }
        // CSRCs, extensions, nonsense, or an end that comes too early.
        for _ in 0..self.choice(4) {
            let at = self.choice(packet.len().min(24));
            packet[at] = self.octet().unwrap_or(0);
        }
        if self.choice(16) == 15 {
            packet.truncate(self.choice(20));
        }
        packet
    }

    fn protect(&mut self) {
        let (session, is_rtcp) = (self.session(), self.choice(3) == 2);
        let (use_mki, mki_index) = (self.choice(3) as u32, self.choice(5) as u32);
        let use_mki = use_mki / 2;
        let packet = self.packet(is_rtcp);
        let mut trailer_len = 0;
        let trailer = match is_rtcp {
            false => srtp_get_protect_trailer_length,
            true => srtp_get_protect_rtcp_trailer_length,
        };
        let status = unsafe { trailer(session, use_mki, mki_index, &mut trailer_len) };
        let trailer_len = match status {
            Status::Ok => trailer_len as usize,
            _ => 0,
        };
        let call = |packet: *mut c_void, len: *mut c_int| unsafe {
            match is_rtcp {
                false => srtp_protect_mki(session, packet, len, use_mki, mki_index),
                true => srtp_protect_rtcp_mki(session, packet, len, use_mki, mki_index),
            }
        };
        let (status, sealed) = within(&packet, trailer_len, call);
        if status == Status::Ok && self.sealed.len() < 64 {
            self.sealed.push(sealed);
        }
    }

    /// A packet that was protected, changed or not, or another one.
    fn delivered(&mut self) -> Vec<u8> {
        if self.sealed.is_empty() || self.choice(8) == 7 {
            let is_rtcp = self.choice(2) == 1;
            return self.packet(is_rtcp);
        }
        let at = self.choice(self.sealed.len());
        let mut packet = self.sealed[at].clone();
        if self.choice(4) == 3 {
            let at = self.choice(packet.len());
            packet[at] ^= self.octet().unwrap_or(1);
        }
        if self.choice(16) == 15 {
            packet.truncate(self.choice(packet.len()));
        }
        packet
    }

    fn unprotect(&mut self) {
        let session = self.session();
        let (entry, use_mki) = (self.choice(3), self.choice(2) as u32);
        let packet = self.delivered();
        let call = |packet: *mut c_void, len: *mut c_int| unsafe {
            match entry {
                2 => srtp_unprotect_rtcp_mki(session, packet, len, use_mki),
                _ => srtp_unprotect_mki(session, packet, len, use_mki),
            }
        };
        let (status, opened) = within(&packet, 0, call);
        if status != Status::Ok {
            assert_eq!(opened, packet, "{status:?}");
        }
    }

    fn batch(&mut self) {
        let session = self.session();
        let entries: [BatchOperation; 4] = [
            callseal_srtp_protect_batch,
            callseal_srtp_protect_rtcp_batch,
            callseal_srtp_unprotect_batch,
            callseal_srtp_unprotect_rtcp_batch,
        ];
        let entry = self.choice(4);
        let count = self.choice(12);
        let mut trailer_len = 0;
        let mut rooms = Vec::new();
        unsafe {
            match entry {
                0 => srtp_get_protect_trailer_length(session, 0, 0, &mut trailer_len),
                1 => srtp_get_protect_rtcp_trailer_length(session, 0, 0, &mut trailer_len),
                _ => Status::Ok,
            };
        }
        for _ in 0..count {
            let packet = match entry {
                0 | 1 => self.packet(entry == 1),
                _ => self.delivered(),
            };
            let mut room = packet.clone();
            room.resize(packet.len() + trailer_len as usize, 0);
            // All of it is the packet's: the address sanitizer sees the ends.
            rooms.push((packet.len(), room.into_boxed_slice()));
        }
        let lie = self.choice(16) == 15;
        let packets = rooms.iter_mut().map(|(len, room)| PacketOfBatch {
            packet: room.as_mut_ptr().cast(),
            len: if lie { -(*len as c_int) } else { *len as c_int },
            status: 77,
        });
        let mut packets: Vec<_> = packets.collect();
        let status = unsafe { entries[entry](session, packets.as_mut_ptr(), packets.len()) };
        let mut first = None;
        for packet in &packets {
            if !session.is_null() {
                assert_ne!(packet.status, 77);
                first = first.or((packet.status != 0).then_some(packet.status));
            }
        }
        assert!(session.is_null() || status as c_uint == first.unwrap_or(0));
        for (packet, (_, room)) in packets.iter().zip(&rooms) {
            if packet.status == 0 && entry < 2 && self.sealed.len() < 64 {
                self.sealed.push(room[..packet.len as usize].to_vec());
            }
        }
    }

    fn ask(&mut self) {
        let (session, ssrc) = (self.session(), self.ssrc());
        let (mut roc, mut ssrcs, mut count) = (0, [0; 5], 0);
        let mut counters = StreamCounters::default();
        unsafe {
            let known = srtp_get_stream_roc(session, ssrc, &mut roc) == Status::Ok;
            assert_eq!(!srtp_get_stream(session, ssrc.to_be()).is_null(), known);
            let counted = callseal_srtp_get_counters(session, ssrc, &mut counters);
            assert_eq!(counted == Status::Ok, known);
            let room = self.choice(6);
            let status = callseal_srtp_get_ssrcs(session, ssrcs.as_mut_ptr(), room, &mut count);
            assert!(status != Status::Ok || count <= room);
            assert_eq!(srtp_get_user_data(session), session.cast());
        }
    }

    fn set(&mut self) {
        let (session, ssrc, roc) = (self.session(), self.ssrc(), self.number());
        let kind = self.choice(5) as u32;
        let on = self.choice(2) as c_int;
        unsafe {
            match self.choice(2) {
                0 => srtp_set_stream_roc(session, ssrc, roc),
                _ => srtp_set_stream_use_cryptex(session, &Ssrc { kind, value: ssrc }, on),
            };
        }
    }

    fn take_snapshot(&mut self) {
        let session = self.session();
        let reserved = self.number();
        let mut snapshot = ptr::null_mut();
        unsafe {
            if self.choice(3) == 2 {
                callseal_srtp_start_stream(session, self.ssrc(), reserved as u16);
            }
            let (rtp, rtcp) = (reserved as u16, (reserved >> 16) as u16);
            let status = callseal_srtp_take_snapshot(session, rtp, rtcp, &mut snapshot);
            assert_eq!(status == Status::Ok, !session.is_null());
            if !snapshot.is_null() && self.snapshots.len() < 16 {
                self.snapshots.push(snapshot);
            } else {
                callseal_srtp_end_snapshot(snapshot);
            }
        }
    }

    fn restore(&mut self) {
        let session = self.session();
        if self.snapshots.is_empty() {
            return;
        }
        let at = self.choice(self.snapshots.len());
        let snapshot = self.snapshots[at];
        let mut len = 0;
        unsafe {
            if self.choice(2) == 0 {
                callseal_srtp_confirm_snapshot(session, snapshot);
                return;
            }
            let octets = callseal_srtp_get_snapshot_octets(snapshot, &mut len);
            let mut octets = std::slice::from_raw_parts(octets.cast::<u8>(), len).to_vec();
            let change = self.choice(4);
            if change >= 2 {
                let at = self.choice(octets.len());
                octets[at] ^= self.octet().unwrap_or(1);
            }
            // Damage would be found by the checksum alone.
            if change == 2
                && let Some((state, checksum)) = octets.split_last_chunk_mut()
            {
                *checksum = crc_32c(state).to_be_bytes();
            }
            callseal_srtp_restore(session, octets.as_ptr().cast(), octets.len());
        }
    }

    fn watch(&mut self) {
        let (session, ssrc) = (self.session(), self.ssrc());
        let mut watch = ptr::null_mut();
        unsafe {
            callseal_srtp_watch_stream(session, ssrc, &mut watch);
            if !watch.is_null() && self.watches.len() < 8 {
                self.watches.push(watch);
            } else {
                callseal_srtp_end_watch(watch);
            }
            let mut counters = StreamCounters::default();
            for &watch in &self.watches {
                let status = callseal_srtp_read_watch(watch, &mut counters);
                assert_eq!(status, Status::Ok);
            }
        }
    }

    /// What needs no session, or is called with null.
    fn bare(&mut self) {
        let number = self.number();
        let mut policy = CryptoPolicy::default();
        let mut octets = [0x5a_u8; 64];
        let (key_len, salt_len) = (self.choice(33) as c_uint, self.choice(33) as c_uint);
        let null = ptr::null_mut();
        let mut len = number as c_int;
        let entries: [Operation; 4] = [
            srtp_protect,
            srtp_unprotect,
            srtp_protect_rtcp,
            srtp_unprotect_rtcp,
        ];
        unsafe {
            srtp_crypto_policy_set_from_profile_for_rtp(&mut policy, number);
            srtp_crypto_policy_set_from_profile_for_rtcp(&mut policy, number);
            assert!(srtp_profile_get_master_key_length(number) <= 32);
            assert!(srtp_profile_get_master_salt_length(number) <= 14);
            let mut salt = [0x33; 64];
            let (key, salt) = (octets.as_mut_ptr(), salt.as_mut_ptr());
            srtp_append_salt_to_key(key, key_len.min(32), salt, salt_len.min(32));
            srtp_octet_string_hex_string(octets.as_ptr().cast(), c_int::from(octets[0] % 65));
            for entry in entries {
                let status = entry(null, octets.as_mut_ptr().cast(), &mut len);
                assert_eq!((status, len), (Status::BadParam, number as c_int));
                let session = self.sessions[0];
                assert_eq!(entry(session, ptr::null_mut(), &mut len), Status::BadParam);
            }
        }
    }
}

/// Calls it with canaries on both sides of what may be written to, and gives
/// the packet as it is then.
fn within(
    packet: &[u8],
    trailer_len: usize,
    call: impl FnOnce(*mut c_void, *mut c_int) -> Status,
) -> (Status, Vec<u8>) {
    const MARGIN: usize = 160;
    let end = MARGIN + packet.len();
    let mut room = vec![CANARY; end + trailer_len + MARGIN];
    room[MARGIN..end].copy_from_slice(packet);
    let mut len = packet.len() as c_int;
    let status = call(room[MARGIN..].as_mut_ptr().cast(), &mut len);
    let outside = room[..MARGIN].iter().chain(&room[end + trailer_len..]);
    assert!(outside.into_iter().all(|&octet| octet == CANARY));
    assert!(status == Status::Ok || len as usize == packet.len());
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    assert!(len <= packet.len() + trailer_len);
    (status, room[MARGIN..MARGIN + len].to_vec())
}

/// What a snapshot ends with: CRC-32C (RFC 9260, appendix A).
fn crc_32c(octets: &[u8]) -> u32 {
    let shifted = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
    let taken = |crc: u32, octet: &u8| (0..8).fold(crc ^ u32::from(*octet), shifted);
    !octets.iter().fold(!0, taken)
}

/// A policy, with what its pointers will point to.
struct DrawnPolicy {
    halves: [CryptoPolicy; 2],
    ssrc: Ssrc,
    key: [u8; 64],
    has_key: bool,
    mkis: Vec<Vec<u8>>,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    ids: Vec<c_int>,
    has_ekt: bool,
}

/// Lays the policies out as C has them, and gives `call` the first, or null.
fn with_all(drawn: Vec<&mut DrawnPolicy>, call: impl FnOnce(*const Policy) -> Status) -> Status {
    let mut lists = Vec::new();
    let mut policies: Vec<Policy> = Vec::new();
    for one in drawn {
        let key = one.key.as_mut_ptr();
        let keys = one.mkis.iter_mut().map(|mki| {
            Box::new(MasterKeyAndMki {
                key,
                mki_id: mki.as_mut_ptr(),
                mki_size: mki.len() as c_uint,
            })
        });
        let mut keys: Vec<_> = keys.collect();
        let mut list: Vec<*mut MasterKeyAndMki> = keys
            .iter_mut()
            .map(|key| ptr::from_mut(&mut **key))
            .collect();
        policies.push(Policy {
            ssrc: one.ssrc,
            rtp: one.halves[0],
            rtcp: one.halves[1],
            key: if one.has_key { key } else { ptr::null_mut() },
            keys: match list.is_empty() {
                true => ptr::null_mut(),
                false => list.as_mut_ptr(),
            },
            num_master_keys: list.len() as c_ulong,
            deprecated_ekt: match one.has_ekt {
                true => key.cast(),
                false => ptr::null_mut(),
            },
            window_size: one.window_size,
            allow_repeat_tx: one.allow_repeat_tx,
            enc_xtn_hdr: one.ids.as_mut_ptr(),
            enc_xtn_hdr_count: one.ids.len() as c_int,
            next: ptr::null_mut(),
        });
        lists.push((keys, list));
    }
    let start = policies.as_mut_ptr();
    for at in 1..policies.len() {
        policies[at - 1].next = unsafe { start.add(at) };
    }
    match policies.is_empty() {
        true => call(ptr::null()),
        false => call(start),
    }
}
