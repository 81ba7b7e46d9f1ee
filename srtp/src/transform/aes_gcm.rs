//! AES in Galois/counter mode (RFC 7714).

use core::slice;

use callseal_srtp_crypto::{AesGcmKey, Backend, GcmPacketJob, GcmPortions};
use zeroize::Zeroizing;

use super::gathered::with_gathered;
use super::keystream::key_of_table;
use super::{Authenticated, Nonce, OpenError, Portions, Sealed, TooLong};
use crate::index::PacketIndex;
use crate::keys::{Label, MasterKey};

/// The encryption key and the encryption salt.
pub(crate) struct AesGcm {
    key: AesGcmKey,
    salt: GcmSalt,
}

const IV_LEN: usize = 12;

impl AesGcm {
    pub(super) fn derive(
        backend: Backend,
        master: &MasterKey,
        [encryption, salt]: [Label; 2],
        r: PacketIndex,
    ) -> Self {
        let key = master.derive_on::<32>(backend, encryption, r);
        let key = &key[..master.profile().key_len()];
        Self {
            key: key_of_table(AesGcmKey::for_backend(backend, key)),
            salt: GcmSalt::new(&master.derive_on::<IV_LEN>(backend, salt, r)),
        }
    }

    #[inline(always)]
    pub(super) fn seal(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Sealed, TooLong> {
        with_gathered(packet, portions.csrc_len, |packet| {
            let mut job = self.job(packet, portions).ok_or(TooLong)?;
            backend.seal_gcm(slice::from_mut(&mut job));
            Ok(Sealed(()))
        })
    }

    #[inline(always)]
    pub(super) fn open(
        &self,
        backend: Backend,
        packet: &mut [u8],
        portions: &Portions,
    ) -> Result<Authenticated, OpenError> {
        with_gathered(packet, portions.csrc_len, |packet| {
            let mut job = self.job(packet, portions).ok_or(OpenError::TooLong)?;
            // The operation decrypts nothing before it has judged the tag, so
            // that a refused packet holds no plaintext and is as it came.
            backend.open_gcm(slice::from_mut(&mut job));
            match job.is_authentic() {
                true => Ok(Authenticated(())),
                false => Err(OpenError::AuthenticationFailed),
            }
        })
    }

    /// A packet that has been gathered, or needs not be.
    ///
    /// What is not encrypted is associated data: all that stands before the
    /// encrypted octets, and in SRTCP the word of E bit and index, which
    /// stands behind the tag (RFC 7714 §8.2, §9.2 and §9.3).
    #[inline(always)]
    pub(super) fn job<'a>(
        &'a self,
        packet: &'a mut [u8],
        portions: &Portions,
    ) -> Option<GcmPacketJob<'a>> {
        let word = match portions.nonce {
            Nonce::Rtp { .. } => None,
            Nonce::Rtcp { word, .. } => Some(word.to_be_bytes()),
        };
        let gcm = GcmPortions {
            associated: 0..portions.encrypted.start,
            encrypted: portions.encrypted.clone(),
            tag: portions.layout.tag(),
        };
        GcmPacketJob::new(&self.key, self.salt.iv(portions.nonce), packet, gcm, word).ok()
    }

    /// A packet that is associated data, encrypted octets and tag.
    #[inline(always)]
    pub(super) fn ordinary_job<'a>(
        &'a self,
        packet: &'a mut [u8],
        nonce: Nonce,
        [header_len, tag_len]: [usize; 2],
    ) -> Option<GcmPacketJob<'a>> {
        GcmPacketJob::in_order(&self.key, self.salt.iv(nonce), packet, header_len, tag_len).ok()
    }
}

/// The encryption salt, as a number of 96 bits.
struct GcmSalt(Zeroizing<u128>);

impl GcmSalt {
    fn new(salt: &[u8; IV_LEN]) -> Self {
        let number = salt
            .iter()
            .fold(0, |number, &octet| number << 8 | u128::from(octet));
        Self(Zeroizing::new(number))
    }

    /// In SRTP 0x0000 || SSRC || ROC || SEQ, in SRTCP 0x0000 || SSRC || 0x0000
    /// || 0 || SRTCP index, both XOR the salt (RFC 7714 §8.1 and §9.1).
    #[inline]
    fn iv(&self, nonce: Nonce) -> [u8; IV_LEN] {
        let iv = *self.0 ^ nonce.ssrc_and_index();
        let [_, _, _, _, iv @ ..] = iv.to_be_bytes();
        iv
    }
}

#[cfg(test)]
mod tests {
    use callseal_testvectors::rfc7714;

    use super::*;
    use crate::trailer::Trailer;

    /// Seals `plain` in both of the ways that the RFC shows, compares, and
    /// opens it again.
    fn check(gcm: &AesGcm, nonce: Nonce, header_len: usize, plain: &[u8], sealed: [&[u8]; 2]) {
        let (trailer, word) = match nonce {
            Nonce::Rtp { .. } => (Trailer::of_rtp(true, 0, 16), None),
            Nonce::Rtcp { word, .. } => (Trailer::of_rtcp(true, 0, 16), Some(word)),
        };
        let layout = trailer.behind(plain.len()).unwrap();
        for (start, sealed) in [header_len, plain.len()].into_iter().zip(sealed) {
            let encrypts = start == header_len;
            let nonce = match nonce {
                // §17: the E bit is 1 where the packet is encrypted.
                Nonce::Rtcp { ssrc, word } => {
                    let e = u32::from(encrypts) << 31;
                    Nonce::Rtcp {
                        ssrc,
                        word: word | e,
                    }
                }
                nonce => nonce,
            };
            let portions = Portions {
                nonce,
                encrypted: start..plain.len(),
                csrc_len: 0,
                layout,
            };
            let mut packet = plain.to_vec();
            packet.resize(layout.len, 0);
            if let (Some(_), Nonce::Rtcp { word, .. }) = (word, nonce) {
                packet[layout.index()].copy_from_slice(&word.to_be_bytes());
            }
            let backend = Backend::detected();
            gcm.seal(backend, &mut packet, &portions).unwrap();
            assert_eq!(packet, sealed);
            gcm.open(backend, &mut packet, &portions).unwrap();
            assert_eq!(packet[..plain.len()], *plain);
        }
    }

    #[test]
    fn rfc7714_16_and_17_packets_are_reproduced_and_opened() {
        let examples = rfc7714::examples();
        for case in &examples.cases {
            let gcm = AesGcm {
                key: AesGcmKey::new(&case.session_key).unwrap(),
                salt: GcmSalt::new(examples.salt.as_slice().try_into().unwrap()),
            };
            let rtp = Nonce::Rtp {
                ssrc: 0x5501_a0b2,
                index: PacketIndex::from_parts(0, 0xf17b),
            };
            assert_eq!(gcm.salt.iv(rtp)[..], examples.rtp_iv);
            check(
                &gcm,
                rtp,
                12,
                &examples.rtp,
                [&case.srtp, &case.srtp_auth_only],
            );

            let rtcp = Nonce::Rtcp {
                ssrc: 0x4d61_7273,
                word: 0x5d4,
            };
            assert_eq!(gcm.salt.iv(rtcp)[..], examples.rtcp_iv);
            check(
                &gcm,
                rtcp,
                8,
                &examples.rtcp,
                [&case.srtcp, &case.srtcp_auth_only],
            );
        }
    }
}
