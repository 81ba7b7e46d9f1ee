//! Both ends of a session twice, in this crate and in the slow reference:
//! every step is taken by both, and has to give equal octets or equal verdicts.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../packets/mod.rs"]
pub(crate) mod packets;

use callseal_srtp::{Profile, ProtectError, Receiver, Sender, SetRocError, UnprotectError};
use callseal_testvectors::srtp_reference::{Master, Parameters, SlowReceiver, SlowSender, Verdict};

use packets::{key, key_octets, mki, pair, pair_with_mki, policy};

/// What the two ends have agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) profile: Profile,
    /// 0 where packets carry no MKI.
    pub(crate) mki_len: usize,
    pub(crate) rtp_window: u64,
    pub(crate) rtcp_window: u64,
    pub(crate) encrypt_rtcp: bool,
    pub(crate) repeat_allowed: bool,
}

impl Setting {
    /// A setting for each octet, for fuzz targets.
    pub(crate) fn of_octet(octet: u8) -> Self {
        let bits = usize::from(octet);
        Self {
            profile: Profile::ALL[(bits & 1) % Profile::ALL.len()],
            mki_len: [0, 1, 4, 128][bits >> 1 & 3],
            encrypt_rtcp: bits >> 3 & 1 == 0,
            repeat_allowed: bits >> 4 & 1 == 1,
            rtp_window: [64, 100][bits >> 5 & 1],
            rtcp_window: [64, 100][bits >> 6 & 1],
        }
    }
}

pub(crate) struct Judged {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    slow_sender: SlowSender,
    slow_receiver: SlowReceiver,
    setting: Setting,
    /// Numbers of the receiver's keys, the oldest first.
    keys: Vec<u8>,
}

impl Judged {
    /// How many streams either end has room for.
    pub(crate) const MAX_STREAMS: usize = 3;

    pub(crate) fn new(setting: Setting) -> Self {
        let profile = setting.profile;
        let mut policy = policy(profile)
            .with_rtp_window(setting.rtp_window as usize)
            .with_rtcp_window(setting.rtcp_window as usize)
            .with_max_streams(Self::MAX_STREAMS);
        if setting.repeat_allowed {
            policy = policy.with_repeated_transmission();
        }
        if !setting.encrypt_rtcp {
            policy = policy.with_unencrypted_rtcp();
        }
        let name = vec![1; setting.mki_len];
        let (sender, receiver) = match setting.mki_len {
            0 => pair(policy),
            _ => pair_with_mki(policy, &name),
        };
        let parameters = Parameters {
            rtp_tag_len: profile.rtp_tag_len(),
            rtcp_tag_len: profile.rtcp_tag_len(),
            rtp_window: setting.rtp_window,
            rtcp_window: setting.rtcp_window,
            encrypt_rtcp: setting.encrypt_rtcp,
            repeat_allowed: setting.repeat_allowed,
            max_streams: Self::MAX_STREAMS,
        };
        Self {
            sender,
            receiver,
            slow_sender: SlowSender::new(parameters.clone(), &name, master(profile, 1)),
            slow_receiver: SlowReceiver::new(parameters, &name, master(profile, 1)),
            setting,
            keys: vec![1],
        }
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

    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::unprotect_rtp(&mut self.receiver, packet).map_err(of_unprotect);
        let slow = self.slow_receiver.unprotect_rtp(packet);
        assert_eq!(fast, slow, "unprotect RTP {packet:02x?}");
        fast
    }

    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let fast = packets::unprotect_rtcp(&mut self.receiver, packet).map_err(of_unprotect);
        let slow = self.slow_receiver.unprotect_rtcp(packet);
        assert_eq!(fast, slow, "unprotect RTCP {packet:02x?}");
        fast
    }

    pub(crate) fn set_roc_at_sender(&mut self, ssrc: u32, roc: u32) {
        let fast = self.sender.set_roc(ssrc, roc).map_err(of_set_roc);
        assert_eq!(fast, self.slow_sender.set_roc(ssrc, roc));
    }

    pub(crate) fn set_roc_at_receiver(&mut self, ssrc: u32, roc: u32) {
        let fast = self.receiver.set_roc(ssrc, roc).map_err(of_set_roc);
        assert_eq!(fast, self.slow_receiver.set_roc(ssrc, roc));
    }

    /// Gives both ends a new key and lets the sender use it, where there are MKIs.
    pub(crate) fn rekey(&mut self) {
        let profile = self.setting.profile;
        let newest = self.keys.last().copied().unwrap_or(0);
        let (true, Some(n)) = (self.setting.mki_len > 0, newest.checked_add(1)) else {
            return;
        };
        let name = vec![n; self.setting.mki_len];
        self.sender.add_key(mki(&name), key(profile, n)).unwrap();
        self.receiver.add_key(mki(&name), key(profile, n)).unwrap();
        self.sender.switch_to(&mki(&name)).unwrap();
        self.slow_sender.add_key(&name, master(profile, n));
        self.slow_receiver.add_key(&name, master(profile, n));
        self.slow_sender.switch_to(&name);
        self.keys.push(n);
    }

    /// Takes the receiver's oldest key away, where it has another one.
    pub(crate) fn remove_oldest_key(&mut self) {
        if self.keys.len() > 1 {
            let name = vec![self.keys.remove(0); self.setting.mki_len];
            self.receiver.remove_key(&mki(&name)).unwrap();
            self.slow_receiver.remove_key(&name);
        }
    }
}

fn master(profile: Profile, n: u8) -> Master {
    let (key, salt) = key_octets(profile, n);
    Master { key, salt }
}

fn of_protect(error: ProtectError) -> Verdict {
    match error {
        ProtectError::Malformed(_) => Verdict::Malformed,
        ProtectError::Replayed => Verdict::Replayed,
        ProtectError::TooOld => Verdict::TooOld,
        ProtectError::TooManyStreams => Verdict::TooManyStreams,
        ProtectError::IndexExhausted => Verdict::Exhausted,
        other => panic!("{other}"),
    }
}

fn of_unprotect(error: UnprotectError) -> Verdict {
    match error {
        UnprotectError::Malformed(_) => Verdict::Malformed,
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
