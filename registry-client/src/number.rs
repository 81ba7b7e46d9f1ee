//! Telephone numbers, as far as the registry knows them: by hash.

use alloy_primitives::{B256, keccak256};

/// The registry's name for a number: keccak256 of `tel:` and the number in E.164 form, plus sign included.
///
/// The hash keeps numbers off the chain's face; it hides them from nobody who tries them all.
///
/// # Errors
///
/// [`NumberError`] when `number` is not a plus sign and 2 to 15 digits, the first not 0.
///
/// ```
/// let hash = callseal_registry_client::number_hash("+8613800000001")?;
/// assert_eq!(hash, alloy_primitives::keccak256("tel:+8613800000001"));
/// # Ok::<(), callseal_registry_client::NumberError>(())
/// ```
pub fn number_hash(number: &str) -> Result<B256, NumberError> {
    digits(number)?;
    Ok(keccak256([b"tel:", number.as_bytes()].concat()))
}

/// The digits of a number in E.164 form.
pub(crate) fn digits(number: &str) -> Result<&str, NumberError> {
    let digits = number.strip_prefix('+').ok_or(NumberError::NoPlus)?;
    if let Some((at, found)) = digits.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        // One octet of plus sign stands before the digits.
        return Err(NumberError::NotADigit { at: at + 1, found });
    }
    if !(2..=15).contains(&digits.len()) {
        return Err(NumberError::Length {
            digits: digits.len(),
        });
    }
    if digits.starts_with('0') {
        return Err(NumberError::LeadingZero);
    }
    Ok(digits)
}

/// Why a text is not a telephone number in E.164 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_named_by_the_hash_of_its_tel_uri() {
        assert_eq!(
            number_hash("+8613800000001"),
            Ok(keccak256("tel:+8613800000001"))
        );
        assert_ne!(number_hash("+8613800000001"), number_hash("+8613800000002"));
    }

    #[test]
    fn what_is_not_e164_has_no_hash() {
        for (text, why) in [
            ("", NumberError::NoPlus),
            ("8613800000001", NumberError::NoPlus),
            ("+", NumberError::Length { digits: 0 }),
            ("+1", NumberError::Length { digits: 1 }),
            ("+1234567890123456", NumberError::Length { digits: 16 }),
            ("+12 34", NumberError::NotADigit { at: 3, found: ' ' }),
            (
                "+12３4",
                NumberError::NotADigit {
                    at: 3, found: '３'
                },
            ),
            ("tel:+1234", NumberError::NoPlus),
            ("+013800000001", NumberError::LeadingZero),
        ] {
            assert_eq!(number_hash(text), Err(why), "{text:?}");
        }
        assert!(number_hash("+12").is_ok());
        assert!(number_hash("+123456789012345").is_ok());
    }
}
