//! The handshake's APP packet.

use crate::{App, Compound, Packet};

/// The name of the handshake's APP packets.
pub const HANDSHAKE_NAME: [u8; 4] = *b"CSTS";

/// Octets of the message in every fragment but the last.
pub const FRAGMENT_LEN: usize = 1_024;

/// The most fragments of a message.
pub const MAX_COUNT: u8 = 20;

/// The longest message, in octets.
pub const MAX_MESSAGE_LEN: usize = FRAGMENT_LEN * MAX_COUNT as usize;

/// The length of a cookie, in octets.
pub const COOKIE_LEN: usize = 16;

/// A piece of a handshake message, as one APP packet carries it ("Carriage
/// in RTCP" of the handshake's protocol).
///
/// One that [`find`](Self::find) or [`from_app`](Self::from_app) has read is
/// consistent: count and total length fit each other, the index lies below
/// the count, and the octets are exactly those that this index has. Its
/// sender is unproven.
///
/// ```
/// use callseal_rtcp_ext::{Fragment, SizeRule, handshake_datagrams, parse};
///
/// let datagrams = handshake_datagrams(b"hello", 1, None, 7, "LPvhGs9EtQ1yzJnV", 1_096)?;
/// let compound = parse(&datagrams[0], SizeRule::Compound)?;
/// let fragment = Fragment::find(&compound).unwrap()?;
/// assert_eq!((fragment.index, fragment.count, fragment.bytes), (0, 1, &b"hello"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fragment<'a> {
    /// The message's tag, the same in all its fragments and repetitions.
    pub message_tag: u32,
    /// Which fragment: 0 … count − 1.
    pub index: u8,
    /// How many fragments the message has: 1 … [`MAX_COUNT`].
    pub count: u8,
    /// The whole message's length in octets: 1 … [`MAX_MESSAGE_LEN`].
    pub total_len: u16,
    /// What the responder has asked the initiator to return.
    pub cookie: Option<[u8; COOKIE_LEN]>,
    /// The message's octets from offset index × [`FRAGMENT_LEN`].
    pub bytes: &'a [u8],
}

/// Why a handshake packet is ignored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// Another application's packet.
    #[error("an APP packet of another name")]
    Name,
    /// A subtype bit that must be 0 is set.
    #[error("subtype {found} has bits set that must be 0")]
    Subtype {
        /// The subtype found.
        found: u8,
    },
    /// The packet is padded as RTCP pads; its own octets fill it up.
    #[error("the padding bit is set")]
    Padded,
    /// The packet ends before its fixed fields do.
    #[error("{len} octets of data do not hold the fragment's fields")]
    Short {
        /// Octets after the name.
        len: usize,
    },
    /// The message's length is 0 or above [`MAX_MESSAGE_LEN`].
    #[error("a message of {len} octets")]
    TotalLen {
        /// The length found.
        len: u16,
    },
    /// The count is not what the message's length needs.
    #[error("{count} fragments for a message of {total_len} octets")]
    Count {
        /// The count found.
        count: u8,
        /// The message's length.
        total_len: u16,
    },
    /// The index is not below the count.
    #[error("fragment {index} of {count}")]
    Index {
        /// The index found.
        index: u8,
        /// The count.
        count: u8,
    },
    /// The octets are not as many as this index has.
    #[error("{len} octets where the fragment has {expected}, filled up to a multiple of four")]
    Len {
        /// Octets in the packet, with what fills up.
        len: usize,
        /// Octets of the message that this fragment has.
        expected: usize,
    },
}

impl<'a> Fragment<'a> {
    /// The fragment in a datagram: its first APP packet named
    /// [`HANDSHAKE_NAME`], the only one that counts. `None` if there is none.
    pub fn find(compound: &Compound<'a>) -> Option<Result<Self, FragmentError>> {
        let mut packets = compound.iter();
        while let Some((packet, padded)) = packets.next_and_whether_padded() {
            match packet {
                Packet::App(app) if app.name != HANDSHAKE_NAME => {}
                Packet::App(_) if padded => return Some(Err(FragmentError::Padded)),
                Packet::App(app) => return Some(Self::from_app(&app)),
                _ => {}
            }
        }
        None
    }

