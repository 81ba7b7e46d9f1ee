//! What was proven to be final, by whomever it was shown.

use std::collections::VecDeque;

use alloy_primitives::B256;

use crate::light::header::BeaconHeader;

/// Headers that two thirds of a committee have signed to be final, the newest seen last. In each slot there is one,
/// or two histories are proven.
#[derive(Debug, Default)]
pub(crate) struct History {
    finals: VecDeque<Final>,
    /// Digests of updates that were verified before.
    updates: VecDeque<B256>,
}

/// A header that is proven to be final.
#[derive(Clone, Debug)]
pub(crate) struct Final {
    pub(crate) header: BeaconHeader,
    pub(crate) shown_by: String,
    is_asked: bool,
}

/// Two headers are proven to be final in one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) slot: u64,
    /// Who showed the one that was known first.
    pub(crate) shown_by: String,
}

impl History {
    /// Remembers a header that is proven to be final, whether nodes have shown it or others.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] where another one was proven there before.
    pub(crate) fn note(
        &mut self,
        header: BeaconHeader,
        shown_by: &str,
    ) -> Result<(), Contradiction> {
        let slot = header.slot;
        match self.finals.iter().find(|known| known.header.slot == slot) {
            Some(known) if known.header != header => {
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
            header,
            shown_by: shown_by.into(),
            is_asked: false,
        });
        Ok(())
    }

    /// What nodes are to be asked about, when they are asked for anything.
    pub(crate) fn unasked(&self) -> Vec<Final> {
        let is_unasked = |known: &&Final| !known.is_asked;
        self.finals.iter().filter(is_unasked).cloned().collect()
    }

    /// Nodes were asked about these, or have shown them themselves.
    pub(crate) fn asked(&mut self, headers: &[BeaconHeader]) {
        for known in &mut self.finals {
            known.is_asked |= headers.contains(&known.header);
        }
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
        let header = |slot, proposer_index| BeaconHeader {
            slot,
            proposer_index,
            ..BeaconHeader::default()
        };
        assert_eq!(history.note(header(7, 1), "first"), Ok(()));
        assert_eq!(history.note(header(7, 1), "second"), Ok(()));
        assert_eq!(history.note(header(8, 2), "second"), Ok(()));
        let contradiction = history.note(header(7, 2), "third").unwrap_err();
        assert_eq!((contradiction.slot, &*contradiction.shown_by), (7, "first"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut history = History::default();
        for slot in 0..200 {
            let header = BeaconHeader {
                slot,
                ..BeaconHeader::default()
            };
            history.note(header, "somebody").unwrap();
            history.note_verified(B256::with_last_byte(slot as u8));
        }
        assert_eq!((history.finals.len(), history.updates.len()), (64, 64));
        assert_eq!(history.unasked().len(), 64);
        let mut asked: Vec<_> = history.unasked().iter().map(|shown| shown.header).collect();
        assert_eq!(asked.pop().unwrap().slot, 199);
        history.asked(&asked);
        assert_eq!(history.unasked()[0].header.slot, 199);
        assert!(history.has_verified(B256::with_last_byte(199)));
        assert!(!history.has_verified(B256::with_last_byte(0)));
    }
}
