//! Both ends of a session twice, in this crate and in the slow reference:
//! every step is taken by both, and has to give equal octets or equal verdicts.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../packets/mod.rs"]
pub(crate) mod packets;

use std::collections::BTreeMap;

use callseal_srtp::{
    Cryptex, IndexRange, KeyDerivationRate, KeyLifetime, PacketIndex, Policy, Profile,
    ProtectError, Receiver, ReceiverSnapshot, RemoveKeyError, Reservation, RocCarrying,
    RocCarryingMode, RtcpIndex, Sender, SenderSnapshot, SetRocError, SetRtcpIndexError,
    StreamCounters, UnprotectError,
};
use callseal_testvectors::srtp_reference::{
    self, Cipher, Master, Parameters, SlowReceiver, SlowSender, SlowSnapshot, Verdict,
};

use packets::{key, key_octets, mki, policy};

/// What the two ends have agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) profile: Profile,
    /// 0 where packets carry no MKI.
    pub(crate) mki_len: usize,
    pub(crate) rtp_window: u64,
    pub(crate) rtcp_window: u64,
    pub(crate) encrypt_rtp: bool,
    pub(crate) encrypt_rtcp: bool,
    pub(crate) repeat_allowed: bool,
    /// Keys are told apart by <From, To>, where there is no MKI.
    pub(crate) ranged: bool,
    pub(crate) rtp_authenticated: bool,
    pub(crate) rtcp_tag_short: bool,
    /// SRTCP's, where it is not SRTP's.
    pub(crate) rtcp_profile: Option<Profile>,
    /// Of two of a kind the later one counts.
    pub(crate) extras: Vec<Extra>,
}

/// What a session may do besides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extra {
    Nothing,
    /// 2^ so many packets.
    KeyDerivationRate(u8),
    /// Packets of SRTP, packets of SRTCP.
    Lifetime(u64, u64),
    RocCarrying(RocCarryingMode, u16),
    NeighbouringRocs,
    /// The ids 1 to 5.
    EncryptedExtensions,
    Cryptex(Cryptex),
    FirstRtcpIndex(u32),
}

