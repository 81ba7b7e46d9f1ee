//! The classic pcap format (draft-ietf-opsawg-pcap), as a reader.

use std::io::Read;
use std::time::Duration;

use super::source::Source;
use super::{ByteOrder, CaptureError, LinkType, MAX_FRAME_LEN, Record};

const HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;

pub(super) struct PcapReader {
    order: ByteOrder,
    nanoseconds: bool,
    link_type: LinkType,
}

impl PcapReader {
    /// Reads the file header.
    pub(super) fn new<R: Read>(source: &mut Source<R>) -> Result<Self, CaptureError> {
        let held_len = source.fill(HEADER_LEN).map_err(CaptureError::io(0))?;
        let header = source.window();
        let (order, nanoseconds) = match header {
            [0xa1, 0xb2, 0xc3, 0xd4, ..] => (ByteOrder::Big, false),
            [0xa1, 0xb2, 0x3c, 0x4d, ..] => (ByteOrder::Big, true),
            [0xd4, 0xc3, 0xb2, 0xa1, ..] => (ByteOrder::Little, false),
            [0x4d, 0x3c, 0xb2, 0xa1, ..] => (ByteOrder::Little, true),
            _ => {
                return Err(CaptureError::NotACapture {
                    found: header.iter().take(4).copied().collect(),
                });
            }
        };
        if held_len < HEADER_LEN {
            return Err(CaptureError::CutShort {
                what: "the file header before packet",
                number: 1,
                offset: 0,
                needed_len: HEADER_LEN,
                held_len,
            });
        }
        let major = order.u16(header, 4);
        if major != 2 {
            let what = format!("pcap version {major} is not known, only 2");
            return Err(CaptureError::damaged(1, 0, what));
        }
        // The upper half of the field holds the length of the frame check
        // sequence, which no payload reaches into.
        let link_type = LinkType((order.u32(header, 20) & 0xffff) as u16);
        source.consume(HEADER_LEN);
        Ok(Self {
            order,
            nanoseconds,
            link_type,
        })
    }

    pub(super) fn next_record<R: Read>(
        &mut self,
        source: &mut Source<R>,
        number: u64,
    ) -> Result<Option<Record>, CaptureError> {
        let offset = source.offset();
        let held_len = source
            .fill(RECORD_HEADER_LEN)
            .map_err(CaptureError::io(offset))?;
        if held_len == 0 {
            return Ok(None);
        }
        let cut_short = |what, needed_len, held_len| CaptureError::CutShort {
            what,
            number,
            offset,
            needed_len,
            held_len,
        };
        if held_len < RECORD_HEADER_LEN {
            return Err(cut_short(
                "the header of packet",
                RECORD_HEADER_LEN,
                held_len,
            ));
        }
        let header = source.window();
        let seconds = self.order.u32(header, 0);
        let fraction = self.order.u32(header, 4);
        let captured_len = self.order.u32(header, 8) as usize;
        let original_len = self.order.u32(header, 12);
        if captured_len > MAX_FRAME_LEN {
            let what = format!("a frame of {captured_len} octets; {MAX_FRAME_LEN} are the most");
            return Err(CaptureError::damaged(number, offset, what));
        }
        let record_len = RECORD_HEADER_LEN + captured_len;
        let held_len = source.fill(record_len).map_err(CaptureError::io(offset))?;
        if held_len < record_len {
            return Err(cut_short("packet", record_len, held_len));
        }
        source.consume(record_len);
        let fraction = match self.nanoseconds {
            true => Duration::from_nanos(u64::from(fraction)),
            false => Duration::from_micros(u64::from(fraction)),
        };
        Ok(Some(Record {
            offset,
            at: Duration::from_secs(u64::from(seconds)) + fraction,
            link_type: self.link_type,
            captured_len,
            after_len: captured_len,
            original_len,
            interface: 0,
        }))
    }
}
