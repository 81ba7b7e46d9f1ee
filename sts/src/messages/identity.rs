//! `identity = u8(length of number) || number || key`.

use super::MessageError;
use super::reader::Reader;
use crate::number::NumberError;
use crate::{Identity, Number, PublicKey};

/// Appends an identity.
pub(crate) fn put_identity(octets: &mut Vec<u8>, identity: &Identity) {
    let number = identity.number.as_bytes();
    // At most 16 octets.
    octets.push(number.len() as u8);
    octets.extend_from_slice(number);
    octets.extend_from_slice(identity.key.as_bytes());
}

/// Reads an identity; the key is on the curve.
pub(super) fn read_identity(reader: &mut Reader<'_>) -> Result<Identity, MessageError> {
    let len = reader.u8()?;
    let number = reader.take(usize::from(len))?;
    let number = core::str::from_utf8(number).map_err(|_| NumberError::NotADigit)?;
    let number = Number::parse(number)?;
    let key = PublicKey::from_bytes(*reader.array()?)?;
    Ok(Identity { number, key })
}