impl Setting {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            mki_len: 0,
            rtp_window: 64,
            rtcp_window: 64,
            encrypt_rtp: true,
            encrypt_rtcp: true,
            repeat_allowed: false,
            ranged: false,
            rtp_authenticated: true,
            rtcp_tag_short: false,
            rtcp_profile: None,
            extras: Vec::new(),
        }
    }

    /// A setting for each four octets, for fuzz targets.
    pub(crate) fn of_octets([first, second, third, fourth]: [u8; 4]) -> Self {
        let bits = usize::from(second);
        let profile = |n: u8| Profile::ALL[usize::from(n) % Profile::ALL.len()];
        let extras = [first >> 4, fourth >> 4, fourth & 0x0f];
        Self {
            profile: profile(first & 0x0f),
            extras: extras.map(Extra::of_number).to_vec(),
            rtp_authenticated: third & 1 == 0,
            rtcp_tag_short: third >> 1 & 1 == 1,
            encrypt_rtp: third >> 2 & 1 == 0,
            rtcp_profile: (third >> 4 != 0).then(|| profile(third >> 4)),
            mki_len: [0, 1, 4, 128][bits >> 1 & 3],
            encrypt_rtcp: bits >> 3 & 1 == 0,
            repeat_allowed: bits >> 4 & 1 == 1,
            rtp_window: [64, 100][bits >> 5 & 1],
            rtcp_window: [64, 100][bits >> 6 & 1],
            ranged: bits >> 7 & 1 == 1,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        let mut policy = policy(self.profile)
            .with_rtp_window(self.rtp_window as usize)
            .with_rtcp_window(self.rtcp_window as usize)
            .with_max_streams(Judged::MAX_STREAMS);
        if self.repeat_allowed {
            policy = policy.with_repeated_transmission();
        }
        if !self.encrypt_rtp {
            policy = policy.with_unencrypted_rtp();
        }
        if !self.encrypt_rtcp {
            policy = policy.with_unencrypted_rtcp();
        }
        if !self.rtp_authenticated {
            policy = policy.with_unauthenticated_rtp();
        }
        if self.rtcp_tag_short {
            policy = policy.with_short_rtcp_tag();
        }
        if let Some(profile) = self.rtcp_profile {
            policy = policy.with_rtcp_profile(profile);
        }
        for &extra in &self.extras {
            policy = match extra {
                Extra::Nothing => policy,
                Extra::KeyDerivationRate(exponent) => {
                    let rate = KeyDerivationRate::from_exponent(exponent).unwrap();
                    policy.with_key_derivation_rate(rate)
                }
                Extra::Lifetime(rtp, rtcp) => {
                    policy.with_key_lifetime(KeyLifetime::new(rtp, rtcp).unwrap())
                }
                Extra::RocCarrying(mode, rate) => {
                    policy.with_roc_carrying(RocCarrying::new(mode, rate.try_into().unwrap()))
                }
                Extra::NeighbouringRocs => policy.with_neighbouring_rocs_tried(),
                Extra::EncryptedExtensions => policy.with_encrypted_extensions((1..=5).collect()),
                Extra::Cryptex(cryptex) => policy.with_cryptex(cryptex),
                Extra::FirstRtcpIndex(index) => {
                    policy.with_first_rtcp_index(RtcpIndex::new(index).unwrap())
                }
            };
        }
        policy
    }

    /// Whether the policy can be put to use at all.
    pub(crate) fn holds_together(&self) -> bool {
        Sender::new(self.policy(), key(self.profile, 1)).is_ok()
    }

    fn parameters(&self) -> Parameters {
        let profile = self.profile;
        let rtcp_profile = self.rtcp_profile.unwrap_or(profile);
        let rtcp_tag_len = match self.rtcp_tag_short {
            true => rtcp_profile.rtp_tag_len(),
            false => rtcp_profile.rtcp_tag_len(),
        };
        let mut parameters =
            Parameters::new(cipher_of(profile), profile.rtp_tag_len(), rtcp_tag_len);
        parameters.rtcp_cipher = cipher_of(rtcp_profile);
        parameters.encrypt_rtcp = parameters.rtcp_cipher != Cipher::Null;
        if !self.rtp_authenticated {
            parameters.rtp_tag_len = 0;
        }
        parameters.rtp_window = self.rtp_window;
        parameters.rtcp_window = self.rtcp_window;
        parameters.encrypt_rtp &= self.encrypt_rtp;
        parameters.encrypt_rtcp &= self.encrypt_rtcp;
        parameters.repeat_allowed = self.repeat_allowed;
        parameters.max_streams = Judged::MAX_STREAMS;
        for &extra in &self.extras {
            apply(extra, &mut parameters);
        }
        parameters
    }

    fn cryptex(&self) -> Cryptex {
        let mut cryptex = Cryptex::Off;
        for extra in &self.extras {
            if let Extra::Cryptex(set) = extra {
                cryptex = *set;
            }
        }
        cryptex
    }
}

fn apply(extra: Extra, parameters: &mut Parameters) {
    match extra {
        Extra::Nothing => {}
        Extra::KeyDerivationRate(exponent) => parameters.key_derivation_rate = 1 << exponent,
        Extra::Lifetime(rtp, rtcp) => {
            parameters.rtp_lifetime = rtp;
            parameters.rtcp_lifetime = rtcp;
        }
        Extra::RocCarrying(mode, rate) => {
            let mode = match mode {
                RocCarryingMode::One => 1,
                RocCarryingMode::Two => 2,
                RocCarryingMode::Three => 3,
            };
            parameters.roc_carrying = Some((mode, rate));
        }
        Extra::NeighbouringRocs => parameters.try_neighbours = true,
        Extra::EncryptedExtensions => parameters.encrypted_ids = (1..=5).collect(),
        Extra::Cryptex(cryptex) => {
            parameters.cryptex = match cryptex {
                Cryptex::On => srtp_reference::Cryptex::On,
                Cryptex::Required => srtp_reference::Cryptex::Required,
                _ => srtp_reference::Cryptex::Off,
            };
        }
        Extra::FirstRtcpIndex(index) => parameters.first_rtcp_index = index.into(),
    }
}

