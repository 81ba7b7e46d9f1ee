//! What each side signs, and how (PROTOCOL.md §4): ECDSA on secp256k1 with
//! SHA-256, deterministic (RFC 6979), `s` in the lower half.

use k256::ecdsa::Signature;
use k256::ecdsa::signature::{Signer as _, Verifier as _};

use crate::defences::defences;
use crate::identity::{Identity, IdentityKey};
use crate::messages::put_identity;
use crate::transcript::{Th2, Th3};

/// `r || s`.
pub(crate) type SignatureOctets = [u8; 64];

/// The octets that one side signs.
pub(crate) struct Signed(Vec<u8>);

const LABEL: &[u8] = b"callseal sts v1 signature";
const CALLER: u8 = 1;
const CALLEE: u8 = 2;

impl Signed {
    // "callseal sts v1 signature" || u8(2) || identity(callee) || th_2
    pub(crate) fn by_callee(callee: &Identity, th_2: &Th2) -> Self {
        let mut signed = Self::begin(CALLEE, callee);
        signed.cover(th_2.as_bytes());
        signed
    }

    // "callseal sts v1 signature" || u8(1) || identity(caller) || identity(callee) || th_3
    pub(crate) fn by_caller(caller: &Identity, callee: &Identity, th_3: &Th3) -> Self {
        let mut signed = Self::begin(CALLER, caller);
        if defences().signature_names_callee {
            put_identity(&mut signed.0, callee);
        }
        signed.cover(th_3.as_bytes());
        signed
    }

    pub(crate) fn sign(&self, key: &IdentityKey) -> SignatureOctets {
        #[cfg(test)]
        crate::work::count(crate::work::Work::Sign);
        let signature: Signature = key.signing_key().sign(&self.0);
        // The crate normalises for this curve; said again because a high s
        // would be refused at the other side.
        signature.normalize_s().to_bytes().into()
    }

    /// Whether this is the signature of the key's holder. One with a high
    /// `s` is not: each has one form.
    #[must_use]
    pub(crate) fn is_signed(&self, by: &Identity, signature: &SignatureOctets) -> bool {
        #[cfg(test)]
        crate::work::count(crate::work::Work::Verify);
        let Ok(key) = by.key.to_verifying_key() else {
            return false;
        };
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        // The crate refuses a high s on this curve as well; the protocol must
        // not depend on that.
        signature.normalize_s() == signature && key.verify(&self.0, &signature).is_ok()
    }

    fn begin(role: u8, signer: &Identity) -> Self {
        let mut octets = Vec::with_capacity(LABEL.len() + 1 + 2 * 50 + 32);
        octets.extend_from_slice(LABEL);
        octets.push(role);
        if defences().signature_names_signer {
            put_identity(&mut octets, signer);
        }
        Self(octets)
    }

    fn cover(&mut self, th: &[u8; 32]) {
        if defences().signature_covers_transcript {
            self.0.extend_from_slice(th);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Number;

    fn identity(key: &IdentityKey) -> Identity {
        Identity {
            number: Number::parse("+8613800000001").unwrap(),
            key: key.public(),
        }
    }

    #[test]
    fn a_signature_is_its_signers_alone() {
        let alice = IdentityKey::from_bytes([1; 32]).unwrap();
        let bob = IdentityKey::from_bytes([2; 32]).unwrap();
        let signed = Signed(b"what is signed".to_vec());
        let signature = signed.sign(&alice);
        assert!(signed.is_signed(&identity(&alice), &signature));
        assert!(!signed.is_signed(&identity(&bob), &signature));
        assert!(!Signed(b"another thing".to_vec()).is_signed(&identity(&alice), &signature));
    }

    #[test]
    fn the_twin_with_a_high_s_is_refused() {
        let key = IdentityKey::from_bytes([1; 32]).unwrap();
        let signed = Signed(b"what is signed".to_vec());
        let low = signed.sign(&key);
        let parsed = Signature::from_slice(&low).unwrap();
        let (r, s) = parsed.split_scalars();
        let high = Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
        let high: SignatureOctets = high.to_bytes().into();
        assert_ne!(high, low);
        assert!(!signed.is_signed(&identity(&key), &high));
    }

    #[test]
    fn no_octets_pass_for_a_signature() {
        let key = IdentityKey::from_bytes([1; 32]).unwrap();
        let signed = Signed(b"what is signed".to_vec());
        for octet in [0x00, 0x01, 0x7f, 0xff] {
            assert!(!signed.is_signed(&identity(&key), &[octet; 64]));
        }
    }
}