    /// Reads an APP packet, which is taken not to be padded.
    ///
    /// # Errors
    ///
    /// [`FragmentError`] names the field that does not fit; the packet is to
    /// be ignored.
    pub fn from_app(app: &App<'a>) -> Result<Self, FragmentError> {
        if app.name != HANDSHAKE_NAME {
            return Err(FragmentError::Name);
        }
        if app.subtype & !COOKIE_BIT != 0 {
            return Err(FragmentError::Subtype { found: app.subtype });
        }
        let short = FragmentError::Short {
            len: app.data.len(),
        };
        let (fields, rest) = app.data.split_first_chunk::<8>().ok_or(short)?;
        let [t0, t1, t2, t3, index, count, l0, l1] = *fields;
        let (cookie, octets) = if app.subtype & COOKIE_BIT != 0 {
            let (cookie, rest) = rest.split_first_chunk().ok_or(short)?;
            (Some(*cookie), rest)
        } else {
            (None, rest)
        };
        let total_len = u16::from_be_bytes([l0, l1]);
        check_shape(index, count, total_len)?;
        let expected = fragment_len(index, total_len);
        if octets.len() != expected.next_multiple_of(4) {
            return Err(FragmentError::Len {
                len: octets.len(),
                expected,
            });
        }
        Ok(Self {
            message_tag: u32::from_be_bytes([t0, t1, t2, t3]),
            index,
            count,
            total_len,
            cookie,
            bytes: &octets[..expected],
        })
    }

    /// The pieces of a message, in order, to be sent with this tag and
    /// cookie; none if it is empty or above [`MAX_MESSAGE_LEN`].
    ///
    /// ```
    /// use callseal_rtcp_ext::Fragment;
    ///
    /// let lengths: Vec<_> = Fragment::cut(&[0; 2_500], 1, None)
    ///     .map(|fragment| fragment.bytes.len())
    ///     .collect();
    /// assert_eq!(lengths, [1_024, 1_024, 452]);
    /// ```
    pub fn cut(
        message: &'a [u8],
        message_tag: u32,
        cookie: Option<[u8; COOKIE_LEN]>,
    ) -> impl ExactSizeIterator<Item = Self> {
        let message = match message.len() {
            0..=MAX_MESSAGE_LEN => message,
            _ => &[],
        };
        // All fit, as does every index: the length was bounded above.
        let total_len = message.len() as u16;
        let count = message.len().div_ceil(FRAGMENT_LEN) as u8;
        message
            .chunks(FRAGMENT_LEN)
            .enumerate()
            .map(move |(index, bytes)| Self {
                message_tag,
                index: index as u8,
                count,
                total_len,
                cookie,
                bytes,
            })
    }

    /// The data of the APP packet that carries it, and its subtype.
    pub(crate) fn to_app_data(self) -> (u8, Vec<u8>) {
        let mut data = Vec::with_capacity(8 + COOKIE_LEN + FRAGMENT_LEN);
        data.extend(self.message_tag.to_be_bytes());
        data.extend([self.index, self.count]);
        data.extend(self.total_len.to_be_bytes());
        data.extend(self.cookie.iter().flatten());
        data.extend(self.bytes);
        data.resize(data.len().next_multiple_of(4), 0);
        let subtype = if self.cookie.is_some() { COOKIE_BIT } else { 0 };
        (subtype, data)
    }

    /// Whether count, total length, index and octets fit each other, for
    /// those who have put it together themselves.
    pub(crate) fn check(&self) -> Result<(), FragmentError> {
        check_shape(self.index, self.count, self.total_len)?;
        let expected = fragment_len(self.index, self.total_len);
        if self.bytes.len() == expected {
            Ok(())
        } else {
            Err(FragmentError::Len {
                len: self.bytes.len(),
                expected,
            })
        }
    }
}

/// Says that a cookie is there.
const COOKIE_BIT: u8 = 1;

fn check_shape(index: u8, count: u8, total_len: u16) -> Result<(), FragmentError> {
    let len = usize::from(total_len);
    if !(1..=MAX_MESSAGE_LEN).contains(&len) {
        return Err(FragmentError::TotalLen { len: total_len });
    }
    if usize::from(count) != len.div_ceil(FRAGMENT_LEN) {
        return Err(FragmentError::Count { count, total_len });
    }
    if index >= count {
        return Err(FragmentError::Index { index, count });
    }
    Ok(())
}

