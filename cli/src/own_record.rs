//! What a phone's owner has to know of the own record.

use std::fmt;
use std::time::Duration;

use callseal_registry_client::{Answer, Status, Verified};
use callseal_sts::{Number, PublicKey};

use crate::look_up_evidence::in_words;

/// What the registry says of the own record that its owner may not have wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The operator has approved another record in its place.
    Successor {
        /// Its key.
        key: [u8; 33],
        /// When it comes into force; Unix time in seconds.
        valid_since: u64,
        /// How long that was in the block that proves it.
        left: Duration,
    },
    /// It has another key than the phone.
    OtherKey {
        /// The key.
        key: [u8; 33],
        /// Which record of the number it is, counted from 1.
        revision: u32,
    },
    /// It was taken out of force.
    Revoked {
        /// When; Unix time in seconds.
        since: u64,
    },
}

impl Concern {
    /// What an answer about the own number says, to the phone with this key; `None` where all is well, or there
    /// is no record yet.
    pub fn of(answer: &Verified<Answer>, key: &PublicKey) -> Option<Self> {
        let Answer::Record(record) = answer.value() else {
            return None;
        };
        if record.key != *key.as_bytes() {
            return Some(Self::OtherKey {
                key: record.key,
                revision: record.revision,
            });
        }
        // A successor of a revoked record is the owner's way back as well as a thief's.
        if let Some(successor) = &record.successor {
            let left = successor.valid_since.saturating_sub(answer.timestamp());
            return Some(Self::Successor {
                key: successor.key,
                valid_since: successor.valid_since,
                left: Duration::from_secs(left),
            });
        }
        (record.status == Status::Revoked).then_some(Self::Revoked {
            since: record.valid_since,
        })
    }

    /// Whether it is the same, if perhaps from another block.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Successor {
                    key, valid_since, ..
                },
                Self::Successor {
                    key: other_key,
                    valid_since: other_since,
                    ..
                },
            ) => key == other_key && valid_since == other_since,
            _ => self == other,
        }
    }

    /// The same in words, about this number.
    pub(crate) fn about(&self, number: &Number) -> String {
        format!("our own record, of {number}: {self}")
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Successor {
                key,
                valid_since,
                left,
            } => write!(
                f,
                "the operator has approved another key, {}, to take the place of ours in {} (Unix time {valid_since}); \
                 if that is not your own doing, object before: callseal record object --keys FILE …",
                hex::encode(key),
                in_words(*left),
            ),
            Self::OtherKey { key, revision } => write!(
                f,
                "the registry has another key than ours, {} (revision {revision}), and callers take us for somebody \
                 else; if you have begun `callseal record rotate`, run it again; if it is not your own doing, tell the \
                 operator",
                hex::encode(key),
            ),
            Self::Revoked { since } => write!(
                f,
                "it is revoked since Unix time {since}, and nobody can be called with it; if that is not your own \
                 doing, ask the operator",
            ),
        }
    }
}
