//! What both ends agree on besides the keys, and the bounds this end sets.

use callseal_srtp_crypto::Backend;

use crate::cryptex::Cryptex;
use crate::extension::ExtensionIds;
use crate::hmac_lengths::HmacLengths;
use crate::index::RtcpIndex;
use crate::keys::{AddKeyError, KeyDerivationRate, KeyLifetime, MasterKey};
use crate::profile::Profile;
use crate::roc_carrying::{RocCarrying, RocCarryingMode};
use crate::trailer::Trailer;

/// The settings of a [`Sender`](crate::Sender) or a [`Receiver`](crate::Receiver).
///
/// ```
/// use callseal_srtp::{Policy, Profile};
///
/// let policy = Policy::new(Profile::AesCm128HmacSha1_80)
///     .with_rtp_window(1_024)
///     .with_max_streams(32);
/// assert_eq!(policy.profile(), Profile::AesCm128HmacSha1_80);
/// ```
///
/// What cannot go together is told where the policy is put to use, as a
/// [`SetUpError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    profile: Profile,
    rtcp_profile: Profile,
    rtcp_tag_short: bool,
    rtp_hmac: Option<HmacLengths>,
    rtcp_hmac: Option<HmacLengths>,
    rtp_window: usize,
    rtcp_window: usize,
    max_streams: usize,
    repeat_allowed: bool,
    rtp_encrypted: bool,
    rtp_authenticated: bool,
    rtcp_encrypted: bool,
    key_derivation_rate: KeyDerivationRate,
    key_lifetime: KeyLifetime,
    first_rtcp_index: RtcpIndex,
    roc_carrying: Option<RocCarrying>,
    neighbouring_rocs_tried: bool,
    encrypted_extensions: Option<ExtensionIds>,
    cryptex: Cryptex,
    backend: Backend,
}

impl Policy {
    /// The smallest replay window, in packets (RFC 3711 §3.3.2).
    pub const MIN_WINDOW: usize = 64;

    /// The largest replay window, in packets. A packet further behind than
    /// half of the sequence numbers is taken for a newer one (RFC 3711 §3.3.1),
    /// so that a larger window would never be used.
    pub const MAX_WINDOW: usize = 32_768;

