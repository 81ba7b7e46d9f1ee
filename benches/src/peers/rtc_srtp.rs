//! rtc-srtp, the SRTP of webrtc-rs, over ring: its default.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use callseal_srtp::Profile;
use rtc_crypto::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::contender::Contender;
use crate::load::{Load, Operation, octets_of_key};
use crate::packets::{PASS, Packets};

pub(super) fn all(load: Load) -> Vec<Box<dyn Contender>> {
    let profile = match load.profile {
        Profile::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Profile::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Profile::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Profile::AesCm256HmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        _ => return Vec::new(),
    };
    // Packets are compared octet for octet, and which SRTCP index comes first is
    // each library's own choice.
    if load.operation == Operation::ProtectRtcp {
        return Vec::new();
    }
    vec![Box::new(RtcSrtp::new(load, profile))]
}

struct RtcSrtp {
    load: Load,
    contexts: Vec<Context>,
    done: Vec<BytesMut>,
}

impl RtcSrtp {
    fn new(load: Load, profile: ProtectionProfile) -> Self {
        let provider: Arc<dyn RTCCryptoProvider> =
            rtc_crypto::default_provider().expect("a provider is built in");
        let context = |session| {
            let (key, salt) = octets_of_key(load.profile, session);
            // Without these a receiver takes replays, and is no peer.
            let rtp = load.operation.opens().then(|| srtp_replay_protection(128));
            let rtcp = load.operation.opens().then(|| srtcp_replay_protection(128));
            let context = Context::new(&key, &salt, profile, rtp, rtcp, provider.crypto());
            context.expect("the key's lengths are the profile's")
        };
        Self {
            load,
            contexts: (0..load.sessions).map(context).collect(),
            done: Vec::new(),
        }
    }
}

impl Contender for RtcSrtp {
    fn name(&self) -> String {
        "rtc-srtp".into()
    }

    fn batch(&self) -> usize {
        0
    }

    fn is_srtp(&self) -> bool {
        true
    }

    fn run(&mut self, packets: &mut Packets) {
        self.done.resize_with(PASS, BytesMut::new);
        for (packet, done) in packets.all.iter_mut().zip(&mut self.done) {
            let context = &mut self.contexts[packet.session];
            let octets = black_box(packet.octets());
            let result = match self.load.operation {
                Operation::Protect => context.encrypt_rtp(octets),
                Operation::Unprotect => context.decrypt_rtp(octets),
                Operation::ProtectRtcp => context.encrypt_rtcp(octets),
                Operation::UnprotectRtcp => context.decrypt_rtcp(octets),
            };
            // Its last result is freed here, on the clock, as it would be.
            *done = result.expect("a fresh packet is accepted");
        }
    }

    fn collect(&mut self, packets: &mut Packets) {
        for (packet, done) in packets.all.iter_mut().zip(&self.done) {
            packet.room()[..done.len()].copy_from_slice(done);
            packet.len = done.len();
        }
    }
}
