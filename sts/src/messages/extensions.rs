//! What messages may bring besides.

use super::MessageError;
use super::reader::Reader;

/// Extensions: well formed, each type once; types that are not known are
/// skipped. Version 1 defines two; see [`Staples`](crate::Staples).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extensions<'a> {
    entries: &'a [u8],
}

/// One extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extension<'a> {
    /// Its type.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// No extensions.
    pub const NONE: Self = Self { entries: &[] };

    /// Those of these entries, as [`entries`](Self::entries) has built them.
    pub(crate) fn new(entries: &'a [u8]) -> Self {
        Self { entries }
    }

    /// Builds entries; no type may occur twice, and all of them together have
    /// to fit into a message.
    pub(crate) fn entries<'e>(extensions: impl IntoIterator<Item = Extension<'e>>) -> Vec<u8> {
        let mut entries = Vec::new();
        for Extension { kind, value } in extensions {
            entries.extend_from_slice(&kind.to_be_bytes());
            // A message's length has 16 bits.
            entries.extend_from_slice(&(value.len() as u16).to_be_bytes());
            entries.extend_from_slice(value);
        }
        entries
    }

    /// The extensions in their order.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut reader = Reader::new(self.entries);
        // They were checked when they were read.
        core::iter::from_fn(move || next(&mut reader).ok())
    }

    /// `u16(length of what follows) || { u16(type) || u16(length) || value }*`
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, MessageError> {
        let entries = reader.u16_prefixed()?;
        let mut seen = Vec::new();
        let mut rest = Reader::new(entries);
        while !rest.is_empty() {
            let extension = next(&mut rest)?;
            seen.push(extension.kind);
        }
        seen.sort_unstable();
        if let Some(pair) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(MessageError::RepeatedExtension(pair[0]));
        }
        Ok(Self { entries })
    }

    pub(super) fn put(&self, octets: &mut Vec<u8>) {
        // They were read from behind a 16-bit length.
        octets.extend_from_slice(&(self.entries.len() as u16).to_be_bytes());
        octets.extend_from_slice(self.entries);
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<Extension<'a>, MessageError> {
    Ok(Extension {
        kind: reader.u16()?,
        value: reader.u16_prefixed()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Result<Extensions<'_>, MessageError> {
        let mut reader = Reader::new(octets);
        let extensions = Extensions::read(&mut reader)?;
        reader.finish()?;
        Ok(extensions)
    }

    #[test]
    fn unknown_types_are_passed_over_and_kept_in_order() {
        let octets = [0, 9, 0, 7, 0, 1, 0xaa, 0, 3, 0, 0];
        let extensions = read(&octets).unwrap();
        let all: Vec<_> = extensions.iter().map(|e| (e.kind, e.value)).collect();
        assert_eq!(all, [(7, &[0xaa][..]), (3, &[][..])]);
        let mut again = Vec::new();
        extensions.put(&mut again);
        assert_eq!(again, octets);
    }

    #[test]
    fn a_type_stands_there_once() {
        let octets = [0, 12, 0, 7, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0];
        assert_eq!(read(&octets), Err(MessageError::RepeatedExtension(7)));
    }

    #[test]
    fn entries_fill_the_length_exactly() {
        for octets in [
            &[0][..],
            &[0, 1],
            &[0, 3, 0, 7, 0],
            &[0, 4, 0, 7, 0, 1],
            &[0, 5, 0, 7, 0, 2, 0xaa],
        ] {
            assert_eq!(read(octets), Err(MessageError::TooShort), "{octets:?}");
        }
        assert_eq!(read(&[0, 0, 0]), Err(MessageError::TooLong));
    }
}
