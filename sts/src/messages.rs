//! The handshake's messages, octet by octet (PROTOCOL.md §2).
//!
//! Everything here is about form: a message that parses may still be a
//! forgery. Parsing never panics, and building what was parsed gives the same
//! octets again.
//!
//! ```
//! use callseal_sts::messages::{Challenge, MessageKind, SessionId};
//!
//! let caller = SessionId::from_bytes([7; 8]).expect("not all zero");
//! let octets = Challenge { caller, cookie: [1; 16] }.to_bytes();
//! assert_eq!(MessageKind::of(&octets), Ok(MessageKind::Challenge));
//! assert_eq!(Challenge::parse(&octets)?.caller, caller);
//! # Ok::<(), callseal_sts::messages::MessageError>(())
//! ```

mod challenge;
mod extensions;
mod header;
mod identity;
mod m1;
mod m2;
mod m3;
mod m4;
mod reader;

use thiserror::Error;

pub use challenge::Challenge;
pub use extensions::{Extension, Extensions};
pub use header::{MessageKind, SessionId};
pub(crate) use header::{header, sessions};
pub(crate) use identity::put_identity;
pub(crate) use m1::build as build_m1;
pub use m1::{M1, Share};
pub use m2::{M2, M2Sealed};
pub use m3::{M3, M3Sealed};
pub use m4::{M4, M4Sealed};

use crate::identity::KeyError;
use crate::number::NumberError;

/// The longest message in octets (PROTOCOL.md §1).
pub const MAX_MESSAGE_LEN: usize = 20_480;

/// Why octets are not a message.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MessageError {
    /// It ends before its fields do.
    #[error("the message is shorter than its fields say")]
    TooShort,
    /// It goes on after its last field, or is longer than any message.
    #[error("the message is longer than its fields say")]
    TooLong,
    /// It is of another version of the protocol.
    #[error("version {0} is not 1")]
    Version(u8),
    /// It is of a type that version 1 does not have.
    #[error("message type {0} is unknown")]
    UnknownKind(u8),
    /// It is of another type than the one asked for.
    #[error("{0} stands where another message was expected")]
    OtherKind(MessageKind),
    /// A session id is zero where it must not be, or the reverse.
    #[error("a session id is zero where it must not be, or set where it must be zero")]
    SessionId,
    /// M1 offers no suites or more than 16, or one twice.
    #[error("the suites are not 1 to 16, each once")]
    Suites,
    /// M1 has no share or more than 4, or two of one group.
    #[error("the shares are not 1 to 4, each of its own group")]
    Shares,
    /// The session hash of the renewed call has neither 0 nor 32 octets.
    #[error("the previous session hash has {0} octets, not 0 or 32")]
    PreviousLength(u8),
    /// The epoch that M2 assigns is 0.
    #[error("epoch 0 is never used")]
    EpochZero,
    /// An extension stands there twice.
    #[error("extension {0} stands there twice")]
    RepeatedExtension(u16),
    /// A number is not in E.164 form.
    #[error("the number in the message is not E.164")]
    Number(#[from] NumberError),
    /// A key is not a point of the curve.
    #[error("the key in the message is no key")]
    Key(#[from] KeyError),
}

#[cfg(test)]
mod tests;
