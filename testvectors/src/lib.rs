//! Published vectors as data with provenance, and oracles that share no code with what they judge.
#![forbid(unsafe_code)]
