//! Which operator has which numbers: a phone's own configuration.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use crate::number::{NumberError, digits};
use crate::registry::RegistryConfig;

/// An operator, as a phone's configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// What people call it.
    pub name: String,
    /// Its registry.
    pub registry: RegistryConfig,
}

/// Which operator has which numbers. The longest prefix of a number decides, unless the number itself is named.
///
/// It comes from the phone's owner, never from a node or a peer: whoever may say which registry a number is looked
/// up in may say which key it has.
///
/// ```
/// use alloy_primitives::Address;
/// use callseal_registry_client::{Operator, Operators, RegistryConfig, layout};
///
/// let operator = |name: &str, octet| Operator {
///     name: name.into(),
///     registry: RegistryConfig {
///         contract: Address::repeat_byte(octet),
///         code_hash: layout::CODE_HASH,
///         chain_id: 1,
///     },
/// };
/// let operators = Operators::default()
///     .with(operator("North", 1), ["+861".parse()?], ["+8620000001"])?
///     .with(operator("South", 2), ["+86".parse()?, "+8613".parse()?], [])?;
/// let name = |number| operators.of(number).map(|operator| operator.map(|operator| &*operator.name));
/// assert_eq!(name("+8612000001")?, Some("North"));
/// assert_eq!(name("+8613000001")?, Some("South"));
/// assert_eq!(name("+8620000001")?, Some("North"), "named itself, whatever its prefix");
/// assert_eq!(name("+4420000001")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators {
    operators: Vec<Operator>,
    /// Digits of prefixes, and whose they are.
    prefixes: BTreeMap<String, usize>,
    /// Digits of whole numbers, and whose they are.
    numbers: BTreeMap<String, usize>,
}

/// What numbers begin with: a plus sign and up to 15 digits, the first not 0. The plus sign alone is of every number.
///
/// ```
/// use callseal_registry_client::Prefix;
///
/// let prefix: Prefix = "+8613".parse()?;
/// assert_eq!(prefix.to_string(), "+8613");
/// assert!("8613".parse::<Prefix>().is_err());
/// # Ok::<(), callseal_registry_client::PrefixError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    digits: String,
}

impl Operators {
    /// One operator that has all numbers.
    #[must_use]
    pub fn only(operator: Operator) -> Self {
        Self {
            operators: vec![operator],
            prefixes: BTreeMap::from([(String::new(), 0)]),
            numbers: BTreeMap::new(),
        }
    }

    /// Adds an operator that has all numbers with these prefixes, where no longer one is another's, and these very
    /// numbers (E.164).
    ///
    /// # Errors
    ///
    /// [`OperatorsError`] where something is said twice, or a number is none.
    pub fn with<'a>(
        mut self,
        operator: Operator,
        prefixes: impl IntoIterator<Item = Prefix>,
        numbers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, OperatorsError> {
        if self.iter().any(|there| there.name == operator.name) {
            return Err(OperatorsError::Name {
                name: operator.name,
            });
        }
        let place = self.operators.len();
        let is_elsewhere = |there: Option<usize>| there.filter(|there| *there != place);
        for prefix in prefixes {
            let there = self.prefixes.insert(prefix.digits.clone(), place);
            if let Some(there) = is_elsewhere(there) {
                return Err(self.claimed_twice(prefix.to_string(), there, &operator));
            }
        }
        for number in numbers {
            let digits = digits(number).map_err(|source| OperatorsError::Number {
                number: number.into(),
                source,
            })?;
            let there = self.numbers.insert(digits.into(), place);
            if let Some(there) = is_elsewhere(there) {
                return Err(self.claimed_twice(number.into(), there, &operator));
            }
        }
        self.operators.push(operator);
        Ok(self)
    }

    /// Whose number it is; `None` where it is nobody's.
    ///
    /// # Errors
    ///
    /// [`NumberError`] when `number` is not in E.164 form.
    pub fn of(&self, number: &str) -> Result<Option<&Operator>, NumberError> {
        Ok(self
            .place_of(number)?
            .and_then(|place| self.operators.get(place)))
    }

