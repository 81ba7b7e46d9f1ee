//! Published vectors as data with provenance, and oracles that share no code
//! with what they judge.
//!
//! A vector is a JSON file beside this crate; its `source` field says where
//! the values come from. One module loads one file into a type, so that a test
//! names fields and never parses. The oracles are the other half:
//! [`srtp_reference`] is written from the RFCs alone, slowly and plainly.
//!
//! For tests only: a file that is not what its type says panics on load.
#![forbid(unsafe_code)]

pub mod captures;
pub mod libsrtp;
pub mod light_client;
pub mod nist_srtp_kdf;
pub mod rfc3711;
pub mod rfc4568;
pub mod rfc6188;
pub mod rfc6904;
pub mod rfc7714;
pub mod rfc9335;
pub mod srtp_reference;
pub mod trie;

mod hex_octets;

pub use hex_octets::octets;