fn cipher_of(profile: Profile) -> Cipher {
    match profile.name() {
        name if name.starts_with("NULL") => Cipher::Null,
        name if name.starts_with("F8") => Cipher::AesF8,
        name if name.starts_with("AEAD") => Cipher::AesGcm,
        _ => Cipher::AesCm,
    }
}

impl Extra {
    fn of_number(number: u8) -> Self {
        match number {
            1 => Self::KeyDerivationRate(0),
            2 => Self::KeyDerivationRate(4),
            3 => Self::Lifetime(20, 3),
            4 => Self::RocCarrying(RocCarryingMode::One, 3),
            5 => Self::RocCarrying(RocCarryingMode::Two, 4),
            6 => Self::RocCarrying(RocCarryingMode::Three, 5),
            7 => Self::NeighbouringRocs,
            8 => Self::EncryptedExtensions,
            9 => Self::Cryptex(Cryptex::On),
            10 => Self::Cryptex(Cryptex::Required),
            11 => Self::FirstRtcpIndex(0x7fff_fff0),
            _ => Self::Nothing,
        }
    }
}

pub(crate) struct Judged {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    slow_sender: SlowSender,
    slow_receiver: SlowReceiver,
    setting: Setting,
    /// Numbers of the sender's keys and of the receiver's, the oldest first.
    sender_keys: Vec<u8>,
    receiver_keys: Vec<u8>,
    newest_key: u8,
    saved_sender: Option<SavedSender>,
    saved_receiver: Option<SavedReceiver>,
    /// What the counters are to say of each stream there is.
    counted: BTreeMap<u32, StreamCounters>,
}

struct SavedSender {
    fast: SenderSnapshot,
    slow: SlowSnapshot,
    keys: Vec<u8>,
}

struct SavedReceiver {
    fast: ReceiverSnapshot,
    /// Whatever is not saved begins anew, so that the reference as it was then
    /// is what a restored receiver has to equal.
    slow: SlowReceiver,
    keys: Vec<u8>,
}

impl Judged {
    /// How many streams either end has room for.
    pub(crate) const MAX_STREAMS: usize = 3;

    /// `None` where the setting does not hold together.
    pub(crate) fn new(setting: Setting) -> Option<Self> {
        if !setting.holds_together() {
            return None;
        }
        Some(Self {
            sender: fast_sender(&setting, &[1]),
            receiver: fast_receiver(&setting, &[1]),
            slow_sender: slow_sender(&setting, &[1]),
            slow_receiver: slow_receiver(&setting, &[1]),
            setting,
            sender_keys: vec![1],
            receiver_keys: vec![1],
            newest_key: 1,
            saved_sender: None,
            saved_receiver: None,
            counted: BTreeMap::new(),
        })
    }

