//! The pcapng format (draft-ietf-opsawg-pcapng), as a reader.

use std::io::Read;
use std::time::Duration;

use super::source::Source;
use super::{ByteOrder, CaptureError, LinkType, MAX_FRAME_LEN, Record};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_TIMESTAMP_RESOLUTION: u16 = 9;
const OPTION_TIMESTAMP_OFFSET: u16 = 14;

/// Type and length in front of a block's body, and the length behind it.
const BLOCK_HEAD_LEN: usize = 8;
const BLOCK_FRAME_LEN: usize = 12;

/// The longest block that is read: a frame and generous options.
const MAX_BLOCK_LEN: usize = MAX_FRAME_LEN + 1_048_576;
const MAX_INTERFACES: usize = 4_096;

pub(super) struct PcapNgReader {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: LinkType,
    snap_len: u32,
    resolution: Resolution,
    offset_seconds: i64,
}

impl PcapNgReader {
    pub(super) fn new() -> Self {
        Self {
            order: ByteOrder::Little,
            interfaces: Vec::new(),
        }
    }

    pub(super) fn next_record<R: Read>(
        &mut self,
        source: &mut Source<R>,
        number: u64,
    ) -> Result<Option<Record>, CaptureError> {
        loop {
            let Some(block) = self.next_block(source, number)? else {
                return Ok(None);
            };
            let body = &source.window()[BLOCK_HEAD_LEN..block.len - 4];
            let damaged = |what: &str| CaptureError::damaged(number, block.offset, what);
            let mut found = None;
            match block.kind {
                SECTION_HEADER => {
                    let major = self.order.u16(body, 4);
                    if major != 1 {
                        return Err(damaged("a section that is not of pcapng version 1"));
                    }
                    self.interfaces.clear();
                }
                INTERFACE_DESCRIPTION => {
                    if self.interfaces.len() == MAX_INTERFACES {
                        return Err(damaged("more than 4,096 interfaces"));
                    }
                    let interface = Interface::parse(self.order, body)
                        .ok_or_else(|| damaged("an interface description that is too short"))?;
                    self.interfaces.push(interface);
                }
                ENHANCED_PACKET | OBSOLETE_PACKET => {
                    found = Some(self.packet(block.kind, body).map_err(damaged)?);
                }
                SIMPLE_PACKET => found = Some(self.simple_packet(body).map_err(damaged)?),
                _ => {}
            }
            source.consume(block.len);
            if let Some(packet) = found {
                return Ok(Some(Record {
                    offset: block.offset,
                    at: packet.at,
                    link_type: packet.link_type,
                    captured_len: packet.captured_len,
                    after_len: block.len - BLOCK_HEAD_LEN - packet.data_at,
                    original_len: packet.original_len,
                    interface: packet.interface,
                }));
            }
        }
    }

    /// Brings the next block into the window, whole, and checks its lengths.
    fn next_block<R: Read>(
        &mut self,
        source: &mut Source<R>,
        number: u64,
    ) -> Result<Option<Block>, CaptureError> {
        let offset = source.offset();
        let held_len = source
            .fill(BLOCK_FRAME_LEN)
            .map_err(CaptureError::io(offset))?;
        if held_len == 0 {
            return Ok(None);
        }
        let cut_short = |needed_len, held_len| CaptureError::CutShort {
            what: "the block of packet",
            number,
            offset,
            needed_len,
            held_len,
        };
        if held_len < BLOCK_FRAME_LEN {
            return Err(cut_short(BLOCK_FRAME_LEN, held_len));
        }
        let damaged = |what: String| CaptureError::damaged(number, offset, what);
        let head = source.window();
        let kind = self.order.u32(head, 0);
        if kind == SECTION_HEADER {
            // The type reads the same both ways; what follows the length
            // tells the order.
            self.order = match head[8..12] {
                [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
                _ => return Err(damaged("a section without its byte-order magic".into())),
            };
        }
        let len = self.order.u32(head, 4) as usize;
        if len < BLOCK_FRAME_LEN || !len.is_multiple_of(4) {
            return Err(damaged(format!("a block of {len} octets")));
        }
        if len > MAX_BLOCK_LEN {
            let what = format!("a block of {len} octets; {MAX_BLOCK_LEN} are the most");
            return Err(damaged(what));
        }
        let held_len = source.fill(len).map_err(CaptureError::io(offset))?;
        if held_len < len {
            return Err(cut_short(len, held_len));
        }
        let repeated_len = self.order.u32(source.window(), len - 4) as usize;
        if repeated_len != len {
            let what = format!("a block says {len} octets at its start, {repeated_len} at its end");
            return Err(damaged(what));
        }
        Ok(Some(Block { kind, len, offset }))
    }

    fn packet(&self, kind: u32, body: &[u8]) -> Result<Packet, &'static str> {
        const DATA_AT: usize = 20;
        if body.len() < DATA_AT {
            return Err("a packet block that is too short");
        }
        let number = match kind {
            ENHANCED_PACKET => self.order.u32(body, 0),
            _ => u32::from(self.order.u16(body, 0)),
        };
        let interface = self.interface(number as usize)?;
        let units = (u64::from(self.order.u32(body, 4)) << 32) | u64::from(self.order.u32(body, 8));
        let captured_len = self.order.u32(body, 12) as usize;
        if captured_len > body.len() - DATA_AT {
            return Err("a packet longer than its block");
        }
        Ok(Packet {
            at: interface.time(units),
            link_type: interface.link_type,
            data_at: DATA_AT,
            captured_len: frame_len(captured_len)?,
            original_len: self.order.u32(body, 16),
            interface: number,
        })
    }

