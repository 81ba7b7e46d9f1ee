//! [`callseal_srtp`] behind the C interface of libsrtp 2.
//!
//! The shared library built from this crate has the name that programs linked
//! with libsrtp 2 ask for, `libsrtp2.so.1`, with its functions, structures and
//! behaviour. The crate is no Rust interface: use [`callseal_srtp`] from Rust.
//!
#![doc = include_str!("../DIFFERENCES.md")]

mod batch;
mod boundary;
mod foreign_auth;
mod kernel;
mod key_material;
mod key_set;
mod lent;
mod packets;
mod roc;
mod session;
mod snapshot;
mod stream_policy;
mod suite;

pub mod exports;
pub mod status;
pub mod types;

pub use session::Session;
pub use snapshot::Snapshot;
