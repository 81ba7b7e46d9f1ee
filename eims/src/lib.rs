//! The operator's side: enrolment tokens, sans-IO.
//!
//! An operator sells a SIM with a [`Token`] on it, which it has signed. The
//! phone shows the token once it enrols. `PROTOCOL.md` in this crate describes
//! every octet.
//!
//! Nothing here reads a clock, opens a socket or asks the system for
//! randomness: time is an argument, randomness comes through [`Random`].
#![forbid(unsafe_code)]

mod number;
mod operator;
mod random;
mod token;

pub use number::{Number, NumberError};
pub use operator::{KeyError, OperatorId, SigningKey, SigningPublicKey, TokenSigners};
pub use random::Random;
pub use token::{
    Lifetime, MalformedToken, Token, TokenClaims, TokenHash, TokenTextError, VerifyError,
};