    pub(crate) fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::protect_rtp(&mut self.sender, packet).map_err(of_protect);
        let slow = self.slow_sender.protect_rtp(packet);
        assert_eq!(fast, slow, "protect RTP {packet:02x?}");
        fast
    }

    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::protect_rtcp(&mut self.sender, packet).map_err(of_protect);
        let slow = self.slow_sender.protect_rtcp(packet);
        assert_eq!(fast, slow, "protect RTCP {packet:02x?}");
        fast
    }

    /// The same for all packets in one batch.
    pub(crate) fn protect_rtp_together(
        &mut self,
        packets: &[Vec<u8>],
    ) -> Vec<Result<Vec<u8>, Verdict>> {
        let (room, sender) = (self.sender.max_trailer_len(), &mut self.sender);
        let fast = packets::protect_together(packets, room, |batch| {
            sender.protect_rtp_batch(batch);
        });
        let slow = packets.iter().map(|p| self.slow_sender.protect_rtp(p));
        all_equal(fast.into_iter().map(|p| p.map_err(of_protect)), slow)
    }

    pub(crate) fn protect_rtcp_together(
        &mut self,
        packets: &[Vec<u8>],
    ) -> Vec<Result<Vec<u8>, Verdict>> {
        let (room, sender) = (self.sender.max_trailer_len(), &mut self.sender);
        let fast = packets::protect_together(packets, room, |batch| {
            sender.protect_rtcp_batch(batch);
        });
        let slow = packets.iter().map(|p| self.slow_sender.protect_rtcp(p));
        all_equal(fast.into_iter().map(|p| p.map_err(of_protect)), slow)
    }

    pub(crate) fn unprotect_rtp_together(
        &mut self,
        packets: &[Vec<u8>],
    ) -> Vec<Result<Vec<u8>, Verdict>> {
        let receiver = &mut self.receiver;
        let fast = packets::unprotect_together(packets, |batch| {
            receiver.unprotect_rtp_batch(batch);
        });
        let fast = fast.into_iter().map(|opened| {
            let (plain, _) = opened.map_err(of_unprotect)?;
            Ok(plain)
        });
        let slow = packets.iter().map(|p| self.slow_receiver.unprotect_rtp(p));
        let all = all_equal(fast, slow);
        for (packet, verdict) in packets.iter().zip(&all) {
            self.note(packet.get(8..12), |counters| &mut counters.rtp, verdict);
        }
        for packet in packets {
            self.check_counters(packet.get(8..12));
        }
        all
    }

    pub(crate) fn unprotect_rtcp_together(
        &mut self,
        packets: &[Vec<u8>],
    ) -> Vec<Result<Vec<u8>, Verdict>> {
        let receiver = &mut self.receiver;
        let fast = packets::unprotect_together(packets, |batch| {
            receiver.unprotect_rtcp_batch(batch);
        });
        let fast = fast.into_iter().map(|opened| {
            let (plain, _) = opened.map_err(of_unprotect)?;
            Ok(plain)
        });
        let slow = packets.iter().map(|p| self.slow_receiver.unprotect_rtcp(p));
        let all = all_equal(fast, slow);
        for (packet, verdict) in packets.iter().zip(&all) {
            self.note(packet.get(4..8), |counters| &mut counters.rtcp, verdict);
        }
        for packet in packets {
            self.check_counters(packet.get(4..8));
        }
        all
    }

    /// What a receiver has of this packet: the packet, but where Cryptex puts
    /// an empty extension in (RFC 9335 §5.2).
    pub(crate) fn what_comes_back(&self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        if self.setting.cryptex() != Cryptex::Off && packet[0] & 0x10 == 0 && packet[0] & 0x0f != 0
        {
            let at = 12 + 4 * usize::from(packet[0] & 0x0f);
            packet[0] |= 0x10;
            packet.splice(at..at, [0xbe, 0xde, 0, 0]);
        }
        packet
    }

    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::opened_rtp(&mut self.receiver, packet);
        let slow = self.slow_receiver.unprotect_rtp(packet);
        if let Ok((plain, opened)) = &fast {
            assert_eq!(opened.len, plain.len());
            assert_eq!(plain[8..12], opened.ssrc.to_be_bytes());
            assert_eq!(plain[2..4], opened.index.seq().to_be_bytes());
            let newest = self.receiver.newest_index(opened.ssrc);
            assert!(newest >= Some(opened.index));
            let mki = opened.mki(packet).map_or(0, <[u8]>::len);
            assert_eq!(mki, self.setting.mki_len);
        }
        let fast = fast.map(|(plain, _)| plain).map_err(of_unprotect);
        assert_eq!(fast, slow, "unprotect RTP {packet:02x?}");
        self.count(packet.get(8..12), |counters| &mut counters.rtp, &fast);
        fast
    }

    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::unprotect_rtcp(&mut self.receiver, packet).map_err(of_unprotect);
        let slow = self.slow_receiver.unprotect_rtcp(packet);
        assert_eq!(fast, slow, "unprotect RTCP {packet:02x?}");
        self.count(packet.get(4..8), |counters| &mut counters.rtcp, &fast);
        fast
    }

    /// Counts a packet as the receiver's counters should, and compares them.
    fn count(
        &mut self,
        ssrc: Option<&[u8]>,
        of: fn(&mut StreamCounters) -> &mut callseal_srtp::Counters,
        verdict: &Result<Vec<u8>, Verdict>,
    ) {
        self.note(ssrc, of, verdict);
        self.check_counters(ssrc);
    }

    fn note(
        &mut self,
        ssrc: Option<&[u8]>,
        of: fn(&mut StreamCounters) -> &mut callseal_srtp::Counters,
        verdict: &Result<Vec<u8>, Verdict>,
    ) {
        let Some(ssrc) = ssrc_of(ssrc) else {
            return;
        };
        // A stream that is not there yet counts from its first packet on.
        if verdict.is_ok() {
            self.counted.entry(ssrc).or_default();
        }
        if let Some(counters) = self.counted.get_mut(&ssrc).map(of) {
            match verdict {
                Ok(plain) => {
                    counters.packets += 1;
                    counters.octets += plain.len() as u64;
                }
                Err(Verdict::AuthenticationFailed) => counters.auth_failures += 1,
                Err(Verdict::Replayed) => counters.replayed += 1,
                Err(Verdict::TooOld) => counters.too_old += 1,
                Err(_) => {}
            }
        }
    }

    fn check_counters(&self, ssrc: Option<&[u8]>) {
        let Some(ssrc) = ssrc_of(ssrc) else {
            return;
        };
        let newest = self.receiver.newest_index(ssrc).map(PacketIndex::get);
        assert_eq!(newest, self.slow_receiver.newest_index(ssrc));
        let read = self.receiver.counters(ssrc);
        let live = self.receiver.live_counters(ssrc);
        assert_eq!(read, live.map(|live| live.read()));
        let counted = self.counted.get(&ssrc).map(|counted| {
            let mut counted = *counted;
            let begun = counted.rtp.packets > 0;
            counted.rtp.newest_index = newest.filter(|_| begun);
            // The reference does not tell it.
            let rtcp = read.and_then(|read| read.rtcp.newest_index);
            assert_eq!(rtcp.is_some(), counted.rtcp.packets > 0);
            counted.rtcp.newest_index = rtcp;
            counted
        });
        assert_eq!(read, counted, "{ssrc:#x}");
        assert_eq!(self.receiver.roc(ssrc), self.slow_receiver.roc(ssrc));
        assert_eq!(self.receiver.ssrcs().count(), self.counted.len());
        assert_eq!(self.receiver.stream_count(), self.counted.len());
    }

    pub(crate) fn set_roc_at_sender(&mut self, ssrc: u32, roc: u32) {
        let fast = self.sender.set_roc(ssrc, roc).map_err(of_set_roc);
        assert_eq!(fast, self.slow_sender.set_roc(ssrc, roc));
        assert_eq!(self.sender.roc(ssrc), self.slow_sender.roc(ssrc));
    }

    pub(crate) fn start_stream(&mut self, ssrc: u32, roc: u32, seq: u16) {
        let first = PacketIndex::from_parts(roc, seq);
        let fast = self.sender.start_stream(ssrc, first).is_ok();
        assert_eq!(fast, self.slow_sender.start(ssrc, first.get()));
        assert_eq!(self.sender.roc(ssrc), self.slow_sender.roc(ssrc));
    }

    pub(crate) fn set_roc_at_receiver(&mut self, ssrc: u32, roc: u32) {
        let fast = self.receiver.set_roc(ssrc, roc).map_err(of_set_roc);
        assert_eq!(fast, self.slow_receiver.set_roc(ssrc, roc));
        if fast.is_ok() {
            self.counted.entry(ssrc).or_default();
        }
        assert_eq!(self.receiver.roc(ssrc), self.slow_receiver.roc(ssrc));
    }

    pub(crate) fn set_next_rtcp_index(&mut self, ssrc: u32, index: u32) {
        let next = RtcpIndex::new(index).unwrap();
        let fast = self.sender.set_next_rtcp_index(ssrc, next);
        let fast = fast.map_err(|error| match error {
            SetRtcpIndexError::Backwards { .. } => Verdict::Backwards,
            SetRtcpIndexError::TooManyStreams => Verdict::TooManyStreams,
            other => panic!("{other}"),
        });
        assert_eq!(fast, self.slow_sender.set_next_rtcp_index(ssrc, index));
        let next = self.sender.next_rtcp_index(ssrc).map(RtcpIndex::get);
        assert_eq!(next, self.slow_sender.next_rtcp_index(ssrc));
    }

    /// Gives both ends a new key, and lets the sender use it where there are MKIs.
    pub(crate) fn rekey(&mut self) {
        let profile = self.setting.profile;
        if self.setting.mki_len == 0 && !self.setting.ranged {
            return;
        }
        let Some(n) = self.newest_key.checked_add(1) else {
            return;
        };
        self.newest_key = n;
        self.sender_keys.push(n);
        self.receiver_keys.push(n);
        if self.setting.mki_len == 0 {
            self.sender.add_range(range(n), key(profile, n)).unwrap();
            self.receiver.add_range(range(n), key(profile, n)).unwrap();
            self.slow_sender
                .add_range(range_ends(n), master(profile, n));
            self.slow_receiver
                .add_range(range_ends(n), master(profile, n));
            return;
        }
        let name = vec![n; self.setting.mki_len];
        self.sender.add_key(mki(&name), key(profile, n)).unwrap();
        self.receiver.add_key(mki(&name), key(profile, n)).unwrap();
        self.sender.switch_to(&mki(&name)).unwrap();
        self.slow_sender.add_key(&name, master(profile, n));
        self.slow_receiver.add_key(&name, master(profile, n));
        self.slow_sender.switch_to(&name);
    }

    /// Lets the sender go to another of its keys.
    pub(crate) fn switch_key(&mut self, place: usize) {
        if self.setting.mki_len > 0 {
            let n = self.sender_keys[place % self.sender_keys.len()];
            let name = vec![n; self.setting.mki_len];
            self.sender.switch_to(&mki(&name)).unwrap();
            self.slow_sender.switch_to(&name);
        }
    }

    /// Takes the receiver's oldest key away, where it has another one.
    pub(crate) fn remove_oldest_key(&mut self) {
        if self.receiver_keys.len() > 1 && self.setting.mki_len > 0 {
            let name = vec![self.receiver_keys.remove(0); self.setting.mki_len];
            self.receiver.remove_key(&mki(&name)).unwrap();
            self.slow_receiver.remove_key(&name);
        }
    }

    /// Takes a key away from the sender, unless it is the one in use.
    pub(crate) fn remove_senders_key(&mut self, place: usize) {
        if self.setting.mki_len > 0 {
            let place = place % self.sender_keys.len();
            let name = vec![self.sender_keys[place]; self.setting.mki_len];
            let fast = self.sender.remove_key(&mki(&name));
            let in_use = !self.slow_sender.remove_key(&name);
            assert_eq!(
                fast,
                if in_use {
                    Err(RemoveKeyError::InUse)
                } else {
                    Ok(())
                }
            );
            if !in_use {
                self.sender_keys.remove(place);
            }
        }
    }

    /// Takes a snapshot of the sender, and says that it is stored, or not.
    pub(crate) fn save_sender(&mut self, rtp: u16, rtcp: u16, is_stored: bool) {
        let reservation = Reservation {
            rtp_packets: rtp,
            rtcp_packets: rtcp,
        };
        let fast = self.sender.snapshot(reservation);
        let slow = self.slow_sender.snapshot(rtp, rtcp);
        if is_stored {
            self.sender.confirm(&fast);
            self.slow_sender.confirm(&slow);
            let keys = self.sender_keys.clone();
            self.saved_sender = Some(SavedSender { fast, slow, keys });
        }
    }

    /// Sets the sender up anew and restores the snapshot that was stored.
    pub(crate) fn restore_sender(&mut self) {
        if let Some(saved) = &self.saved_sender {
            self.sender = fast_sender(&self.setting, &saved.keys);
            self.slow_sender = slow_sender(&self.setting, &saved.keys);
            self.sender.restore(&saved.fast).unwrap();
            self.slow_sender.restore(&saved.slow);
            self.sender_keys = saved.keys.clone();
        }
    }

    pub(crate) fn save_receiver(&mut self) {
        self.saved_receiver = Some(SavedReceiver {
            fast: self.receiver.snapshot(),
            slow: self.slow_receiver.clone(),
            keys: self.receiver_keys.clone(),
        });
    }

    /// Sets the receiver up anew and restores the snapshot, however old.
    pub(crate) fn restore_receiver(&mut self) {
        if let Some(saved) = &self.saved_receiver {
            self.receiver = fast_receiver(&self.setting, &saved.keys);
            self.receiver.restore(&saved.fast).unwrap();
            self.slow_receiver = saved.slow.clone();
            self.receiver_keys = saved.keys.clone();
            // The counters begin anew.
            self.counted = self
                .receiver
                .ssrcs()
                .map(|ssrc| (ssrc, StreamCounters::default()))
                .collect();
        }
    }
}

