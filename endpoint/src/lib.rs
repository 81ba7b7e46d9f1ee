//! One secured call leg, sans-IO: datagrams in, datagrams and events out.
//!
//! A [`Leg`] proves its own identity and its peer's with the Station-to-
//! Station handshake, asks its application for the registry's verdict on
//! the peer's key, derives SRTP keys, and carries RTP, RTCP reports and the
//! BYE under them. It is what another VoIP stack embeds: give it a UDP
//! socket (or two), a clock, a source of randomness, and a thread that looks
//! numbers up.
//!
//! | step | done by |
//! |---|---|
//! | fragments of the handshake, in RTCP | `callseal-rtcp-ext` |
//! | who the peer claims to be | `callseal-sts` |
//! | whether the registry says so too | `callseal-registry-client`, through [`Event::LookUp`] |
//! | packets | `callseal-srtp` |
//!
//! A call in an application's loop:
//!
//! ```
//! use core::time::Duration;
//! use callseal_endpoint::{Config, Event, Leg, Port, Received, Remote};
//! use callseal_sts::{IdentityKey, Number, Random};
//!
//! struct Zeros; // an application takes the operating system's randomness
//! impl Random for Zeros {
//!     fn fill(&mut self, out: &mut [u8]) {
//!         out.fill(1);
//!     }
//! }
//!
//! let me = Number::parse("+8613800000001")?;
//! let config = Config::new(me, IdentityKey::from_bytes([7; 32])?).mux(true);
//! let now = Duration::ZERO;
//! let mut leg = Leg::new(now, config, Box::new(Zeros))?;
//! let remote = Remote::muxed("192.0.2.2:40000".parse()?);
//! leg.call(now, remote, Number::parse("+8613800000002")?)?;
//!
//! while let Some(datagram) = leg.poll_transmit() {
//!     // socket.send_to(&datagram.bytes, datagram.to)
//!     assert_eq!((datagram.port, datagram.to), (Port::Rtp, remote.rtcp));
//! }
//! while let Some(event) = leg.poll_event() {
//!     if let Event::LookUp { number } = event {
//!         // a thread: registry.look_up(number.as_str()), then
//!         // leg.look_up_done(now, &number, answer)
//!         assert_eq!(number.as_str(), "+8613800000002");
//!     }
//! }
//! assert!(leg.poll_timeout().is_some(), "the first message will be repeated");
//! assert!(leg.send_rtp(now, vec![0x80; 172]).is_err(), "nothing goes out in clear");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod config;
mod control;
mod error;
mod event;
mod leg;
mod media;
mod pins;
mod rtp;
mod statistics;
mod verdict;
mod vouching;

pub use config::{Answering, Config, Port, Remote};
pub use error::{CallError, ConfigError, SendError};
pub use event::{EndReason, Event, Known, Report, Secured, Step};
pub use leg::{Leg, Received, Transmit};
pub use media::ExportedKeys;
pub use pins::Pins;
pub use statistics::{Statistics, StreamReceived, StreamSent};