    /// Replay windows of 128 packets, at most 1,024 streams, no repeated
    /// transmission, everything encrypted and authenticated that the profile
    /// can, a key derivation rate of 0, keys for as long as RFC 3711 lets them
    /// live, 0 as the first SRTCP index.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            rtcp_profile: profile,
            rtcp_tag_short: false,
            rtp_hmac: None,
            rtcp_hmac: None,
            rtp_window: 128,
            rtcp_window: 128,
            max_streams: 1_024,
            repeat_allowed: false,
            rtp_encrypted: true,
            rtp_authenticated: true,
            rtcp_encrypted: true,
            key_derivation_rate: KeyDerivationRate::ONCE,
            key_lifetime: KeyLifetime::MAX,
            first_rtcp_index: RtcpIndex::ZERO,
            roc_carrying: None,
            neighbouring_rocs_tried: false,
            encrypted_extensions: None,
            cryptex: Cryptex::Off,
            backend: Backend::detected(),
        }
    }

    /// Sets another profile for SRTCP. Key and salt are those of
    /// [`profile`](Self::profile), so that both have to be equally long.
    #[must_use]
    pub fn with_rtcp_profile(self, profile: Profile) -> Self {
        Self {
            rtcp_profile: profile,
            ..self
        }
    }

    /// Cuts SRTCP's tag to the length of SRTP's, 4 octets in the profiles
    /// with a 32-bit tag.
    ///
    /// RFC 3711 §5.2 and RFC 4568 §6.2.2 say 10; ffmpeg sends 4, and takes
    /// nothing else. One guess in 2^32 is then right.
    #[must_use]
    pub fn with_short_rtcp_tag(self) -> Self {
        Self {
            rtcp_tag_short: true,
            ..self
        }
    }

    /// Sets the lengths of SRTP's HMAC-SHA1, where they are not the profile's.
    #[must_use]
    pub fn with_rtp_hmac(self, lengths: HmacLengths) -> Self {
        Self {
            rtp_hmac: Some(lengths),
            ..self
        }
    }

    /// Sets the lengths of SRTCP's HMAC-SHA1, where they are not the profile's.
    /// RFC 3711 §3.4 has no SRTCP without a tag; a tag of 0 octets makes one.
    #[must_use]
    pub fn with_rtcp_hmac(self, lengths: HmacLengths) -> Self {
        Self {
            rtcp_hmac: Some(lengths),
            ..self
        }
    }

    /// Sets SRTP's replay window: how many of the newest indexes are told
    /// apart, from [`MIN_WINDOW`](Self::MIN_WINDOW) to
    /// [`MAX_WINDOW`](Self::MAX_WINDOW). What is older is refused.
    #[must_use]
    pub fn with_rtp_window(self, packets: usize) -> Self {
        Self {
            rtp_window: packets,
            ..self
        }
    }

    /// Sets SRTCP's replay window, within the same bounds.
    #[must_use]
    pub fn with_rtcp_window(self, packets: usize) -> Self {
        Self {
            rtcp_window: packets,
            ..self
        }
    }

    /// Sets how many SSRCs may have state at a time.
    #[must_use]
    pub fn with_max_streams(self, streams: usize) -> Self {
        Self {
            max_streams: streams,
            ..self
        }
    }

    /// Lets a sender protect a sequence number again.
    ///
    /// Safe only where the packet is the same octet for octet, as in a plain
    /// retransmission: two different payloads under one index share their
    /// keystream, and whoever sees both learns their difference (RFC 3711 §9.1).
    #[must_use]
    pub fn with_repeated_transmission(self) -> Self {
        Self {
            repeat_allowed: true,
            ..self
        }
    }

    /// Leaves SRTP's payload in clear, authenticated still: UNENCRYPTED_SRTP of
    /// RFC 4568 §6.3.2.
    #[must_use]
    pub fn with_unencrypted_rtp(self) -> Self {
        Self {
            rtp_encrypted: false,
            ..self
        }
    }

    /// Leaves SRTP without a tag: UNAUTHENTICATED_SRTP of RFC 4568 §6.3.2.
    ///
    /// Anybody can then make up packets, streams with them, and turn bits of
    /// genuine payloads as they please (RFC 3711 §9.5).
    #[must_use]
    pub fn with_unauthenticated_rtp(self) -> Self {
        Self {
            rtp_authenticated: false,
            ..self
        }
    }

    /// Leaves SRTCP's payload in clear, authenticated still; the E bit is then
    /// 0, and a packet where it is 1 is refused (RFC 3711 §3.4).
    #[must_use]
    pub fn with_unencrypted_rtcp(self) -> Self {
        Self {
            rtcp_encrypted: false,
            ..self
        }
    }

    /// Sets how often session keys are derived anew, in SRTP and in SRTCP.
    #[must_use]
    pub fn with_key_derivation_rate(self, rate: KeyDerivationRate) -> Self {
        Self {
            key_derivation_rate: rate,
            ..self
        }
    }

    /// Sets how many packets a master key may protect.
    #[must_use]
    pub fn with_key_lifetime(self, lifetime: KeyLifetime) -> Self {
        Self {
            key_lifetime: lifetime,
            ..self
        }
    }

    /// Sets the index of a sender's first SRTCP packet of a stream. RFC 3711
    /// §3.4 begins with 0; libsrtp with 1.
    #[must_use]
    pub fn with_first_rtcp_index(self, index: RtcpIndex) -> Self {
        Self {
            first_rtcp_index: index,
            ..self
        }
    }

    /// Lets packets of SRTP carry the rollover counter (RFC 4771).
    #[must_use]
    pub fn with_roc_carrying(self, roc_carrying: RocCarrying) -> Self {
        Self {
            roc_carrying: Some(roc_carrying),
            ..self
        }
    }

    /// Lets a receiver that has seen no packet of a stream yet try the ROC
    /// after the one it assumes, and the one before, where the tag is wrong:
    /// for one that joins late, or was told a ROC that has just changed.
    ///
    /// A packet of an unknown stream then costs up to three tags.
    #[must_use]
    pub fn with_neighbouring_rocs_tried(self) -> Self {
        Self {
            neighbouring_rocs_tried: true,
            ..self
        }
    }

    /// Encrypts the header extensions with these ids, each by itself (RFC 6904).
    #[must_use]
    pub fn with_encrypted_extensions(self, ids: ExtensionIds) -> Self {
        Self {
            encrypted_extensions: Some(ids),
            ..self
        }
    }

    /// Encrypts CSRCs and all header extensions, or opens packets where they
    /// are encrypted (RFC 9335).
    #[must_use]
    pub fn with_cryptex(self, cryptex: Cryptex) -> Self {
        Self { cryptex, ..self }
    }

    /// Sets what the cryptography runs on, for tests and benches; the default
    /// is [`Backend::detected`].
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The profile; SRTCP's may be another.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// SRTCP's profile.
    #[must_use]
    pub fn rtcp_profile(&self) -> Profile {
        self.rtcp_profile
    }

    /// SRTP's replay window, in packets.
    #[must_use]
    pub fn rtp_window(&self) -> usize {
        self.rtp_window
    }

    /// SRTCP's replay window, in packets.
    #[must_use]
    pub fn rtcp_window(&self) -> usize {
        self.rtcp_window
    }

    /// How many SSRCs may have state at a time.
    #[must_use]
    pub fn max_streams(&self) -> usize {
        self.max_streams
    }

    /// How often session keys are derived anew.
    #[must_use]
    #[inline]
    pub fn key_derivation_rate(&self) -> KeyDerivationRate {
        self.key_derivation_rate
    }

    /// How many packets a master key may protect.
    #[must_use]
    pub fn key_lifetime(&self) -> KeyLifetime {
        self.key_lifetime
    }

    #[inline]
    pub(crate) fn repeat_allowed(&self) -> bool {
        self.repeat_allowed
    }

    #[inline]
    pub(crate) fn rtp_encrypted(&self) -> bool {
        self.rtp_encrypted && self.profile.encrypts()
    }

    /// Whether nothing is asked of SRTP but that payloads are encrypted.
    pub(crate) fn rtp_is_ordinary(&self) -> bool {
        self.rtp_encrypted()
            && self.cryptex == Cryptex::Off
            && self.encrypted_extensions.is_none()
            && self.roc_carrying.is_none()
    }

    #[inline]
    pub(crate) fn rtcp_encrypted(&self) -> bool {
        self.rtcp_encrypted && self.rtcp_profile.encrypts()
    }

    #[inline]
    pub(crate) fn first_rtcp_index(&self) -> RtcpIndex {
        self.first_rtcp_index
    }

    pub(crate) fn roc_carrying(&self) -> Option<RocCarrying> {
        self.roc_carrying
    }

    #[inline]
    pub(crate) fn neighbouring_rocs_tried(&self) -> bool {
        self.neighbouring_rocs_tried
    }

    #[inline]
    pub(crate) fn encrypted_extensions(&self) -> Option<&ExtensionIds> {
        self.encrypted_extensions.as_ref()
    }

    #[inline]
    pub(crate) fn cryptex(&self) -> Cryptex {
        self.cryptex
    }

    pub(crate) fn set_cryptex(&mut self, cryptex: Cryptex) -> Result<(), SetUpError> {
        if cryptex != Cryptex::Off && !self.rtp_encrypted() {
            return Err(SetUpError::NoCipher);
        }
        self.cryptex = cryptex;
        Ok(())
    }

    /// n_a of SRTP, in octets.
    pub(crate) fn rtp_auth_key_len(&self) -> usize {
        self.rtp_hmac.unwrap_or(HmacLengths::MAX).key_len
    }

    /// n_a of SRTCP, in octets.
    pub(crate) fn rtcp_auth_key_len(&self) -> usize {
        self.rtcp_hmac.unwrap_or(HmacLengths::MAX).key_len
    }

    #[inline]
    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// What follows the payload of an SRTP packet that carries no ROC.
    pub(crate) fn rtp_trailer(&self, mki_len: usize) -> Trailer {
        Trailer::of_rtp(self.profile.is_aead(), mki_len, self.rtp_tag_len())
    }

    pub(crate) fn rtcp_trailer(&self, mki_len: usize) -> Trailer {
        let tag_len = match (self.rtcp_hmac, self.rtcp_tag_short) {
            (Some(lengths), _) => lengths.tag_len,
            (None, true) => self.rtcp_profile.rtp_tag_len(),
            (None, false) => self.rtcp_profile.rtcp_tag_len(),
        };
        Trailer::of_rtcp(self.rtcp_profile.is_aead(), mki_len, tag_len)
    }

    fn rtp_tag_len(&self) -> usize {
        match (self.rtp_authenticated, self.rtp_hmac) {
            (true, Some(lengths)) => lengths.tag_len,
            (true, None) => self.profile.rtp_tag_len(),
            (false, _) => 0,
        }
    }

    /// Checks what the setters take on trust, and that `key` is of this profile.
    pub(crate) fn check(&self, key: &MasterKey) -> Result<(), SetUpError> {
        let windows = Self::MIN_WINDOW..=Self::MAX_WINDOW;
        for window in [self.rtp_window, self.rtcp_window] {
            if !windows.contains(&window) {
                return Err(SetUpError::Window { packets: window });
            }
        }
        let (rtp, rtcp) = (self.profile, self.rtcp_profile);
        if (rtp.key_len(), rtp.salt_len()) != (rtcp.key_len(), rtcp.salt_len()) {
            return Err(SetUpError::RtcpProfile { rtp, rtcp });
        }
        if rtp.is_aead() && !self.rtp_authenticated {
            return Err(SetUpError::Unauthenticated { profile: rtp });
        }
        for (profile, lengths) in [(rtp, self.rtp_hmac), (rtcp, self.rtcp_hmac)] {
            if lengths.is_some_and(|lengths| profile.is_aead() || !lengths.can_be()) {
                return Err(SetUpError::HmacLengths { profile });
            }
        }
        if self.roc_carrying.is_some_and(|roc| !self.can_carry(roc)) {
            return Err(SetUpError::RocCarrying { profile: rtp });
        }
        let encrypts_headers = self.cryptex != Cryptex::Off || self.encrypted_extensions.is_some();
        if encrypts_headers && !self.rtp_encrypted() {
            return Err(SetUpError::NoCipher);
        }
        key.check_profile(self.profile)?;
        Ok(())
    }

    /// In modes 1 and 2 the ROC takes the place of four of the tag's octets,
    /// and something has to be left; an AEAD's tag cannot be cut.
    fn can_carry(&self, roc_carrying: RocCarrying) -> bool {
        match roc_carrying.mode() {
            RocCarryingMode::One | RocCarryingMode::Two => {
                !self.profile.is_aead() && self.rtp_tag_len() > usize::from(RocCarrying::ROC_LEN)
            }
            RocCarryingMode::Three => true,
        }
    }
}

