//! Session keys, ready to seal and open.

use core::fmt;
use core::ops::Deref;

use callseal_srtp_crypto::WipedBox;

use super::{Label, MasterKey};
use crate::index::PacketIndex;
use crate::policy::Policy;
use crate::profile::Cipher;
use crate::transform::{Keystream, Transform};

/// What one master key gives SRTP and SRTCP, as far as it was needed last.
/// At a key derivation rate of 0 that is all there is, and serves every SSRC
/// (RFC 3711 §4.3.1).
pub(crate) struct SessionKeys {
    pub(super) rtp: Epochs<RtpKeys>,
    pub(super) rtcp: Epochs<Transform>,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey, policy: &Policy) -> Self {
        let zero = PacketIndex::ZERO;
        Self {
            rtp: Epochs::new(RtpKeys::derive(master, policy, zero)),
            rtcp: Epochs::new(Transform::of_rtcp(master, policy, zero)),
        }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys { .. }")
    }
}

/// The session keys of SRTP.
pub(crate) struct RtpKeys {
    pub(crate) transform: Transform,
    /// For the header extensions that the policy encrypts one by one (RFC 6904).
    pub(crate) header: Option<Keystream>,
}

impl RtpKeys {
    pub(super) fn derive(master: &MasterKey, policy: &Policy, r: PacketIndex) -> Self {
        let (backend, profile) = (policy.backend(), policy.profile());
        let labels = [
            Label::RtpEncryption,
            Label::RtpAuthentication,
            Label::RtpSalt,
        ];
        let header = policy.encrypted_extensions().map(|_| {
            // RFC 7714 §8.3: GCM's header extensions are under counter mode.
            let cipher = match profile.cipher() {
                Cipher::AesGcm => Cipher::AesCm,
                cipher => cipher,
            };
            let labels = [Label::RtpHeaderEncryption, Label::RtpHeaderSalt];
            Keystream::derive(backend, cipher, master, labels, r)
        });
        Self {
            transform: Transform::derive(
                backend,
                profile,
                master,
                labels,
                policy.rtp_auth_key_len(),
                r,
            ),
            header,
        }
    }
}

impl Transform {
    pub(super) fn of_rtcp(master: &MasterKey, policy: &Policy, r: PacketIndex) -> Self {
        let labels = [
            Label::RtcpEncryption,
            Label::RtcpAuthentication,
            Label::RtcpSalt,
        ];
        let auth_key_len = policy.rtcp_auth_key_len();
        Self::derive(
            policy.backend(),
            policy.rtcp_profile(),
            master,
            labels,
            auth_key_len,
            r,
        )
    }
}

/// The session keys of the newest two values of r, so that packets that arrive
/// out of order around a new one cost no derivation.
pub(super) struct Epochs<K> {
    newest: Epoch<K>,
    before: Option<WipedBox<Epoch<K>>>,
}

/// Session keys, and the r they were derived with.
pub(crate) struct Epoch<K> {
    pub(super) r: PacketIndex,
    pub(super) keys: K,
}

impl<K> Epoch<K> {
    /// In a frame of its own, as that of a new key is.
    #[inline(never)]
    pub(super) fn derived(r: PacketIndex, keys: impl FnOnce() -> K) -> WipedBox<Self> {
        WipedBox::new(Self { r, keys: keys() })
    }
}

impl<K> Epochs<K> {
    fn new(keys: K) -> Self {
        let r = PacketIndex::ZERO;
        Self {
            newest: Epoch { r, keys },
            before: None,
        }
    }

    #[inline]
    pub(super) fn at(&self, r: PacketIndex) -> Option<&K> {
        if self.newest.r == r {
            return Some(&self.newest.keys);
        }
        let before = self.before.as_ref().filter(|epoch| epoch.r == r);
        before.map(|epoch| &epoch.keys)
    }

    /// Keeps the keys that a genuine packet had to be opened or sealed with.
    pub(super) fn keep(&mut self, mut epoch: WipedBox<Epoch<K>>) {
        if epoch.r > self.newest.r {
            core::mem::swap(&mut *epoch, &mut self.newest);
        }
        self.before = Some(epoch);
    }
}

/// Session keys for a packet: held already, or derived for it.
pub(crate) enum Drawn<'a, K> {
    Held(&'a K),
    Fresh(WipedBox<Epoch<K>>),
}

impl<K> Drawn<'_, K> {
    /// What is to be kept once the packet has proved genuine.
    pub(crate) fn into_fresh(self) -> Option<WipedBox<Epoch<K>>> {
        match self {
            Self::Held(_) => None,
            Self::Fresh(epoch) => Some(epoch),
        }
    }
}

impl<K> Deref for Drawn<'_, K> {
    type Target = K;

    fn deref(&self) -> &K {
        match self {
            Self::Held(keys) => keys,
            Self::Fresh(epoch) => &epoch.keys,
        }
    }
}
