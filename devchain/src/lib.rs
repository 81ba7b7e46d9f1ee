//! An Ethereum chain in one process, with real blocks, state roots and proofs.
//!
//! [`DevChain`] executes transactions with revm under the main network's rules and seals each in a block
//! whose header hashes, links and roots are real, so that everything can be proven from a block hash alone.
//! It answers as any node does ([`callseal_registry_client::Transport`]) and keeps the state of its newest
//! blocks. [`DevRegistry`] is the subscriber registry's own bytecode on such a chain.
//!
//! [`DevBeacon`] makes its blocks final for light clients, with sync committees that really sign.
//!
//! Signed transactions are taken as a node takes them ([`DevChain::send_raw`]).
//!
//! What is not real: nobody has to sign transactions, the committees' keys are no secret, nothing is written to disk.
#![forbid(unsafe_code)]

mod beacon;
mod block;
mod chain;
mod counted;
mod genesis;
mod identity;
mod node;
mod registry;
mod state;
mod transaction;
mod transport;
mod trie;

pub use beacon::DevBeacon;
pub use chain::{ClockError, DevChain};
pub use counted::{Counted, Tally};
pub use genesis::{FUNDED_ACCOUNTS, Genesis, GenesisAccount};
pub use identity::{NotASecret, prove_possession, uncompressed_key};
pub use registry::{
    Claim, DevRegistry, Entry, Operator, OperatorKeysChange, RegistryError, RegistryEvent, Rotation,
};
pub use transaction::{Outcome, Receipt, SendError, Transaction};
