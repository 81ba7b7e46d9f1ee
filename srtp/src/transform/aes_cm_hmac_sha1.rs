//! AES in counter mode (RFC 3711 §4.1.1) with HMAC-SHA1 (§4.2.1).

use callseal_srtp_crypto::{
    AesCmJob, AesCmKey, Backend, HMAC_SHA1_LEN, HmacSha1Job, HmacSha1Key, MAX_KEYSTREAM_LEN,
};
use zeroize::Zeroizing;

use super::{Authenticated, Nonce, OpenError, Portions, SealError, Sealed, tag};
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};

/// k_e, k_a and k_s.
pub(crate) struct AesCmHmacSha1 {
    cipher_key: AesCmKey,
    auth_key: HmacSha1Key,
    salt: Zeroizing<[u8; 14]>,
}

impl AesCmHmacSha1 {
    /// n_a: RFC 3711 §5.2 and RFC 6188 §3 alike.
    const AUTH_KEY_LEN: usize = 20;

    /// Derives the keys, the cipher's with `KEY_LEN` octets.
    pub(super) fn derive<const KEY_LEN: usize>(
        master: &MasterKey,
        [encryption, authentication, salt]: [Label; 3],
        r: PacketIndex,
    ) -> Self
    where
        for<'a> AesCmKey: From<&'a [u8; KEY_LEN]>,
    {
        let cipher_key = master.derive::<KEY_LEN>(encryption, r);
        let auth_key = master.derive::<{ Self::AUTH_KEY_LEN }>(authentication, r);
        Self {
            cipher_key: AesCmKey::from(&*cipher_key),
            auth_key: HmacSha1Key::new(&*auth_key),
            salt: master.derive::<14>(salt, r),
        }
    }

    pub(super) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        portions: &Portions,
    ) -> Result<Sealed, SealError> {
        let encrypted = &mut packet[portions.encrypted.clone()];
        let job = AesCmJob::new(&self.cipher_key, self.iv(nonce), encrypted);
        backend.aes_cm(&mut [job.map_err(|_| SealError::TooLong)?]);

        let tag = self.tag(backend, packet, portions);
        let carried = &mut packet[portions.tag.clone()];
        carried.copy_from_slice(&tag[..carried.len()]);
        Ok(Sealed(()))
    }

    pub(super) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        nonce: Nonce,
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        // No sender can have sealed it, so that hashing it would be waste.
        if portions.encrypted.len() > MAX_KEYSTREAM_LEN {
            return Err(OpenError::TooLong);
        }
        let computed = self.tag(backend, packet, portions);
        if !tag::is_right(&packet[portions.tag.clone()], &computed) {
            return Err(OpenError::AuthenticationFailed);
        }
        let encrypted = &mut packet[portions.encrypted.clone()];
        let job = AesCmJob::new(&self.cipher_key, self.iv(nonce), encrypted);
        backend.aes_cm(&mut [job.map_err(|_| OpenError::TooLong)?]);
        Ok(Authenticated(()))
    }

    /// The upper 112 bits of
    /// IV = (k_s * 2^16) XOR (SSRC * 2^64) XOR (i * 2^16).
    fn iv(&self, nonce: Nonce) -> [u8; 14] {
        let mut iv = *self.salt;
        let ssrc = nonce.ssrc.to_be_bytes();
        let index = nonce.index.to_be_bytes();
        for (octet, term) in iv[4..].iter_mut().zip(ssrc.iter().chain(&index[2..])) {
            *octet ^= term;
        }
        iv
    }

    /// HMAC(k_a, M), with M = Authenticated Portion || ROC in SRTP and the
    /// Authenticated Portion alone in SRTCP.
    fn tag(&self, backend: Backend, packet: &[u8], portions: &Portions) -> [u8; HMAC_SHA1_LEN] {
        let authenticated = &packet[portions.authenticated.clone()];
        let roc = portions.roc.map(u32::to_be_bytes);
        let mut job = [HmacSha1Job::new(&self.auth_key, authenticated, roc)];
        backend.hmac_sha1(&mut job);
        let [job] = job;
        *job.tag()
    }
}
