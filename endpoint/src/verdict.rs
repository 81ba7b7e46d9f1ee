//! Where the handshake's claim and the registry's answer meet.

use callseal_registry_client::{Answer, LookUpError, Verified};
use callseal_sts::{Identity, PublicKey, VerifiedPeerKey};

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
    /// The registry has another key in force for the number.
    AnotherKey,
    /// The number has no key in force: never registered, not yet approved,
    /// or revoked.
    NoKey,
    /// The registry could not be asked, or its answer failed verification.
    NotAsked,
}

/// Compares what was presented with what the registry proved and with what
/// an earlier call left.
///
/// This is the only place where a [`VerifiedPeerKey`] is made, and it takes
/// a [`Verified`] answer to make one.
pub(crate) fn judge(
    presented: &Identity,
    answer: &Result<Verified<Answer>, LookUpError>,
    pins: &Pins,
) -> Verdict {
    let Ok(verified) = answer else {
        return Verdict::NotAsked;
    };
    let record = match verified.value() {
        Answer::Record(record) if record.is_in_force(verified.timestamp()) => record,
        _ => return Verdict::NoKey,
    };
    if record.key != *presented.key.as_bytes() {
        return Verdict::AnotherKey;
    }
    let vouched = VerifiedPeerKey::vouch(presented.clone());
    match pins.get(&presented.number) {
        None => Verdict::Vouched(vouched, Known::FirstContact),
        Some(key) if *key == presented.key => Verdict::Vouched(vouched, Known::SameKey),
        Some(key) => Verdict::Changed {
            vouched,
            remembered: *key,
        },
    }
}
