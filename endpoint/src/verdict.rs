//! Where the handshake's claim and the registry's answer meet.

use callseal_registry_client::{Answer, Verified};
use callseal_sts::{Identity, Number, PublicKey, Refusal, VerifiedPeerKey};

use crate::{Known, Pins};

/// What becomes of a presented identity.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The registry vouches for the key, and it is not in conflict with an
    /// earlier call.
    Vouched(VerifiedPeerKey, Known),
    /// The registry vouches for the key, but an earlier call had another.
    Changed {
        vouched: VerifiedPeerKey,
        remembered: PublicKey,
    },
    /// The registry has another key in force for the number: this one.
    AnotherKey(VerifiedPeerKey),
    /// It vouches for no key of that number.
    Unvouched(Unvouched),
}

/// The key that the registry proves to be in force for `number`.
///
/// This is the only place where a [`VerifiedPeerKey`] is made, and it takes
/// a [`Verified`] answer about that very number to make one.
pub(crate) fn vouched_key(
    number: Number,
    answer: Option<&Verified<Answer>>,
) -> Result<VerifiedPeerKey, Unvouched> {
    let verified = answer.ok_or(Unvouched::NotAsked)?;
    if !verified.is_about(number.as_str()) {
        return Err(Unvouched::NotAsked);
    }
    let record = match verified.value() {
        Answer::Record(record) if record.is_in_force(verified.timestamp()) => record,
        _ => return Err(Unvouched::NoKey),
    };
    let key = PublicKey::from_bytes(record.key).map_err(|_| Unvouched::NoKey)?;
    Ok(VerifiedPeerKey::vouch(Identity { number, key }))
}

/// Why the registry vouches for no key of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unvouched {
    /// The number has no key in force: never registered, not yet approved,
    /// or revoked.
    NoKey,
    /// The registry could not be asked, or its answer failed verification.
    NotAsked,
}

/// Compares what was presented with what the registry proved and with what
/// an earlier call left.
pub(crate) fn judge(
    presented: &Identity,
    answer: Option<&Verified<Answer>>,
    pins: &Pins,
) -> Verdict {
    let vouched = match vouched_key(presented.number, answer) {
        Ok(vouched) => vouched,
        Err(unvouched) => return Verdict::Unvouched(unvouched),
    };
    if vouched.identity().key != presented.key {
        return Verdict::AnotherKey(vouched);
    }
    match pins.get(&presented.number) {
        None => Verdict::Vouched(vouched, Known::FirstContact),
        Some(key) if *key == presented.key => Verdict::Vouched(vouched, Known::SameKey),
        Some(key) => Verdict::Changed {
            vouched,
            remembered: *key,
        },
    }
}

impl From<Unvouched> for Refusal {
    fn from(unvouched: Unvouched) -> Self {
        match unvouched {
            Unvouched::NoKey => Self::NotVouched,
            Unvouched::NotAsked => Self::RegistryUnavailable,
        }
    }
}
