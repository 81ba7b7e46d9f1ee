//! Ephemeral shares and the secret that two of them make (RFC 7748).

use core::fmt;

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::Random;
use crate::defences::defences;
use crate::random::draw;
use crate::suite::Group;

/// This side's ephemeral secret, for one handshake; wiped when dropped.
///
/// Not consumed by an agreement: a forged message must not use it up.
pub(crate) struct EphemeralSecret(StaticSecret);

/// The secret Z that two shares make; wiped when dropped.
pub(crate) struct SharedSecret(Zeroizing<[u8; 32]>);

impl EphemeralSecret {
    /// A fresh secret of this group.
    pub(crate) fn draw(group: Group, random: &mut dyn Random) -> Self {
        match group {
            Group::X25519 => {
                let octets = Zeroizing::new(draw::<32>(random));
                Self(StaticSecret::from(*octets))
            }
        }
    }

    /// The share to send.
    pub(crate) fn share(&self) -> [u8; 32] {
        #[cfg(test)]
        crate::work::count(crate::work::Work::X25519);
        PublicKey::from(&self.0).to_bytes()
    }

    /// The secret made with the other side's share. `None` if the share has
    /// not its group's length or forces the secret to zero (RFC 7748 §6.1).
    pub(crate) fn agree(&self, theirs: &[u8]) -> Option<SharedSecret> {
        let theirs: [u8; 32] = theirs.try_into().ok()?;
        #[cfg(test)]
        crate::work::count(crate::work::Work::X25519);
        let z = self.0.diffie_hellman(&PublicKey::from(theirs));
        if defences().low_order_is_refused && !z.was_contributory() {
            return None;
        }
        Some(SharedSecret(Zeroizing::new(z.to_bytes())))
    }
}

impl fmt::Debug for EphemeralSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralSecret(redacted)")
    }
}

impl SharedSecret {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &*self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every point of small order, canonical or not (the list of
    /// <https://cr.yp.to/ecdh.html#validate>, with the top bit both ways).
    pub(crate) fn low_order_shares() -> Vec<[u8; 32]> {
        let points = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let mut shares = Vec::new();
        for point in points {
            let mut share: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
            shares.push(share);
            share[31] |= 0x80;
            shares.push(share);
        }
        shares
    }

    fn secret(octet: u8) -> EphemeralSecret {
        EphemeralSecret(StaticSecret::from([octet; 32]))
    }

    #[test]
    fn both_sides_make_the_same_secret() {
        let (alice, bob) = (secret(1), secret(2));
        let one = alice.agree(&bob.share()).unwrap();
        let other = bob.agree(&alice.share()).unwrap();
        assert_eq!(one.as_bytes(), other.as_bytes());
    }

    #[test]
    fn no_share_of_low_order_is_agreed_with() {
        for share in low_order_shares() {
            assert!(secret(3).agree(&share).is_none(), "{}", hex::encode(share));
        }
    }

    #[test]
    fn a_share_of_another_length_is_agreed_with_by_nobody() {
        for len in [0, 31, 33, 1216] {
            assert!(secret(3).agree(&vec![9; len]).is_none());
        }
    }
}
