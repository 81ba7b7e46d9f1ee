//! Randomness from the operating system.

use callseal_sts::Random;

/// The operating system's generator.
///
/// ```
/// use callseal::random::SystemRandom;
/// use callseal_sts::Random;
///
/// let mut octets = [0; 32];
/// SystemRandom.fill(&mut octets);
/// assert_ne!(octets, [0; 32]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl callseal_eims::Random for SystemRandom {
    /// # Panics
    /// As for the handshake's.
    fn fill(&mut self, out: &mut [u8]) {
        Random::fill(self, out);
    }
}

impl Random for SystemRandom {
    /// # Panics
    /// If the operating system has no random octets to give: nothing secret
    /// can be made then, and nothing must go on.
    fn fill(&mut self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no random octets: {error}");
        }
    }
}

/// For tests: the octets 0, 1, 2, … and so on around.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counting(u8);

#[cfg(test)]
impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for octet in out {
            *octet = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}