/// What both made of each packet, which is the same.
fn all_equal(
    fast: impl Iterator<Item = Result<Vec<u8>, Verdict>>,
    slow: impl Iterator<Item = Result<Vec<u8>, Verdict>>,
) -> Vec<Result<Vec<u8>, Verdict>> {
    let both = fast.zip(slow).enumerate();
    both.map(|(n, (fast, slow))| {
        assert_eq!(fast, slow, "packet {n} of the batch");
        fast
    })
    .collect()
}

fn ssrc_of(octets: Option<&[u8]>) -> Option<u32> {
    let octets = octets?.first_chunk()?;
    Some(u32::from_be_bytes(*octets))
}

fn fast_sender(setting: &Setting, keys: &[u8]) -> Sender {
    let (policy, first) = (setting.policy(), key(setting.profile, keys[0]));
    let name = |n: u8| mki(&vec![n; setting.mki_len]);
    let mut sender = match setting.mki_len {
        0 if setting.ranged => Sender::with_range(policy, range(keys[0]), first).unwrap(),
        0 => Sender::new(policy, first).unwrap(),
        _ => Sender::with_mki(policy, name(keys[0]), first).unwrap(),
    };
    for &n in &keys[1..] {
        let key = key(setting.profile, n);
        match setting.mki_len {
            0 => sender.add_range(range(n), key).unwrap(),
            _ => sender.add_key(name(n), key).unwrap(),
        }
    }
    sender
}

