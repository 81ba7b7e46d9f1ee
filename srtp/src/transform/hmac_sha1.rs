//! A keystream with HMAC-SHA1 (RFC 3711 §4.2.1).

use callseal_srtp_crypto::{Backend, HMAC_SHA1_LEN, HmacSha1Job, HmacSha1Key};

use super::gathered::with_gathered;
use super::keystream::{F8Header, Keystream};
use super::{Authenticated, Nonce, OpenError, Portions, Sealed, TooLong, tag};
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};

/// A cipher, and k_a.
pub(crate) struct HmacSha1 {
    keystream: Keystream,
    auth_key: HmacSha1Key,
}

impl HmacSha1 {
    /// n_a at most: that of RFC 3711 §5.2 and RFC 6188 §3 alike.
    const MAX_AUTH_KEY_LEN: usize = 20;

    pub(super) fn derive(
        keystream: Keystream,
        master: &MasterKey,
        (authentication, auth_key_len): (Label, usize),
        r: PacketIndex,
    ) -> Self {
        let auth_key = master.derive::<{ Self::MAX_AUTH_KEY_LEN }>(authentication, r);
        Self {
            keystream,
            auth_key: HmacSha1Key::new(&auth_key[..auth_key_len]),
        }
    }

    pub(super) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Sealed, TooLong> {
        self.apply_keystream(backend, packet, portions)?;
        let carried = portions.layout.tag();
        if !carried.is_empty() {
            let tag = self.tag(backend, packet, portions);
            let carried = &mut packet[carried];
            carried.copy_from_slice(&tag[..carried.len()]);
        }
        Ok(Sealed(()))
    }

    pub(super) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        let carried = portions.layout.tag();
        if !carried.is_empty() {
            let computed = self.tag(backend, packet, portions);
            if !tag::is_right(&packet[carried], &computed) {
                return Err(OpenError::AuthenticationFailed);
            }
        }
        self.apply_keystream(backend, packet, portions)?;
        Ok(Authenticated(()))
    }

    fn apply_keystream(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<(), TooLong> {
        if portions.encrypted.is_empty() {
            return Ok(());
        }
        let header = F8Header::of(packet);
        with_gathered(packet, portions.csrc_len, |packet| {
            let encrypted = &mut packet[portions.encrypted.clone()];
            self.keystream
                .apply(backend, portions.nonce, header, encrypted)
        })
    }

    /// HMAC(k_a, M), with M = Authenticated Portion || ROC in SRTP and the
    /// Authenticated Portion alone in SRTCP.
    fn tag(&self, backend: Backend, packet: &[u8], portions: &Portions) -> [u8; HMAC_SHA1_LEN] {
        let authenticated = &packet[portions.layout.authenticated()];
        let roc = match portions.nonce {
            Nonce::Rtp { index, .. } => Some(index.roc().to_be_bytes()),
            Nonce::Rtcp { .. } => None,
        };
        let mut job = [HmacSha1Job::new(&self.auth_key, authenticated, roc)];
        backend.hmac_sha1(&mut job);
        let [job] = job;
        *job.tag()
    }
}
