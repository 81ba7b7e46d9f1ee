//! SRTP and SRTCP (RFC 3711) without a clock, a random source, I/O or an
//! allocation per packet.
//!
//! A [`Sender`] turns RTP into SRTP and a [`Receiver`] turns it back, in place,
//! for any number of SSRCs. Two ends that hold the same master key and policy:
//!
//! ```
//! use callseal_srtp::{MasterKey, Policy, Profile, Receiver, Sender};
//!
//! let profile = Profile::AesCm128HmacSha1_80;
//! let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
//! let mut sender = Sender::new(Policy::new(profile), key()?)?;
//! let mut receiver = Receiver::new(Policy::new(profile), key()?)?;
//!
//! // 12 octets of header, a payload, and room for what SRTP adds.
//! let mut buf = [0u8; 1_500];
//! buf[..12].copy_from_slice(&[0x80, 0, 0x12, 0x34, 0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe]);
//! buf[12..17].copy_from_slice(b"hello");
//! let len = sender.protect_rtp(&mut buf, 17)?;
//! assert_eq!(len, 27);
//! assert_ne!(&buf[12..17], b"hello");
//!
//! let opened = receiver.unprotect_rtp(&mut buf, len)?;
//! assert_eq!(&buf[12..opened.len], b"hello");
//! assert_eq!((opened.ssrc, opened.index.seq()), (0xcafe_babe, 0x1234));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Packets that come many at a time, between `recvmmsg` and `sendmmsg`, are
//! quicker in batches: [`protect_rtp_batch`] and [`unprotect_rtp_batch`] take
//! any mix of streams, sizes, profiles and sessions, and give what the packets
//! one by one would have given. `examples/forward.rs` is such a server.
//!
//! # What holds whatever arrives
//!
//! - Nothing is remembered of a packet, not even its SSRC, before its tag was
//!   checked.
//! - A packet that is refused is left as it came, octet for octet.
//! - An index is used once: a sender refuses the second packet with a sequence
//!   number, and every packet after the last index there is (48 bits in SRTP,
//!   31 in SRTCP).
//! - After a stream's first packets nothing is allocated.
//!
//! # Where to read
//!
//! The walk of a packet stands in `rtp.rs` and `rtcp.rs`, step by step; that of
//! many together in `batch.rs`.
//! The crate needs `alloc` and no `std`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod batch;
mod buffer;
mod counters;
mod cryptex;
mod dtls;
mod event;
mod extension;
mod hmac_lengths;
mod index;
mod into;
mod keys;
mod packet;
mod policy;
mod profile;
mod receiver;
mod rekey;
mod replay;
mod retired;
mod roc_carrying;
mod rtcp;
mod rtp;
pub mod sdes;
mod sender;
mod snapshot;
mod stream;
mod streams;
mod trailer;
mod transform;

pub use callseal_srtp_crypto::Backend;
#[cfg(feature = "testing")]
pub use callseal_srtp_crypto::testing;

pub use batch::{
    BatchPacket, protect_rtcp_batch, protect_rtp_batch, unprotect_rtcp_batch, unprotect_rtp_batch,
};
pub use counters::{Counters, LiveCounters, StreamCounters};
pub use cryptex::Cryptex;
pub use dtls::{DtlsKeys, DtlsKeysError, DtlsRole};
pub use event::Event;
pub use extension::ExtensionIds;
pub use hmac_lengths::HmacLengths;
pub use index::{PacketIndex, RtcpIndex};
pub use keys::{
    AddKeyError, IndexRange, KeyDerivationRate, KeyError, KeyLifetime, KeyLifetimeError, Label,
    MAX_MKI_LEN, MasterKey, Mki, MkiError, RemoveKeyError, UnknownKey, UnknownMki, UnknownRange,
};
pub use packet::Malformed;
pub use policy::{Policy, SetUpError};
pub use profile::Profile;
pub use receiver::{Receiver, UnprotectError, Unprotected};
pub use roc_carrying::{RocCarrying, RocCarryingMode};
pub use sender::{ProtectError, Sender, SetRocError, SetRtcpIndexError};
pub use snapshot::{ReceiverSnapshot, Reservation, RestoreError, SenderSnapshot, StartError};
