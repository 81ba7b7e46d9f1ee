//! RTCP as a call needs it (RFC 3550), and the handshake's messages inside
//! it.
//!
//! The crate reads and writes octets, counts and computes. It opens no
//! socket, reads no clock, draws no random number, and decides nothing about
//! keys: what it reads may be forged until SRTCP or the handshake says
//! otherwise. Nothing that comes from the network makes it panic.
//!
//! | wanted | door |
//! |---|---|
//! | RTP or RTCP, on one port | [`is_rtcp`] (RFC 5761 §4) |
//! | the packets of a datagram | [`parse`], [`Compound`], [`Packet`] |
//! | a datagram of packets | [`Builder`] |
//! | a handshake message as datagrams | [`handshake_datagrams`] |
//! | … and back | [`Fragment::find`], [`Reassembler`] |
//! | what to put into a report | [`Reception`], [`Sequence`], [`Jitter`], [`round_trip`] |
//! | when to send one | [`Schedule`] (RFC 3550 §6.3) |
//! | a name for the sender | [`random_cname`] (RFC 7022) |
//!
//! ```
//! use callseal_rtcp_ext::{Builder, Packet, ReportBlock, SizeRule, parse};
//!
//! let heard = ReportBlock { ssrc: 0xcafe, jitter: 12, ..ReportBlock::default() };
//! let datagram = Builder::receiver_report(0xbeef, &[heard], "LPvhGs9EtQ1yzJnV")?
//!     .bye(&[0xbeef], Some("good night"))?
//!     .finish();
//!
//! for packet in &parse(&datagram, SizeRule::Compound)? {
//!     match packet {
//!         Packet::ReceiverReport(report) => {
//!             assert_eq!(report.blocks.iter().next(), Some(heard));
//!         }
//!         Packet::Bye(bye) => assert_eq!(bye.reason, Some(&b"good night"[..])),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod app;
mod builder;
mod bye;
mod carriage;
mod cname;
mod compound;
mod demux;
mod fragment;
mod interval;
mod malformed;
mod ntp;
mod reassembly;
mod reception;
mod report;
mod sdes;
mod statistics;

pub use app::App;
pub use builder::{BuildError, Builder};
pub use bye::{Bye, Sources};
pub use carriage::{CarriageError, MAX_DATAGRAM_LEN, handshake_datagrams};
pub use cname::random_cname;
pub use compound::{Compound, Packet, Packets, SizeRule, Unknown, parse};
pub use demux::{is_payload_type_reserved, is_rtcp};
pub use fragment::{
    COOKIE_LEN, FRAGMENT_LEN, Fragment, FragmentError, HANDSHAKE_NAME, MAX_COUNT, MAX_MESSAGE_LEN,
};
pub use interval::{Bandwidth, Due, Population, Schedule, rtcp_interval};
pub use malformed::{Malformed, ParseError};
pub use ntp::{NtpShort, NtpTime, round_trip};
pub use reassembly::{Limits, Reassembler, ReassemblyError};
pub use reception::Reception;
pub use report::{ReceiverReport, ReportBlock, ReportBlocks, SenderInfo, SenderReport};
pub use sdes::{Chunk, Chunks, Items, Sdes, SdesItem};
pub use statistics::{Arrival, Jitter, Sequence};
