//! The key derivation of RFC 3711 §4.3.

use callseal_srtp_crypto::{AesCmJob, Backend};
use zeroize::Zeroizing;

use super::MasterKey;
use crate::index::PacketIndex;

/// What is derived from a master key (RFC 3711 §4.3.1 and §4.3.2, RFC 6904 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Label {
    /// SRTP's encryption key.
    RtpEncryption = 0x00,
    /// SRTP's message authentication key.
    RtpAuthentication = 0x01,
    /// SRTP's salting key.
    RtpSalt = 0x02,
    /// SRTCP's encryption key.
    RtcpEncryption = 0x03,
    /// SRTCP's message authentication key.
    RtcpAuthentication = 0x04,
    /// SRTCP's salting key.
    RtcpSalt = 0x05,
    /// The encryption key of SRTP's header extensions (RFC 6904 §3.2).
    RtpHeaderEncryption = 0x06,
    /// The salting key of SRTP's header extensions.
    RtpHeaderSalt = 0x07,
}

impl MasterKey {
    /// The first `LEN` octets that `label` and `r` lead to. `r` is the packet's
    /// index DIV key_derivation_rate: [`PacketIndex::ZERO`] at the usual rate
    /// of 0. A shorter key is the beginning of a longer one.
    ///
    /// ```
    /// use callseal_srtp::{Label, MasterKey, PacketIndex, Profile};
    ///
    /// let key = MasterKey::new(Profile::AesCm128HmacSha1_80, &[7; 16], &[8; 14])?;
    /// let auth_key = key.derive::<20>(Label::RtpAuthentication, PacketIndex::ZERO);
    /// assert_ne!(*auth_key, [0; 20]);
    /// # Ok::<(), callseal_srtp::KeyError>(())
    /// ```
    #[must_use]
    pub fn derive<const LEN: usize>(&self, label: Label, r: PacketIndex) -> Zeroizing<[u8; LEN]> {
        self.derive_on(Backend::detected(), label, r)
    }

    /// The same by the backend of a session.
    pub(crate) fn derive_on<const LEN: usize>(
        &self,
        backend: Backend,
        label: Label,
        r: PacketIndex,
    ) -> Zeroizing<[u8; LEN]> {
        self.prf(backend, label as u8, r)
    }

    /// Octets for no purpose of the RFC's: what tells the key from others, and
    /// what its table of streams is hashed with. The label is the last one, where
    /// no extension has come near yet.
    pub(super) fn fingerprint(&self, backend: Backend) -> Zeroizing<[u8; 16]> {
        self.prf(backend, 0xff, PacketIndex::ZERO)
    }

    fn prf<const LEN: usize>(
        &self,
        backend: Backend,
        label: u8,
        r: PacketIndex,
    ) -> Zeroizing<[u8; LEN]> {
        // key_id = <label> || r, x = key_id XOR master_salt, right-aligned.
        let mut x = Zeroizing::new(self.salt.0);
        x[7] ^= label;
        for (octet, r) in x[8..].iter_mut().zip(&r.get().to_be_bytes()[2..]) {
            *octet ^= r;
        }
        // PRF_n(k_master, x) = AES-CM with IV = x * 2^16.
        let mut out = Zeroizing::new([0; LEN]);
        let mut job = [AesCmJob::over_array(&self.prf, *x, &mut out)];
        backend.aes_cm(&mut job);
        out
    }
}

#[cfg(test)]
mod tests {
    use callseal_testvectors::rfc3711::appendix_b;
    use callseal_testvectors::srtp_reference;

    use super::*;
    use crate::profile::Profile;

    #[test]
    fn rfc3711_b3_session_keys_are_derived() {
        let appendix = appendix_b();
        let (kdf, srtcp) = (appendix.kdf, appendix.srtcp);
        let profile = Profile::AesCm128HmacSha1_80;
        let key = MasterKey::new(profile, &kdf.master_key, &kdf.master_salt).unwrap();
        let zero = PacketIndex::ZERO;

        assert_eq!(
            key.derive::<16>(Label::RtpEncryption, zero)[..],
            kdf.cipher_key
        );
        assert_eq!(
            key.derive::<94>(Label::RtpAuthentication, zero)[..],
            kdf.auth_key
        );
        assert_eq!(
            key.derive::<20>(Label::RtpAuthentication, zero)[..],
            kdf.auth_key[..20]
        );
        assert_eq!(key.derive::<14>(Label::RtpSalt, zero)[..], kdf.cipher_salt);

        assert_eq!(
            key.derive::<16>(Label::RtcpEncryption, zero)[..],
            srtcp.cipher_key
        );
        assert_eq!(
            key.derive::<20>(Label::RtcpAuthentication, zero)[..],
            srtcp.auth_key
        );
        assert_eq!(
            key.derive::<14>(Label::RtcpSalt, zero)[..],
            srtcp.cipher_salt
        );
    }

    #[test]
    fn r_enters_where_the_reference_puts_it() {
        let (key, salt) = ([0x13; 16], [0x57; 14]);
        let slow = srtp_reference::Master {
            key: key.to_vec(),
            salt: salt.to_vec(),
        };
        let key = MasterKey::new(Profile::AesCm128HmacSha1_80, &key, &salt).unwrap();
        for r in [0, 1, 0xff00, 0x1234_5678_9abc, (1 << 48) - 1] {
            let derived = key.derive::<40>(Label::RtpSalt, PacketIndex::new(r).unwrap());
            assert_eq!(derived[..], srtp_reference::derive(&slow, 2, r, 40));
        }
    }
}