    /// All operators, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Operator> {
        self.operators.iter()
    }

    pub(crate) fn place_of(&self, number: &str) -> Result<Option<usize>, NumberError> {
        let digits = digits(number)?;
        let by_number = self.numbers.get(digits);
        let by_prefix = || {
            let lens = (0..=digits.len()).rev();
            lens.filter_map(|len| digits.get(..len))
                .find_map(|prefix| self.prefixes.get(prefix))
        };
        Ok(by_number.or_else(by_prefix).copied())
    }

    fn claimed_twice(&self, what: String, there: usize, operator: &Operator) -> OperatorsError {
        let first = self.operators.get(there);
        OperatorsError::ClaimedTwice {
            what,
            first: first.map_or_else(String::new, |first| first.name.clone()),
            second: operator.name.clone(),
        }
    }
}

/// Why operators cannot stand beside one another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorsError {
    /// Two have one name.
    #[error("two operators are called {name:?}")]
    Name {
        /// The name.
        name: String,
    },
    /// Two have one prefix, or one number.
    #[error("{what} is said to be of {first:?} and of {second:?}")]
    ClaimedTwice {
        /// The prefix or the number.
        what: String,
        /// Who had it first.
        first: String,
        /// Who was to have it too.
        second: String,
    },
    /// What is said to be a number is none.
    #[error("{number:?}: {source}")]
    Number {
        /// What was given.
        number: String,
        /// Why it is none.
        source: NumberError,
    },
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let digits = text.strip_prefix('+').ok_or(PrefixError)?;
        let is_one = digits.len() <= 15
            && !digits.starts_with('0')
            && digits.bytes().all(|octet| octet.is_ascii_digit());
        match is_one {
            true => Ok(Self {
                digits: digits.into(),
            }),
            false => Err(PrefixError),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.digits)
    }
}

/// The text is not what a number in E.164 form can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is a plus sign and up to 15 digits, the first not 0, like +8613")]
pub struct PrefixError;

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn operator(name: &str) -> Operator {
        Operator {
            name: name.into(),
            registry: RegistryConfig {
                contract: Address::ZERO,
                code_hash: B256::ZERO,
                chain_id: 1,
            },
        }
    }

    fn prefixes(texts: &[&str]) -> Vec<Prefix> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_operator_alone_has_every_number() {
        let operators = Operators::only(operator("all"));
        assert_eq!(operators.of("+10").unwrap().unwrap().name, "all");
        assert_eq!(operators.of("10"), Err(NumberError::NoPlus));
    }

    #[test]
    fn what_two_operators_claim_is_refused_by_name() {
        let one = Operators::default()
            .with(operator("one"), prefixes(&["+86", "+86"]), ["+8612"])
            .unwrap();
        let again = |name: &str, prefix: &[&str], number: &[&str]| {
            one.clone()
                .with(operator(name), prefixes(prefix), number.iter().copied())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            again("two", &["+1", "+86"], &[]),
            "+86 is said to be of \"one\" and of \"two\""
        );
        assert_eq!(
            again("two", &[], &["+8612"]),
            "+8612 is said to be of \"one\" and of \"two\""
        );
        assert_eq!(again("one", &[], &[]), "two operators are called \"one\"");
        assert!(again("two", &[], &["12"]).starts_with("\"12\": a number begins"));
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", "86", "+0", "+1234567890123456", "+1 2", "+８６", "++1"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError), "{text:?}");
        }
        for text in ["+", "+1", "+123456789012345"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_longest_prefix_wins_and_a_number_named_itself_before_all(
            prefixes in vec("\\+([12][12]{0,4})?", 0..12),
            named in vec("\\+[12][12]{1,5}", 0..4),
            number in "\\+[12][12]{1,5}",
        ) {
            // Each prefix and each number is of an operator of its own, called by what it claims.
            let mut operators = Operators::default();
            for prefix in &prefixes {
                let parsed = [prefix.parse().unwrap()];
                let added = operators.clone().with(operator(prefix), parsed, []);
                operators = added.unwrap_or(operators);
            }
            for number in &named {
                let name = format!("number {number}");
                let added = operators.clone().with(operator(&name), [], [number.as_str()]);
                operators = added.unwrap_or(operators);
            }
            let longest = prefixes
                .iter()
                .filter(|prefix| number.starts_with(prefix.as_str()))
                .max_by_key(|prefix| prefix.len())
                .cloned();
            let expected = match named.contains(&number) {
                true => Some(format!("number {number}")),
                false => longest,
            };
            let found = operators.of(&number).unwrap().map(|operator| operator.name.clone());
            prop_assert_eq!(found, expected);
        }
    }
}