/// Why a [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// A replay window outside its bounds.
    #[error(
        "a replay window has {} to {} packets, not {packets}",
        Policy::MIN_WINDOW,
        Policy::MAX_WINDOW
    )]
    Window {
        /// What the policy asks for.
        packets: usize,
    },
    /// SRTCP's profile has keys or salts of another length than SRTP's.
    #[error("one key cannot serve {rtp} in SRTP and {rtcp} in SRTCP")]
    RtcpProfile {
        /// SRTP's.
        rtp: Profile,
        /// SRTCP's.
        rtcp: Profile,
    },
    /// The profile encrypts and authenticates in one.
    #[error("{profile} cannot go unauthenticated")]
    Unauthenticated {
        /// SRTP's.
        profile: Profile,
    },
    /// The profile has no HMAC-SHA1, or HMAC-SHA1 has not so many octets.
    #[error("{profile} cannot have an HMAC of these lengths")]
    HmacLengths {
        /// SRTP's or SRTCP's.
        profile: Profile,
    },
    /// The session's packets lead to their keys, so that nobody can replace
    /// them all at once.
    #[error("the session's keys are not the caller's to choose")]
    KeysNotChosen,
    /// The tag cannot carry a ROC in this mode: it is an AEAD's, or none of it
    /// would be left.
    #[error("the tag of {profile} cannot carry the ROC in this mode")]
    RocCarrying {
        /// SRTP's.
        profile: Profile,
    },
    /// Headers are to be encrypted where the payload is not.
    #[error("headers cannot be encrypted where nothing else is")]
    NoCipher,
    /// The first key does not fit the policy.
    #[error(transparent)]
    Key(#[from] AddKeyError),
}
