//! Telephone numbers in E.164 form.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// A telephone number: 2 to 15 digits, the first not 0.
///
/// ```
/// use callseal_eims::Number;
///
/// let number: Number = "+8613800000001".parse()?;
/// assert_eq!(number.to_string(), "+8613800000001");
/// assert_eq!(format!("{number:?}"), "Number(+86…01)");
/// # Ok::<(), callseal_eims::NumberError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Number(u64);

/// Why a text is not a telephone number in E.164 form.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NumberError {
    /// It does not begin with a plus sign.
    #[error("a number begins with a plus sign and the country code, like +8613800000001")]
    NoPlus,
    /// It holds something else than digits.
    #[error("a number holds nothing but digits after its plus sign; {found:?} at octet {at}")]
    NotADigit {
        /// Octets before the character.
        at: usize,
        /// The character.
        found: char,
    },
    /// It is too short or too long.
    #[error("a number has 2 to 15 digits, this one {digits}")]
    Length {
        /// How many digits it has.
        digits: usize,
    },
    /// Its first digit is 0.
    #[error("a number begins with its country code, and no country code begins with 0")]
    LeadingZero,
}

impl Number {
    const LEAST: u64 = 10;
    const GREATEST: u64 = 999_999_999_999_999;

    /// The number whose digits are `value` in decimals, if that is 2 to 15 of
    /// them: no digit string begins with 0, so every number has one value.
    pub(crate) fn from_value(value: u64) -> Option<Self> {
        (Self::LEAST..=Self::GREATEST)
            .contains(&value)
            .then_some(Self(value))
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError::NoPlus)?;
        if let Some((at, found)) = digits.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
            // One octet of plus sign stands before the digits.
            return Err(NumberError::NotADigit { at: at + 1, found });
        }
        let length = NumberError::Length {
            digits: digits.len(),
        };
        if !(2..=15).contains(&digits.len()) {
            return Err(length);
        }
        if digits.starts_with('0') {
            return Err(NumberError::LeadingZero);
        }
        digits.parse().map(Self).map_err(|_| length)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// Shows no more than two digits at either end: logs hold no full numbers.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        if digits.len() < 6 {
            return f.write_str("Number(+…)");
        }
        write!(
            f,
            "Number(+{}…{})",
            &digits[..2],
            &digits[digits.len() - 2..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_and_the_longest_number_are_numbers() {
        for text in ["+10", "+999999999999999"] {
            let number: Number = text.parse().unwrap();
            assert_eq!(number.to_string(), text);
            assert_eq!(Number::from_value(number.value()), Some(number));
        }
        for value in [0, 9, 1_000_000_000_000_000, u64::MAX] {
            assert_eq!(Number::from_value(value), None);
        }
    }

    #[test]
    fn what_is_not_e164_is_no_number() {
        for (text, why) in [
            ("", NumberError::NoPlus),
            ("8613800000001", NumberError::NoPlus),
            ("+1", NumberError::Length { digits: 1 }),
            ("+1234567890123456", NumberError::Length { digits: 16 }),
            ("+0138", NumberError::LeadingZero),
            ("+1 3", NumberError::NotADigit { at: 2, found: ' ' }),
            ("+1é", NumberError::NotADigit { at: 2, found: 'é' }),
            ("++1", NumberError::NotADigit { at: 1, found: '+' }),
        ] {
            assert_eq!(text.parse::<Number>(), Err(why), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_full_number() {
        let short: Number = "+11234".parse().unwrap();
        assert_eq!(format!("{short:?}"), "Number(+…)");
    }
}
