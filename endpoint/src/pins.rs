//! The keys that a leg has seen before.

use std::collections::BTreeMap;

use callseal_sts::{Number, PublicKey};

/// Each number's identity key, as it was when a call with that number last
/// counted as secure.
///
/// A number whose key has changed since then is reported before the call
/// counts as secure: an operator who swaps a key in the registry is
/// detected, even though the registry vouches for the new one.
///
/// ```
/// use callseal_endpoint::Pins;
/// use callseal_sts::Number;
///
/// let pins = Pins::default();
/// assert_eq!(pins.get(&Number::parse("+8613800000001")?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<Number, PublicKey>);

impl Pins {
    /// The key that was seen for `number`, if it was called before.
    pub fn get(&self, number: &Number) -> Option<&PublicKey> {
        self.0.get(number)
    }

    /// Remembers `key` for `number`, and gives back the key that it
    /// replaces.
    pub fn remember(&mut self, number: Number, key: PublicKey) -> Option<PublicKey> {
        self.0.insert(number, key)
    }

    /// Forgets `number`.
    pub fn forget(&mut self, number: &Number) -> Option<PublicKey> {
        self.0.remove(number)
    }

    /// All numbers with their keys, in the numbers' order.
    pub fn iter(&self) -> impl Iterator<Item = (&Number, &PublicKey)> {
        self.0.iter()
    }
}

impl FromIterator<(Number, PublicKey)> for Pins {
    fn from_iter<I: IntoIterator<Item = (Number, PublicKey)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
