//! A keystream with HMAC-SHA1 (RFC 3711 §4.2.1).

use core::slice;

use callseal_srtp_crypto::{
    Backend, HMAC_SHA1_LEN, HmacPacketJob, HmacPortions, HmacSha1Job, HmacSha1Key,
};

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
        backend: Backend,
        keystream: Keystream,
        master: &MasterKey,
        (authentication, auth_key_len): (Label, usize),
        r: PacketIndex,
    ) -> Self {
        const LEN: usize = HmacSha1::MAX_AUTH_KEY_LEN;
        let auth_key = master.derive_on::<LEN>(backend, authentication, r);
        Self {
            keystream,
            auth_key: HmacSha1Key::new(&auth_key[..auth_key_len]),
        }
    }

    #[inline(always)]
    pub(super) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Sealed, TooLong> {
        if !portions.in_one_piece() {
            return self.seal_gathered(backend, packet, portions);
        }
        let mut job = self.job(packet, portions).ok_or(TooLong)?;
        backend.seal_hmac(slice::from_mut(&mut job));
        Ok(Sealed(()))
    }

    #[inline(always)]
    pub(super) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        if !portions.in_one_piece() {
            return self.open_gathered(backend, packet, portions);
        }
        let mut job = self.job(packet, portions).ok_or(OpenError::TooLong)?;
        backend.open_hmac(slice::from_mut(&mut job));
        match job.is_authentic() {
            true => Ok(Authenticated(())),
            false => Err(OpenError::AuthenticationFailed),
        }
    }

    /// A packet whose encrypted octets are in one piece: encryption and tag at
    /// one go.
    #[inline(always)]
    pub(super) fn job<'a>(
        &'a self,
        packet: &'a mut [u8],
        portions: &Portions,
    ) -> Option<HmacPacketJob<'a>> {
        let cipher = self.keystream.cipher(portions.nonce, packet);
        let hmac = HmacPortions {
            encrypted: portions.encrypted.clone(),
            authenticated: portions.layout.authenticated(),
            tag: portions.layout.tag(),
        };
        let roc = portions.nonce.authenticated_roc();
        HmacPacketJob::new(cipher, &self.auth_key, packet, hmac, roc).ok()
    }

    /// A packet that is header, encrypted octets and tag.
    #[inline(always)]
    pub(super) fn ordinary_job<'a>(
        &'a self,
        packet: &'a mut [u8],
        nonce: Nonce,
        [header_len, tag_len]: [usize; 2],
    ) -> Option<HmacPacketJob<'a>> {
        let cipher = self.keystream.cipher(nonce, packet);
        let roc = nonce.authenticated_roc();
        HmacPacketJob::in_order(cipher, &self.auth_key, packet, header_len, tag_len, roc).ok()
    }

    /// A packet whose octets are encrypted in another order than they are
    /// authenticated in.
    #[cold]
    fn seal_gathered(
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

    #[cold]
    fn open_gathered(
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
        let roc = portions.nonce.authenticated_roc();
        let mut job = [HmacSha1Job::new(&self.auth_key, authenticated, roc)];
        backend.hmac_sha1(&mut job);
        let [job] = job;
        *job.tag()
    }
}

impl Nonce {
    /// What an SRTP packet is authenticated with besides (RFC 3711 §4.2).
    #[inline]
    fn authenticated_roc(self) -> Option<[u8; 4]> {
        match self {
            Self::Rtp { index, .. } => Some(index.roc().to_be_bytes()),
            Self::Rtcp { .. } => None,
        }
    }
}