fn fast_receiver(setting: &Setting, keys: &[u8]) -> Receiver {
    let (policy, first) = (setting.policy(), key(setting.profile, keys[0]));
    let name = |n: u8| mki(&vec![n; setting.mki_len]);
    let mut receiver = match setting.mki_len {
        0 if setting.ranged => Receiver::with_range(policy, range(keys[0]), first).unwrap(),
        0 => Receiver::new(policy, first).unwrap(),
        _ => Receiver::with_mki(policy, name(keys[0]), first).unwrap(),
    };
    for &n in &keys[1..] {
        let key = key(setting.profile, n);
        match setting.mki_len {
            0 => receiver.add_range(range(n), key).unwrap(),
            _ => receiver.add_key(name(n), key).unwrap(),
        }
    }
    receiver
}

fn slow_sender(setting: &Setting, keys: &[u8]) -> SlowSender {
    let (parameters, first) = (setting.parameters(), master(setting.profile, keys[0]));
    let is_ranged = setting.mki_len == 0 && setting.ranged;
    let mut sender = match is_ranged {
        true => SlowSender::with_range(parameters, range_ends(keys[0]), first),
        false => SlowSender::new(parameters, &vec![keys[0]; setting.mki_len], first),
    };
    for &n in &keys[1..] {
        let master = master(setting.profile, n);
        match is_ranged {
            true => sender.add_range(range_ends(n), master),
            false => sender.add_key(&vec![n; setting.mki_len], master),
        }
    }
    sender
}

