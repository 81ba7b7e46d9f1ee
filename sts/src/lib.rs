//! The Station-to-Station handshake between two phones, sans-IO.
//!
//! Two phones that know each other's number agree on SRTP keys. Each proves
//! possession of an identity key; whether that key belongs to the number is
//! for an outside authority to say, and the handshake stops and waits for it.
//! `PROTOCOL.md` in this crate describes every octet, state and timer.
//!
//! There are two layers:
//!
//! - [`Handshaker`], the driver of a call leg: retransmission, duplicates,
//!   both sides calling at once, limits, cookies, time-outs. This is what an
//!   endpoint embeds.
//! - [`initiator`] and [`responder`], the states themselves, without time and
//!   without addresses, and [`messages`], their octets.
//!
//! Nothing here reads a clock, opens a socket or asks the system for
//! randomness: time is a [`Duration`](core::time::Duration) since an epoch of
//! the caller's, randomness comes through [`Random`].
//!
//! ```
//! use callseal_sts::initiator::{Answer, AwaitM2, Offer};
//! use callseal_sts::responder::{Answering, AwaitM3};
//! use callseal_sts::{IdentityKey, LocalIdentity, Random, Staples, Suites, VerifiedPeerKey};
//!
//! # struct System(u8);
//! # impl Random for System {
//! #     fn fill(&mut self, out: &mut [u8]) {
//! #         for octet in out { self.0 = self.0.wrapping_mul(5).wrapping_add(3); *octet = self.0; }
//! #     }
//! # }
//! # let mut random = System(1);
//! let a = LocalIdentity::new("+8613800000001".parse()?, IdentityKey::generate(&mut random));
//! let b = LocalIdentity::new("+8613800000002".parse()?, IdentityKey::generate(&mut random));
//! // What each finds in the registry.
//! let a_vouched = VerifiedPeerKey::vouch(a.identity());
//! let b_vouched = VerifiedPeerKey::vouch(b.identity());
//!
//! let offer = Offer {
//!     callee: b.identity().number,
//!     suites: Suites::default(),
//!     running: None,
//!     renews: false,
//!     staples: Staples::default(),
//! };
//! let answering = Answering {
//!     suites: Suites::default(),
//!     running: None,
//!     unconfirmed: None,
//!     staples: Staples::default(),
//! };
//!
//! let (await_m2, m1) = AwaitM2::begin(a.into(), offer, &mut random);
//! let (await_m3, m2) = AwaitM3::answer(b.into(), &m1, &answering, &mut random)?;
//! let (await_m4, m3) = await_m2.receive(&m2)?.accept(&b_vouched, &mut random)?;
//! let (callee, m4) = await_m3.receive(&m3)?.accept(&a_vouched)?;
//! let Answer::Accepted(caller) = await_m4.receive(&m4)? else { panic!("refused") };
//!
//! assert_eq!(caller.media_keys(), callee.media_keys());
//! assert_eq!(caller.sas(), callee.sas());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod carriage;
mod commitment;
mod cookie;
mod defences;
mod established;
mod handshaker;
mod identity;
pub mod initiator;
mod key_schedule;
mod mac;
pub mod messages;
mod number;
mod random;
mod refusal;
pub mod responder;
mod retransmit;
mod sealing;
mod secret;
mod share;
mod signature;
mod staples;
mod suite;
mod transcript;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod work;

pub use established::{DirectionKeys, Established, MediaKeys, Role, Running, Sas, SessionHash};
pub use handshaker::{
    AcceptError, Admission, CallError, Config, Event, Failure, FragmentHead, Handshaker, Ignored,
    Limits, Origin, SessionHandle, Transmit,
};
pub use identity::{Identity, IdentityKey, KeyError, LocalIdentity, PublicKey, VerifiedPeerKey};
pub use number::{Number, NumberError};
pub use random::Random;
pub use refusal::Refusal;
pub use secret::SecretBytes;
pub use staples::{MAX_STAPLE_LEN, Staple, StapleError, Staples};
pub use suite::{Group, Suite, Suites, SuitesError};
