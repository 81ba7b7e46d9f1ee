//! The operator's side: enrolment tokens and the agreement on a key between a
//! phone and its operator, sans-IO.
//!
//! An operator sells a SIM with a [`Token`] on it, which it has signed. The
//! phone shows the token in a run of the Needham–Schroeder–Lowe protocol
//! ([`AwaitMessage2`] on the phone, [`Responder`] at the operator), at whose end
//! the token is bound to the phone's key and both hold a [`Psk`] for one
//! connection. `PROTOCOL.md` in this crate describes every octet.
//!
//! None of that reads a clock, opens a socket or asks the system for
//! randomness: time is an argument, randomness comes through [`Random`].
//!
//! With the feature `net` there is what runs it over a network: `Channel`, TLS
//! with the agreed key; `Client`, a phone's connection to its operator; `Node`,
//! `Unsigned` and `Claim`, to send transactions; `Enrolment`, a phone's steps
//! from a token to a record. With the feature `service` there is the operator's
//! service.
#![forbid(unsafe_code)]

#[cfg(feature = "net")]
mod account;
mod book;
#[cfg(feature = "net")]
mod channel;
#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
pub mod contract;
mod defences;
#[cfg(feature = "net")]
mod enrolment;
#[cfg(feature = "net")]
mod fees;
#[cfg(feature = "net")]
mod frames;
#[cfg(feature = "net")]
mod json_rpc_node;
mod messages;
mod moment;
#[cfg(feature = "net")]
mod node;
mod number;
mod operator;
mod phone;
mod psk;
mod random;
#[cfg(feature = "net")]
mod requests;
mod responder;
mod runs;
mod sealing;
#[cfg(feature = "service")]
pub mod service;
#[cfg(feature = "net")]
mod signed_call;
mod token;
#[cfg(feature = "net")]
mod transaction;
mod transcript;
#[cfg(feature = "net")]
mod wallet_call;

#[cfg(test)]
mod attacks;
#[cfg(test)]
#[cfg(feature = "net")]
mod dev_chain;

#[cfg(feature = "net")]
pub use account::AccountKey;
pub use book::{BookUnavailable, Standing, TokenBook};
#[cfg(feature = "net")]
pub use channel::{Channel, ChannelError};
#[cfg(feature = "net")]
pub use client::{Client, Clock, ConnectError, RequestError};
#[cfg(feature = "net")]
pub use contract::{Claim, LoggedClaim, hash_of};
#[cfg(feature = "net")]
pub use enrolment::{Advance, EnrolError, Enrolment, ProgressError, Step, Surroundings, Waiting};
#[cfg(feature = "net")]
pub use json_rpc_node::JsonRpcNode;
pub use messages::MalformedMessage;
pub use moment::Moment;
#[cfg(feature = "net")]
pub use node::{BlockLog, CallEnd, Head, Node, Receipt, SendError, TransportError};
pub use number::{Number, NumberError};
pub use operator::{KeyError, OperatorId, SigningKey, SigningPublicKey, TokenSigners};
pub use phone::{AwaitMessage2, Begin, BeginError, Message2Error, Refused};
pub use psk::{Psk, PskExpired, PskIdentity, PskRole, PskSecret};
pub use random::Random;
#[cfg(feature = "net")]
pub use requests::{
    Approval, Fund, Hold, MalformedRequest, Payment, Refusal, Reply, Request, Sent, Status, Wait,
};
pub use responder::{Agreed, Message1Error, Message3Error, Proven, Responder, ResponderKeys};
pub use runs::Limits;
pub use sealing::{SealingKey, SealingPublicKey};
#[cfg(feature = "net")]
pub use signed_call::SignedCall;
pub use token::{
    Lifetime, MalformedToken, Token, TokenClaims, TokenHash, TokenTextError, VerifyError,
};
#[cfg(feature = "net")]
pub use transaction::{Fees, Signed, Transfer, Unsigned};
#[cfg(feature = "net")]
pub use wallet_call::{CallAdvance, CallError, WalletCall};
