//! The words of a line, each with its place.

use super::{SdesError, SdesFault};

/// What is left of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    rest: Word<'a>,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Where it begins in the line, in octets.
    pub(super) at: usize,
}

impl<'a> Words<'a> {
    /// The words of a line behind `a=crypto:`.
    pub(super) fn of(line: &'a str) -> Result<Self, SdesError> {
        let whole = Word { text: line, at: 0 };
        let text = line
            .strip_prefix("a=crypto:")
            .ok_or(whole.fault(SdesFault::NotCrypto))?;
        let at = line.len() - text.len();
        let text = text.trim_end_matches(['\r', '\n']);
        let rest = Word { text, at };
        match text
            .bytes()
            .position(|octet| octet < b' ' && octet != b'\t')
        {
            Some(control) => Err(rest.split_at(control).1.fault(SdesFault::ControlCharacter)),
            None => Ok(Self { rest }),
        }
    }

    /// The next word, or `missing`.
    pub(super) fn next(&mut self, missing: SdesFault) -> Result<Word<'a>, SdesError> {
        self.next_if_any().ok_or(self.rest.fault(missing))
    }

    pub(super) fn next_if_any(&mut self) -> Option<Word<'a>> {
        let space = [' ', '\t'];
        let start = self.rest.text.find(|c| !space.contains(&c))?;
        let (_, word) = self.rest.split_at(start);
        let end = word.text.find(space).unwrap_or(word.text.len());
        let (word, rest) = word.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

impl<'a> Word<'a> {
    pub(super) fn fault(self, fault: SdesFault) -> SdesError {
        SdesError { at: self.at, fault }
    }

    pub(super) fn split_at(self, at: usize) -> (Self, Self) {
        let (before, behind) = self.text.split_at(at);
        let behind = Self {
            text: behind,
            at: self.at + at,
        };
        let before = Self {
            text: before,
            at: self.at,
        };
        (before, behind)
    }

    /// The pieces between separators, of which there is one at least.
    pub(super) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        core::iter::from_fn(move || {
            let word = rest?;
            let Some((piece, _)) = word.text.split_once(separator) else {
                rest = None;
                return Some(word);
            };
            let (piece, behind) = word.split_at(piece.len());
            rest = Some(behind.split_at(separator.len_utf8()).1);
            Some(piece)
        })
    }

    pub(super) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        let text = self.text.strip_prefix(prefix)?;
        let at = self.at + prefix.len();
        Some(Self { text, at })
    }

    /// The number that the word is, in digits alone, up to `max`. RFC 4568
    /// allows none of its numbers a leading zero.
    pub(super) fn number(self, max: u64) -> Option<u64> {
        let leading_zero = self.text.len() > 1 && self.text.starts_with('0');
        let digits = !leading_zero && self.text.bytes().all(|octet| octet.is_ascii_digit());
        let number = self.text.parse().ok().filter(|&number| number <= max);
        number.filter(|_| digits)
    }
}
