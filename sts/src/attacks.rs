//! Known attacks.

use crate::Random;

/// What a callee draws that never draws afresh.
pub(crate) struct Stale;

impl Random for Stale {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0x77);
    }
}
