//! Bytes of a file of any size, a window of them at a time, with their offset.

use std::io::{self, Read};

/// What is read at once from the file, in octets.
const CHUNK_LEN: usize = 256 * 1024;

/// A reader with a window that can be looked at before it is consumed.
///
/// The window grows to the longest piece that was ever asked for and no
/// further, so memory does not depend on the length of the file.
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK_LEN],
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// The offset in the file of the first octet of the window.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until the window holds `wanted_len` octets or the file ends, and
    /// says how many it holds now.
    pub(super) fn fill(&mut self, wanted_len: usize) -> io::Result<usize> {
        if self.available() >= wanted_len {
            return Ok(self.available());
        }
        if self.start + wanted_len > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if wanted_len > self.buffer.len() {
                self.buffer.resize(wanted_len, 0);
            }
        }
        while self.available() < wanted_len {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read_len) => self.end += read_len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.available())
    }

    /// The window, as far as it has been filled.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes `len` octets out of the window; they can still be read through
    /// [`Source::consumed`] until the next [`Source::fill`].
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.available());
        self.start += len;
        self.offset += len as u64;
    }

    /// The `len` octets consumed last.
    pub(super) fn consumed(&self, len: usize) -> &[u8] {
        &self.buffer[self.start.saturating_sub(len)..self.start]
    }

    fn available(&self) -> usize {
        self.end - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one octet a call, as a slow pipe would.
    struct Drip(Vec<u8>);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.is_empty() {
                true => Ok(0),
                false => {
                    out[0] = self.0.remove(0);
                    Ok(1)
                }
            }
        }
    }

    #[test]
    fn a_slow_pipe_gives_the_same_bytes_as_a_file() {
        let mut source = Source::new(Drip((0..100).collect()));
        assert_eq!(source.fill(10).unwrap(), 10);
        source.consume(10);
        assert_eq!(source.consumed(10), (0..10).collect::<Vec<u8>>());
        assert_eq!(source.fill(200).unwrap(), 90);
        assert_eq!(source.window()[0], 10);
        assert_eq!(source.offset(), 10);
    }

    #[test]
    fn the_window_grows_to_what_is_asked_for() {
        let bytes = vec![7_u8; 3 * CHUNK_LEN];
        let mut source = Source::new(&bytes[..]);
        source.fill(5).unwrap();
        source.consume(5);
        assert_eq!(source.fill(2 * CHUNK_LEN).unwrap(), 2 * CHUNK_LEN);
        assert_eq!(source.offset(), 5);
    }
}
