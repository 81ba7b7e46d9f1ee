//! An Ethereum chain in one process, with real blocks, state roots and proofs.
#![forbid(unsafe_code)]