/// How many octets the fragment has; its index is below the count.
fn fragment_len(index: u8, total_len: u16) -> usize {
    usize::from(total_len)
        .saturating_sub(usize::from(index) * FRAGMENT_LEN)
        .min(FRAGMENT_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, SizeRule, parse};

    fn app(subtype: u8, data: &[u8]) -> App<'_> {
        App {
            subtype,
            ssrc: 7,
            name: HANDSHAKE_NAME,
            data,
        }
    }

    fn fields(index: u8, count: u8, total_len: u16, octets: usize) -> Vec<u8> {
        let mut data = vec![1, 2, 3, 4, index, count];
        data.extend(total_len.to_be_bytes());
        data.resize(8 + octets, 0x5a);
        data
    }

    #[test]
    fn reads_the_figure() {
        let mut data = fields(1, 2, 1_026, 0);
        data.extend([0xcc; 16]);
        data.extend([9, 8, 0, 0]);
        assert_eq!(
            Fragment::from_app(&app(1, &data)),
            Ok(Fragment {
                message_tag: 0x0102_0304,
                index: 1,
                count: 2,
                total_len: 1_026,
                cookie: Some([0xcc; 16]),
                bytes: &[9, 8],
            })
        );
    }

    #[test]
    fn what_fills_up_may_have_any_value() {
        let fragment = Fragment::from_app(&app(0, &fields(0, 1, 1, 4))).map(|f| f.bytes.to_vec());
        assert_eq!(fragment, Ok(vec![0x5a]));
    }

    #[test]
    fn another_name_or_subtype_is_not_ours() {
        let data = fields(0, 1, 4, 4);
        let other = App {
            name: *b"csts",
            ..app(0, &data)
        };
        assert_eq!(Fragment::from_app(&other), Err(FragmentError::Name));
        for found in (2..32).filter(|bits| bits & !1 != 0) {
            assert_eq!(
                Fragment::from_app(&app(found, &data)),
                Err(FragmentError::Subtype { found })
            );
        }
    }

    #[test]
    fn fields_that_do_not_fit_are_refused_by_name() {
        let error = |index, count, total_len, octets| {
            let data = fields(index, count, total_len, octets);
            Fragment::from_app(&app(0, &data)).unwrap_err()
        };
        assert_eq!(error(0, 1, 0, 0), FragmentError::TotalLen { len: 0 });
        assert_eq!(
            error(0, 21, 20_481, 1_024),
            FragmentError::TotalLen { len: 20_481 }
        );
        for count in [0, 2, 255] {
            assert_eq!(
                error(0, count, 1_024, 1_024),
                FragmentError::Count {
                    count,
                    total_len: 1_024
                }
            );
        }
        assert_eq!(
            error(2, 2, 1_025, 4),
            FragmentError::Index { index: 2, count: 2 }
        );
        for len in [0, 4, 12] {
            assert_eq!(error(0, 1, 8, len), FragmentError::Len { len, expected: 8 });
        }
        assert_eq!(
            error(1, 2, 1_025, 1_024),
            FragmentError::Len {
                len: 1_024,
                expected: 1
            }
        );
    }

    #[test]
    fn a_packet_too_short_for_its_fields_is_refused() {
        let data = fields(0, 1, 4, 4);
        assert_eq!(
            Fragment::from_app(&app(0, &data[..4])),
            Err(FragmentError::Short { len: 4 })
        );
        assert_eq!(
            Fragment::from_app(&app(1, &data)),
            Err(FragmentError::Short { len: 12 })
        );
    }

    #[test]
    fn only_the_first_packet_of_the_name_counts_and_it_is_never_padded() {
        let cname = "LPvhGs9EtQ1yzJnV";
        let (good, bad) = (fields(0, 1, 4, 4), fields(1, 1, 4, 4));
        let other = App {
            name: *b"PING",
            ..app(0, &good)
        };
        let find = |apps: &[App<'_>], multiple| {
            let mut builder = Builder::receiver_report(7, &[], cname).unwrap();
            for app in apps {
                builder = builder.app(app).unwrap();
            }
            let datagram = builder.finish_padded(multiple).unwrap();
            let compound = parse(&datagram, SizeRule::Compound).unwrap();
            Fragment::find(&compound).map(|found| found.map(|fragment| fragment.index))
        };
        let misplaced = FragmentError::Index { index: 1, count: 1 };
        assert_eq!(find(&[other], 4), None);
        assert_eq!(find(&[other, app(0, &good), app(0, &bad)], 4), Some(Ok(0)));
        assert_eq!(
            find(&[app(0, &bad), app(0, &good)], 4),
            Some(Err(misplaced))
        );
        assert_eq!(
            find(&[app(0, &good)], 252),
            Some(Err(FragmentError::Padded))
        );
        assert_eq!(find(&[app(0, &good), other], 252), Some(Ok(0)));
    }

    #[test]
    fn the_longest_message_has_twenty_fragments_and_a_longer_one_none() {
        let message = vec![0; MAX_MESSAGE_LEN + 1];
        assert_eq!(Fragment::cut(&message[1..], 1, None).len(), 20);
        assert_eq!(Fragment::cut(&message, 1, None).len(), 0);
        assert_eq!(Fragment::cut(&[], 1, None).len(), 0);
        assert!(Fragment::cut(&message[1..], 1, None).all(|f| f.check().is_ok()));
    }
}
