//! What both ends agree on besides the keys, and the bounds this end sets.

use callseal_srtp_crypto::Backend;

use crate::keys::{AddKeyError, MasterKey};
use crate::profile::Profile;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    profile: Profile,
    rtp_window: usize,
    rtcp_window: usize,
    max_streams: usize,
    repeat_allowed: bool,
    rtcp_encrypted: bool,
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
    /// transmission, encrypted SRTCP.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            rtp_window: 128,
            rtcp_window: 128,
            max_streams: 1_024,
            repeat_allowed: false,
            rtcp_encrypted: true,
            backend: Backend::detected(),
        }
    }

    /// Sets SRTP's replay window: how many of the newest indexes are told
    /// apart, from [`MIN_WINDOW`](Self::MIN_WINDOW) to
    /// [`MAX_WINDOW`](Self::MAX_WINDOW). What is older is refused. A number out
    /// of bounds is [`SetUpError::Window`] where the policy is put to use.
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

    /// Leaves SRTCP's payload in clear, authenticated still; the E bit is then
    /// 0, and a packet where it is 1 is refused (RFC 3711 §3.4).
    #[must_use]
    pub fn with_unencrypted_rtcp(self) -> Self {
        Self {
            rtcp_encrypted: false,
            ..self
        }
    }

    /// Sets what the cryptography runs on, for tests and benches; the default
    /// is [`Backend::detected`].
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
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

    pub(crate) fn repeat_allowed(&self) -> bool {
        self.repeat_allowed
    }

    pub(crate) fn rtcp_encrypted(&self) -> bool {
        self.rtcp_encrypted
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// Checks what the setters take on trust, and that `key` is of this profile.
    pub(crate) fn check(&self, key: &MasterKey) -> Result<(), SetUpError> {
        let windows = Self::MIN_WINDOW..=Self::MAX_WINDOW;
        for window in [self.rtp_window, self.rtcp_window] {
            if !windows.contains(&window) {
                return Err(SetUpError::Window { packets: window });
            }
        }
        key.check_profile(self.profile)?;
        Ok(())
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
    /// The first key does not fit the policy.
    #[error(transparent)]
    Key(#[from] AddKeyError),
}
