//! Telephone numbers.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// A telephone number in E.164 form: `+`, then 2 to 15 digits, the first not
/// 0.
///
/// ```
/// use callseal_sts::Number;
///
/// let number = Number::parse("+8613800000001")?;
/// assert_eq!(number.as_str(), "+8613800000001");
/// assert!(Number::parse("0138 0000 0001").is_err());
/// # Ok::<(), callseal_sts::NumberError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Number {
    // Zeros after the digits, so that the derived comparisons hold.
    octets: [u8; MAX_LEN],
    len: u8,
}

/// Why a text is not a telephone number.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NumberError {
    /// The first character is not `+`.
    #[error("a number begins with '+'")]
    NoPlus,
    /// There are not 2 to 15 characters after the `+`.
    #[error("a number has 2 to 15 digits after the '+'")]
    Length,
    /// A character after the `+` is not a digit.
    #[error("only digits follow the '+'")]
    NotADigit,
    /// The first digit is 0, which no country code begins with.
    #[error("no country code begins with 0")]
    LeadingZero,
}

/// The longest number, `+` included, in octets.
pub(crate) const MAX_LEN: usize = 16;

impl Number {
    /// Reads a number: `+` and digits, without spaces or any other mark.
    ///
    /// # Errors
    ///
    /// [`NumberError`], by what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let octets = text.as_bytes();
        let digits = octets.strip_prefix(b"+").ok_or(NumberError::NoPlus)?;
        if !(2..MAX_LEN).contains(&digits.len()) {
            return Err(NumberError::Length);
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NumberError::NotADigit);
        }
        if digits[0] == b'0' {
            return Err(NumberError::LeadingZero);
        }
        let mut number = Self {
            octets: [0; MAX_LEN],
            len: octets.len() as u8,
        };
        number.octets[..octets.len()].copy_from_slice(octets);
        Ok(number)
    }

    /// The number as text, `+` included.
    pub fn as_str(&self) -> &str {
        // Only ASCII ever gets in.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The number's ASCII octets, `+` included; 3 to 16 of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::parse(text)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shortest_and_the_longest_are_numbers() {
        assert_eq!(Number::parse("+10").unwrap().as_str(), "+10");
        let longest = "+123456789012345";
        assert_eq!(Number::parse(longest).unwrap().to_string(), longest);
    }

    #[test]
    fn what_is_no_number_is_refused_by_its_fault() {
        for (text, fault) in [
            ("", NumberError::NoPlus),
            ("8613800000001", NumberError::NoPlus),
            ("+", NumberError::Length),
            ("+1", NumberError::Length),
            ("+1234567890123456", NumberError::Length),
            ("+861 380", NumberError::NotADigit),
            ("++8613", NumberError::NotADigit),
            ("+٤٥٦٧", NumberError::NotADigit),
            ("+0138", NumberError::LeadingZero),
        ] {
            assert_eq!(Number::parse(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_any_text_gives_the_same_text_or_an_error(text in ".{0,20}") {
            if let Ok(number) = Number::parse(&text) {
                prop_assert_eq!(number.as_str(), text);
            }
        }
    }
}
