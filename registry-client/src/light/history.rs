//! What was proven to be final, by whomever it was shown.

use std::collections::VecDeque;

use alloy_primitives::B256;

/// Headers that two thirds of a committee have signed to be final, the newest seen last. In each slot there is one,
/// or two histories are proven.
#[derive(Debug, Default)]
pub(crate) struct History {
    finals: VecDeque<Final>,
    /// Digests of updates that were verified before.
    updates: VecDeque<B256>,
}

#[derive(Debug)]
struct Final {
    slot: u64,
    root: B256,
    shown_by: String,
}

/// Two headers are proven to be final in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) slot: u64,
    /// Who showed the one that was known first.
    pub(crate) shown_by: String,
}

impl History {
    /// Remembers that `root` is proven to be final in `slot`.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] where another one was proven there before.
    pub(crate) fn note(
        &mut self,
        slot: u64,
        root: B256,
        shown_by: &str,
    ) -> Result<(), Contradiction> {
        match self.finals.iter().find(|known| known.slot == slot) {
            Some(known) if known.root != root => {
                return Err(Contradiction {
                    slot,
                    shown_by: known.shown_by.clone(),
                });
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if self.finals.len() >= MAX_FINALS {
            self.finals.pop_front();
        }
        self.finals.push_back(Final {
            slot,
            root,
            shown_by: shown_by.into(),
        });
        Ok(())
    }

    /// Whether the very same update was verified before.
    pub(crate) fn has_verified(&self, digest: B256) -> bool {
        self.updates.contains(&digest)
    }

    /// Remembers an update that was verified.
    pub(crate) fn note_verified(&mut self, digest: B256) {
        if self.has_verified(digest) {
            return;
        }
        if self.updates.len() >= MAX_UPDATES {
            self.updates.pop_front();
        }
        self.updates.push_back(digest);
    }
}

/// How many are remembered. Each epoch of some minutes has one.
const MAX_FINALS: usize = 64;
const MAX_UPDATES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_header_in_a_known_slot_is_a_contradiction_that_names_the_first() {
        let mut history = History::default();
        let [one, other] = [1, 2].map(B256::repeat_byte);
        assert_eq!(history.note(7, one, "first"), Ok(()));
        assert_eq!(history.note(7, one, "second"), Ok(()));
        assert_eq!(history.note(8, other, "second"), Ok(()));
        let contradiction = history.note(7, other, "third").unwrap_err();
        assert_eq!((contradiction.slot, &*contradiction.shown_by), (7, "first"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut history = History::default();
        for slot in 0..200 {
            history.note(slot, B256::ZERO, "somebody").unwrap();
            history.note_verified(B256::with_last_byte(slot as u8));
        }
        assert_eq!((history.finals.len(), history.updates.len()), (64, 64));
        assert!(history.has_verified(B256::with_last_byte(199)));
        assert!(!history.has_verified(B256::with_last_byte(0)));
    }
}
