//! The operator's side: enrolment tokens and the agreement on a key between a
//! phone and its operator, sans-IO.
//!
//! An operator sells a SIM with a [`Token`] on it, which it has signed. The
//! phone shows the token in a run of the Needham–Schroeder–Lowe protocol
//! ([`AwaitMessage2`] on the phone, [`Responder`] at the operator), at whose end
//! the token is bound to the phone's key and both hold a [`Psk`] for one
//! connection. `PROTOCOL.md` in this crate describes every octet.
//!
//! Nothing here reads a clock, opens a socket or asks the system for
//! randomness: time is an argument, randomness comes through [`Random`].
#![forbid(unsafe_code)]

mod book;
mod defences;
mod messages;
mod moment;
mod number;
mod operator;
mod phone;
mod psk;
mod random;
mod responder;
mod runs;
mod sealing;
mod token;
mod transcript;

#[cfg(test)]
mod attacks;

pub use book::{BookUnavailable, Standing, TokenBook};
pub use messages::MalformedMessage;
pub use moment::Moment;
pub use number::{Number, NumberError};
pub use operator::{KeyError, OperatorId, SigningKey, SigningPublicKey, TokenSigners};
pub use phone::{AwaitMessage2, Begin, BeginError, Message2Error, Refused};
pub use psk::{Psk, PskExpired, PskIdentity, PskRole, PskSecret};
pub use random::Random;
pub use responder::{Agreed, Message1Error, Message3Error, Responder, ResponderKeys};
pub use runs::Limits;
pub use sealing::{SealingKey, SealingPublicKey};
pub use token::{
    Lifetime, MalformedToken, Token, TokenClaims, TokenHash, TokenTextError, VerifyError,
};
