//! Both ends of a session twice, in this crate and in the slow reference:
//! every step is taken by both, and has to give equal octets or equal verdicts.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../packets/mod.rs"]
pub(crate) mod packets;

use callseal_srtp::{
    Cryptex, IndexRange, KeyDerivationRate, KeyLifetime, PacketIndex, Policy, Profile,
    ProtectError, Receiver, RocCarrying, RocCarryingMode, RtcpIndex, Sender, SetRocError,
    SetRtcpIndexError, UnprotectError,
};
use callseal_testvectors::srtp_reference::{
    self, Cipher, Master, Parameters, SlowReceiver, SlowSender, Verdict,
};

use packets::{key, key_octets, mki, pair, pair_with_mki, policy};

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
    pub(crate) extra: Extra,
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
            extra: Extra::Nothing,
        }
    }

    /// A setting for each two octets, for fuzz targets.
    pub(crate) fn of_octets([first, second]: [u8; 2]) -> Self {
        let bits = usize::from(second);
        Self {
            profile: Profile::ALL[usize::from(first & 0x0f) % Profile::ALL.len()],
            extra: Extra::of_number(first >> 4),
            mki_len: [0, 1, 4, 128][bits >> 1 & 3],
            encrypt_rtcp: bits >> 3 & 1 == 0,
            repeat_allowed: bits >> 4 & 1 == 1,
            rtp_window: [64, 100][bits >> 5 & 1],
            rtcp_window: [64, 100][bits >> 6 & 1],
            ranged: bits >> 7 & 1 == 1,
            ..Self::new(Profile::NullNull)
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
        match self.extra {
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
        }
    }

    /// Whether the policy can be put to use at all.
    pub(crate) fn holds_together(&self) -> bool {
        Sender::new(self.policy(), key(self.profile, 1)).is_ok()
    }

    fn parameters(&self) -> Parameters {
        let profile = self.profile;
        let cipher = match profile.name() {
            name if name.starts_with("NULL") => Cipher::Null,
            name if name.starts_with("F8") => Cipher::AesF8,
            name if name.starts_with("AEAD") => Cipher::AesGcm,
            _ => Cipher::AesCm,
        };
        let mut parameters = Parameters::new(cipher, profile.rtp_tag_len(), profile.rtcp_tag_len());
        parameters.rtp_window = self.rtp_window;
        parameters.rtcp_window = self.rtcp_window;
        parameters.encrypt_rtp &= self.encrypt_rtp;
        parameters.encrypt_rtcp &= self.encrypt_rtcp;
        parameters.repeat_allowed = self.repeat_allowed;
        parameters.max_streams = Judged::MAX_STREAMS;
        match self.extra {
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
        parameters
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
    /// Numbers of the receiver's keys, the oldest first.
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
        let profile = setting.profile;
        let policy = setting.policy();
        let parameters = setting.parameters();
        let name = vec![1; setting.mki_len];
        if setting.ranged && setting.mki_len == 0 {
            let (fast, slow) = (range(1), range_ends(1));
            let sender = Sender::with_range(policy.clone(), fast, key(profile, 1)).unwrap();
            let receiver = Receiver::with_range(policy, fast, key(profile, 1)).unwrap();
            let master = master(profile, 1);
            return Some(Self {
                sender,
                receiver,
                slow_sender: SlowSender::with_range(parameters.clone(), slow, master.clone()),
                slow_receiver: SlowReceiver::with_range(parameters, slow, master),
                setting,
                keys: vec![1],
            });
        }
        let (sender, receiver) = match setting.mki_len {
            0 => pair(policy),
            _ => pair_with_mki(policy, &name),
        };
        Some(Self {
            sender,
            receiver,
            slow_sender: SlowSender::new(parameters.clone(), &name, master(profile, 1)),
            slow_receiver: SlowReceiver::new(parameters, &name, master(profile, 1)),
            setting,
            keys: vec![1],
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

    /// What a receiver has of this packet: the packet, but where Cryptex puts
    /// an empty extension in (RFC 9335 §5.2).
    pub(crate) fn what_comes_back(&self, packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        let uses = matches!(
            self.setting.extra,
            Extra::Cryptex(Cryptex::On | Cryptex::Required)
        );
        if uses && packet[0] & 0x10 == 0 && packet[0] & 0x0f != 0 {
            let at = 12 + 4 * usize::from(packet[0] & 0x0f);
            packet[0] |= 0x10;
            packet.splice(at..at, [0xbe, 0xde, 0, 0]);
        }
        packet
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

    pub(crate) fn set_next_rtcp_index(&mut self, ssrc: u32, index: u32) {
        let next = RtcpIndex::new(index).unwrap();
        let fast = self.sender.set_next_rtcp_index(ssrc, next);
        let fast = fast.map_err(|error| match error {
            SetRtcpIndexError::Backwards { .. } => Verdict::Backwards,
            SetRtcpIndexError::TooManyStreams => Verdict::TooManyStreams,
            other => panic!("{other}"),
        });
        assert_eq!(fast, self.slow_sender.set_next_rtcp_index(ssrc, index));
    }

    /// Gives both ends a new key, and lets the sender use it where there are MKIs.
    pub(crate) fn rekey(&mut self) {
        let profile = self.setting.profile;
        let newest = self.keys.last().copied().unwrap_or(0);
        let Some(n) = newest.checked_add(1) else {
            return;
        };
        if self.setting.mki_len == 0 {
            if self.setting.ranged {
                self.sender.add_range(range(n), key(profile, n)).unwrap();
                self.receiver.add_range(range(n), key(profile, n)).unwrap();
                self.slow_sender
                    .add_range(range_ends(n), master(profile, n));
                self.slow_receiver
                    .add_range(range_ends(n), master(profile, n));
                self.keys.push(n);
            }
            return;
        }
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
        if self.keys.len() > 1 && self.setting.mki_len > 0 {
            let name = vec![self.keys.remove(0); self.setting.mki_len];
            self.receiver.remove_key(&mki(&name)).unwrap();
            self.slow_receiver.remove_key(&name);
        }
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
