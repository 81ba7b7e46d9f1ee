//! The x86-64 backends and the techniques they are made of.
//!
//! Vectors in arrays are taken through plain loops: a closure that is given to
//! `map` is not inlined into it, since `map` lacks the closure's instructions.
#![allow(
    unsafe_code,
    reason = "vector loads and stores, and the one call into each instruction set"
)]

#[macro_use]
mod instruction_set;
#[macro_use]
mod sha1_lanes;

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod ni;

mod aes_ni;
pub(crate) mod gcm_key;
mod gcm_ni;
mod gcm_vaes;
mod ghash_vaes;
mod lanes;
mod packet_vaes;
pub(crate) mod round_keys;
mod sha1_ni;
mod sha1_soft;
mod sha1_x16;
mod sha1_x8;
mod vaes;
mod window;
