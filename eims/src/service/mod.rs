//! The operator's service: tokens in, ether and approvals out.
//!
//! | file | holds |
//! |---|---|
//! | `store.rs` | what must survive: the operator's records |
//! | `store/outbox.rs` | of these, what its accounts have signed |
//! | `records.rs` | what is in them |
//! | `database.rs` | the tables below, each change synced before anything follows from it |
//! | `backends.rs` | where its octets are |
//! | `folder.rs` | a file's name, kept as its contents are |
//! | `worker.rs` | the one who pays and approves, step by step |
//! | `worker/sending.rs` | the account's transactions: signed, stored, sent, settled |
//! | `worker/claims.rs` | what the chain shows of claims, and their approval |
//! | `worker/by_hand.rs` | the same for what the operator's people want sent |
//! | `overview.rs` | all of it at a glance |
//! | `limits.rs` | how often somebody may ask |
//! | `places.rs` | who has a place among the connections |
//! | `server.rs` | the connections |
//! | `server/conversation.rs` | of these, one |
//! | `points.rs` | where a test stops the service |
//!
//! # Why nobody is paid twice
//!
//! A payment gets a nonce of the operator's account, once and for good, in the
//! same synced change that records it as signed; everything sent for it later,
//! with whatever fee, has that nonce. Of all transactions with one nonce a
//! chain takes one. Nothing that a node says makes the service give a second
//! nonce to a payment: where another transaction has it, the payment is lost,
//! and people decide. An approval gets another nonce only after the registry
//! has taken the one before back, or its nonce is lost, and the registry
//! itself takes the second approval of a claim back.

mod backends;
mod database;
mod folder;
mod limits;
mod overview;
mod places;
mod points;
mod records;
mod server;
mod store;
mod worker;

#[cfg(test)]
mod connections;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod misbehaviour;
#[cfg(test)]
mod trial;

pub use backends::{Backends, Memory};
pub use database::StoreError;
pub use folder::{folder_of, sync_name};
pub use limits::RateLimit;
pub use overview::{KnownClaim, KnownToken, Out, Overview};
pub use points::{Point, Points, Purpose, Stopped, Write};
pub use server::{Bounds, Server, ServerError};
pub use store::{PayAgainError, Store};
pub use worker::{Ended, Order, Terms, WorkError, Worker};