fn slow_receiver(setting: &Setting, keys: &[u8]) -> SlowReceiver {
    let (parameters, first) = (setting.parameters(), master(setting.profile, keys[0]));
    match setting.mki_len == 0 && setting.ranged {
        true => SlowReceiver::with_range(parameters, range_ends(keys[0]), first),
        false => SlowReceiver::new(parameters, &vec![keys[0]; setting.mki_len], first),
    }
}

/// The indexes that the nth key is for: 40 each, the first of each for none.
fn range_ends(n: u8) -> (u64, u64) {
    let from = u64::from(n - 1) * 40;
    (from + u64::from(n > 1), from + 39)
}

fn range(n: u8) -> IndexRange {
    let (from, to) = range_ends(n);
    let index = |index| PacketIndex::new(index).unwrap();
    IndexRange::new(index(from), index(to)).unwrap()
}

fn master(profile: Profile, n: u8) -> Master {
    let (key, salt) = key_octets(profile, n);
    Master { key, salt }
}

fn of_protect(error: ProtectError) -> Verdict {
    match error {
        ProtectError::Malformed(_) => Verdict::Malformed,
        ProtectError::NotCryptex => Verdict::NotCryptex,
        ProtectError::NoKey => Verdict::NoKey,
        ProtectError::KeySpent => Verdict::KeySpent,
        ProtectError::Replayed => Verdict::Replayed,
        ProtectError::TooOld => Verdict::TooOld,
        ProtectError::TooManyStreams => Verdict::TooManyStreams,
        ProtectError::IndexExhausted => Verdict::Exhausted,
        ProtectError::NotReserved => Verdict::NotReserved,
        other => panic!("{other}"),
    }
}

fn of_unprotect(error: UnprotectError) -> Verdict {
    match error {
        UnprotectError::Malformed(_) => Verdict::Malformed,
        UnprotectError::NotCryptex => Verdict::NotCryptex,
        UnprotectError::NoKey => Verdict::NoKey,
        UnprotectError::KeySpent => Verdict::KeySpent,
        UnprotectError::TooManyStreams => Verdict::TooManyStreams,
        UnprotectError::IndexExhausted => Verdict::Exhausted,
        UnprotectError::Replayed => Verdict::Replayed,
        UnprotectError::TooOld => Verdict::TooOld,
        UnprotectError::EncryptFlag => Verdict::EncryptFlag,
        UnprotectError::UnknownMki => Verdict::UnknownMki,
        UnprotectError::AuthenticationFailed => Verdict::AuthenticationFailed,
        other => panic!("{other}"),
    }
}

fn of_set_roc(error: SetRocError) -> Verdict {
    match error {
        SetRocError::Backwards { .. } => Verdict::Backwards,
        SetRocError::TooManyStreams => Verdict::TooManyStreams,
        other => panic!("{other}"),
    }
}
