//! Where random octets come from.

/// A source of random octets that an adversary cannot predict.
///
/// The operating system's generator is the right implementation outside tests.
///
/// ```
/// use callseal_eims::Random;
///
/// /// For tests only: counts instead of being random.
/// struct Counting(u8);
///
/// impl Random for Counting {
///     fn fill(&mut self, out: &mut [u8]) {
///         for octet in out {
///             self.0 = self.0.wrapping_add(1);
///             *octet = self.0;
///         }
///     }
/// }
///
/// let mut out = [0; 3];
/// Counting(0).fill(&mut out);
/// assert_eq!(out, [1, 2, 3]);
/// ```
pub trait Random {
    /// Fills all of `out`.
    fn fill(&mut self, out: &mut [u8]);
}

/// `N` octets from `random`.
pub(crate) fn draw<const N: usize>(random: &mut dyn Random) -> [u8; N] {
    let mut out = [0; N];
    random.fill(&mut out);
    out
}