    fn simple_packet(&self, body: &[u8]) -> Result<Packet, &'static str> {
        const DATA_AT: usize = 4;
        if body.len() < DATA_AT {
            return Err("a packet block that is too short");
        }
        let interface = self.interface(0)?;
        let original_len = self.order.u32(body, 0);
        let snap_len = match interface.snap_len {
            0 => u32::MAX,
            limit => limit,
        };
        let captured_len = original_len.min(snap_len) as usize;
        if captured_len > body.len() - DATA_AT {
            return Err("a packet longer than its block");
        }
        Ok(Packet {
            at: Duration::ZERO,
            link_type: interface.link_type,
            data_at: DATA_AT,
            captured_len: frame_len(captured_len)?,
            original_len,
            interface: 0,
        })
    }

    fn interface(&self, index: usize) -> Result<&Interface, &'static str> {
        self.interfaces
            .get(index)
            .ok_or("a packet of an interface that was not described")
    }
}

fn frame_len(captured_len: usize) -> Result<usize, &'static str> {
    match captured_len <= MAX_FRAME_LEN {
        true => Ok(captured_len),
        false => Err("a frame of more than 262,144 octets"),
    }
}

struct Block {
    kind: u32,
    len: usize,
    offset: u64,
}

struct Packet {
    at: Duration,
    link_type: LinkType,
    data_at: usize,
    captured_len: usize,
    original_len: u32,
    interface: u32,
}

impl Interface {
    fn parse(order: ByteOrder, body: &[u8]) -> Option<Self> {
        const OPTIONS_AT: usize = 8;
        let options = body.get(OPTIONS_AT..)?;
        let mut interface = Self {
            link_type: LinkType(order.u16(body, 0)),
            snap_len: order.u32(body, 4),
            resolution: Resolution::MICROSECONDS,
            offset_seconds: 0,
        };
        for (code, value) in Options::new(order, options) {
            match (code, value) {
                (OPTION_TIMESTAMP_RESOLUTION, [resolution]) => {
                    interface.resolution = Resolution(*resolution);
                }
                (OPTION_TIMESTAMP_OFFSET, value) if value.len() == 8 => {
                    interface.offset_seconds = order.u64(value, 0).cast_signed();
                }
                _ => {}
            }
        }
        Some(interface)
    }

    fn time(&self, units: u64) -> Duration {
        let nanoseconds = self.resolution.nanoseconds(units);
        let offset = i128::from(self.offset_seconds) * 1_000_000_000;
        let since_epoch = i128::try_from(nanoseconds)
            .unwrap_or(i128::MAX)
            .saturating_add(offset)
            .max(0);
        Duration::from_nanos(u64::try_from(since_epoch).unwrap_or(u64::MAX))
    }
}

/// `if_tsresol`: a negative power of ten, or of two where the top bit is set.
#[derive(Clone, Copy, Debug)]
struct Resolution(u8);

impl Resolution {
    const MICROSECONDS: Self = Self(6);

    fn nanoseconds(self, units: u64) -> u128 {
        let units = u128::from(units);
        let exponent = u32::from(self.0 & 0x7f);
        match self.0 & 0x80 {
            0 if exponent <= 9 => units * 10_u128.pow(9 - exponent),
            // 10^38 still fits; 2^64 units of anything finer are no time.
            0 => match 10_u128.checked_pow(exponent - 9) {
                Some(divisor) => units / divisor,
                None => 0,
            },
            _ => (units * 1_000_000_000).checked_shr(exponent).unwrap_or(0),
        }
    }
}

/// The options behind a block's fixed fields; what does not fit ends them.
struct Options<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    fn new(order: ByteOrder, rest: &'a [u8]) -> Self {
        Self { order, rest }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.rest.split_at_checked(4)?;
        let code = self.order.u16(head, 0);
        if code == OPTION_END {
            return None;
        }
        let len = usize::from(self.order.u16(head, 2));
        let value = rest.get(..len)?;
        self.rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_becomes_nanoseconds() {
        assert_eq!(Resolution(0).nanoseconds(3), 3_000_000_000);
        assert_eq!(Resolution(6).nanoseconds(3), 3_000);
        assert_eq!(Resolution(9).nanoseconds(3), 3);
        assert_eq!(Resolution(12).nanoseconds(3_000), 3);
        assert_eq!(Resolution(127).nanoseconds(u64::MAX), 0);
        assert_eq!(Resolution(0x80 | 10).nanoseconds(1_024), 1_000_000_000);
        assert_eq!(Resolution(0xff).nanoseconds(u64::MAX), 0);
    }

    #[test]
    fn an_option_longer_than_its_block_ends_the_options() {
        let options = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 200, 0];
        let found: Vec<_> = Options::new(ByteOrder::Little, &options).collect();
        assert_eq!(found, [(9, &[9_u8][..])]);
    }
}
