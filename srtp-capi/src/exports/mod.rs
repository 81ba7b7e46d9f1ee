//! The functions that C calls. What each does is `srtp.h`'s to say.
//!
//! All of them take pointers from C, and share one contract: a session comes
//! from [`srtp_create`](sessions::srtp_create), is alive, and is used by one
//! thread at a time; what a pointer points to is there for the time of the
//! call; a packet to protect has room behind it for what
//! [`srtp_get_protect_trailer_length`](sessions::srtp_get_protect_trailer_length)
//! or its RTCP brother says. Null is answered where it is not expected.

#![allow(
    clippy::missing_safety_doc,
    reason = "the contract is one, and stands above"
)]

pub mod auths;
pub mod batches;
pub mod ciphers;
pub mod counters;
pub mod library;
pub mod packets;
pub mod policies;
pub mod reports;
pub mod sessions;
pub mod snapshots;
