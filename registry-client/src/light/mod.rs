//! The light client of Ethereum's consensus: from one checkpoint to final execution blocks, believing nobody.
//!
//! | step | what is checked | file |
//! |---|---|---|
//! | checkpoint → header, committee | the header has the checkpoint's root, is younger than a week, and its state holds the committee | `bootstrap.rs` |
//! | committee → next committee, period by period | two thirds have signed; branches in the signed state; a known committee never changes | `update.rs` |
//! | committee → newest final header | the same | `update.rs` |
//! | final header → execution block hash | a branch in the block's body; young enough | `header.rs`, `anchor.rs` |
//!
//! Checks are pure functions ([`verify_bootstrap`], [`verify_update`]); only what they return changes a [`Store`], and that
//! cannot fail. The rules are the consensus specification's (`specs/altair/light-client/sync-protocol.md` and its
//! successors), less its forced updates: a client that sees no finality says so.

mod agreement;
mod ancestry;
mod anchor;
mod beacon;
mod bootstrap;
mod branch;
mod client;
mod committee;
mod container;
mod fork;
mod header;
mod history;
#[cfg(feature = "json")]
pub mod json;
mod network;
mod objects;
mod patient;
mod preset;
mod shared;
mod signed;
pub mod ssz;
mod state;
mod store;
mod update;

pub(crate) use agreement::KNOWN;
pub use anchor::{Anchor, AnchorError};
pub use beacon::Beacon;
pub use bootstrap::{BootstrapError, VerifiedBootstrap, WEAK_SUBJECTIVITY_LIMIT, verify_bootstrap};
pub use branch::BranchError;
pub use client::{Fault, FaultCause, LightClient, SyncError, Synced};
pub use committee::{KeyOctets, SignatureError, SignatureOctets, SyncAggregate, SyncCommittee};
pub use fork::Fork;
pub use header::{BeaconHeader, ExecutionHeader, LightHeader, LightHeaderError};
pub use network::{Activation, Network, NetworkError, NetworkTerms};
pub use objects::{Bootstrap, Update, WithBranch};
pub use preset::Preset;
pub use shared::SharedClient;
pub(crate) use shared::{NODES, Snapshot};
pub use signed::Signed;
pub use state::StateError;
pub use store::{Applied, Contested, Store};
pub(crate) use update::prove_update;
pub use update::{UpdateError, VerifiedUpdate, verify_update};
