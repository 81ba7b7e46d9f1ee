//! The callee's part of the authentication string, hidden until M4.

use sha2::{Digest as _, Sha256};

use crate::Random;
use crate::random::draw;
use crate::secret::{Secret, equal};

/// 32 random octets that the callee shows last; wiped when dropped.
#[derive(Clone, Debug)]
pub(crate) struct Reveal(Secret<32>);

/// What fixes a [`Reveal`] without showing it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commitment(pub(crate) [u8; 32]);

impl Reveal {
    pub(crate) fn draw(random: &mut dyn Random) -> Self {
        Self(Secret(draw(random)))
    }

    pub(crate) fn from_bytes(octets: [u8; 32]) -> Self {
        Self(Secret(octets))
    }

    // H("callseal sts v1 commit" || reveal)
    pub(crate) fn commitment(&self) -> Commitment {
        let hash = Sha256::new()
            .chain_update(b"callseal sts v1 commit")
            .chain_update(self.0.0);
        Commitment(hash.finalize().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }
}

impl Commitment {
    /// Whether it was made for this reveal.
    #[must_use]
    pub(crate) fn opens_to(&self, reveal: &Reveal) -> bool {
        equal(&self.0, &reveal.commitment().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_to_its_own_reveal_only() {
        let reveal = Reveal::from_bytes([1; 32]);
        let commitment = reveal.commitment();
        assert!(commitment.opens_to(&reveal));
        for bit in 0..256 {
            let mut octets = [1; 32];
            octets[bit / 8] ^= 1 << (bit % 8);
            assert!(!commitment.opens_to(&Reveal::from_bytes(octets)));
        }
    }
}
