//! What a program in C has at hand: policies, sessions, packets.
#![allow(
    dead_code,
    reason = "each file of tests includes it for what it needs of it"
)]

use std::ffi::{c_int, c_void};
use std::ptr;

use srtp2::Session;
use srtp2::exports::packets::*;
use srtp2::exports::policies::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::{CryptoPolicy, MasterKeyAndMki, Policy, Ssrc, ssrc_type};

pub(crate) type Setter = unsafe extern "C" fn(*mut CryptoPolicy);
pub(crate) type Operation = unsafe extern "C" fn(*mut Session, *mut c_void, *mut c_int) -> Status;

/// SRTP's and SRTCP's.
pub(crate) const SUITES: [[Setter; 2]; 9] = [
    [srtp_crypto_policy_set_rtp_default; 2],
    [
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
        srtp_crypto_policy_set_rtcp_default,
    ],
    [srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80; 2],
    [srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80; 2],
    [srtp_crypto_policy_set_aes_cm_128_null_auth; 2],
    [srtp_crypto_policy_set_null_cipher_hmac_sha1_80; 2],
    [srtp_crypto_policy_set_aes_gcm_128_16_auth; 2],
    [srtp_crypto_policy_set_aes_gcm_256_16_auth; 2],
    [srtp_crypto_policy_set_aes_gcm_128_8_only_auth; 2],
];

pub(crate) fn policy([rtp, rtcp]: [Setter; 2], ssrc: Ssrc, key: &mut [u8; 64]) -> Policy {
    let set = |setter: Setter| {
        let mut policy = CryptoPolicy::default();
        unsafe { setter(&mut policy) };
        policy
    };
    Policy {
        ssrc,
        rtp: set(rtp),
        rtcp: set(rtcp),
        key: key.as_mut_ptr(),
        keys: ptr::null_mut(),
        num_master_keys: 0,
        deprecated_ekt: ptr::null_mut(),
        window_size: 0,
        allow_repeat_tx: 0,
        enc_xtn_hdr: ptr::null_mut(),
        enc_xtn_hdr_count: 0,
        next: ptr::null_mut(),
    }
}

pub(crate) const ANY_INBOUND: Ssrc = Ssrc {
    kind: ssrc_type::ANY_INBOUND,
    value: 0,
};

pub(crate) const ANY_OUTBOUND: Ssrc = Ssrc {
    kind: ssrc_type::ANY_OUTBOUND,
    value: 0,
};

/// A session that is deallocated when it goes.
pub(crate) struct Owned(pub(crate) *mut Session);

// A session may move between threads, as long as one at a time has it.
unsafe impl Send for Owned {}

impl Owned {
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut session = ptr::null_mut();
        let status = unsafe { srtp_create(&mut session, policy) };
        assert_eq!(status, Status::Ok);
        Self(session)
    }

    /// With one template.
    pub(crate) fn of(suite: [Setter; 2], ssrc: Ssrc) -> Self {
        Self::new(&policy(suite, ssrc, &mut [7; 64]))
    }

    /// With one template of two keys, whose MKIs are these.
    pub(crate) fn with_mkis(suite: [Setter; 2], ssrc: Ssrc, mkis: [&[u8]; 2]) -> Self {
        let (mut octets, mut mkis) = ([[7; 64], [8; 64]], mkis.map(<[u8]>::to_vec));
        let keys = octets.iter_mut().zip(&mut mkis);
        let keys = keys.map(|(key, mki)| MasterKeyAndMki {
            key: key.as_mut_ptr(),
            mki_id: mki.as_mut_ptr(),
            mki_size: mki.len() as u32,
        });
        let mut keys: Vec<_> = keys.collect();
        let mut list: Vec<_> = keys.iter_mut().map(ptr::from_mut).collect();
        let mut policy = policy(suite, ssrc, &mut [0; 64]);
        policy.key = ptr::null_mut();
        policy.keys = list.as_mut_ptr();
        policy.num_master_keys = 2;
        Self::new(&policy)
    }

    /// The status, and the length afterwards.
    pub(crate) fn run(
        &self,
        operation: Operation,
        packet: &mut [u8],
        len: usize,
    ) -> (Status, usize) {
        assert!(len <= packet.len());
        let mut len = len as c_int;
        let status = unsafe { operation(self.0, packet.as_mut_ptr().cast(), &mut len) };
        (status, len as usize)
    }

    /// The packet with its trailer.
    pub(crate) fn protect(&self, packet: &[u8]) -> Result<Vec<u8>, Status> {
        self.protect_by(srtp_protect, packet)
    }

    pub(crate) fn protect_by(
        &self,
        operation: Operation,
        packet: &[u8],
    ) -> Result<Vec<u8>, Status> {
        let mut room = packet.to_vec();
        room.resize(packet.len() + 148, 0);
        match self.run(operation, &mut room, packet.len()) {
            (Status::Ok, len) => Ok(room[..len].to_vec()),
            (status, _) => Err(status),
        }
    }

    pub(crate) fn unprotect(&self, packet: &[u8]) -> Result<Vec<u8>, Status> {
        let mut room = packet.to_vec();
        match self.run(srtp_unprotect, &mut room, packet.len()) {
            (Status::Ok, len) => Ok(room[..len].to_vec()),
            (status, _) => Err(status),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        unsafe { srtp_dealloc(self.0) };
    }
}

pub(crate) fn rtp(ssrc: u32, seq: u16, payload_len: usize) -> Vec<u8> {
    let mut packet = vec![0x5a; 12 + payload_len];
    packet[..2].copy_from_slice(&[0x80, 96]);
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet
}
