//! Verified reads of the subscriber registry on Ethereum: nothing is believed without a Merkle proof.
//!
//! A look-up starts from one block hash that the caller trusts and from the registry's address and code
//! hash in the caller's own configuration. Everything else comes from a node and is checked on the way down:
//!
//! | step | what is checked | file |
//! |---|---|---|
//! | block hash → state root | the header hashes to the trusted hash | `header.rs` |
//! | state root → account | Merkle proof for *our* address; the code hash is ours | `account.rs` |
//! | storage root → words | a Merkle proof for each of *our* slots; an empty slot is proven too | `slots.rs` |
//! | words → record | only what the registry's code can have written | `record.rs` |
//!
//! Each step is a pure function. [`Registry`] runs them over a [`Transport`]; the core owns no socket.
//! With the feature `http` there are transports over HTTP, with `alloy` one for programs that hold a provider of alloy's.
//!
//! The block hash itself comes from [`light`], a light client of Ethereum's consensus, which starts from one
//! checkpoint. [`LiveRegistry`] joins the two: it reads the registry as it stands now and trusts nobody.
//!
//! Each operator has a registry of its own. [`Operators`] is a phone's own configuration of whose number is whose,
//! and [`Registries`] looks each number up at its operator; [`LiveRegistries`] does so by one light client.
//!
//! ```
//! use alloy_consensus::Header;
//! use alloy_primitives::{Address, B256};
//! use callseal_registry_client::{
//!     LookUpError, RawProof, Registry, RegistryConfig, Transport, TransportError, layout,
//! };
//!
//! /// A node that makes up its answers.
//! struct Liar;
//!
//! impl Transport for Liar {
//!     fn header(&mut self, _: B256) -> Result<Header, TransportError> {
//!         Ok(Header::default())
//!     }
//!     fn proof(&mut self, _: Address, _: &[B256], _: B256) -> Result<RawProof, TransportError> {
//!         Ok(RawProof::default())
//!     }
//! }
//!
//! let config = RegistryConfig {
//!     contract: Address::repeat_byte(0x42),
//!     code_hash: layout::CODE_HASH,
//!     chain_id: 1,
//! };
//! let mut registry = Registry::new(config, B256::repeat_byte(0x17), Liar);
//! let refusal = registry.look_up("+8613800000001");
//! assert!(matches!(refusal, Err(LookUpError::Header(_))));
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "json")]
pub mod json_rpc;
pub mod layout;
pub mod light;

mod account;
#[cfg(feature = "alloy")]
mod alloy;
mod claim;
mod evidence;
mod header;
#[cfg(feature = "http")]
mod http;
mod live;
mod live_registries;
mod nodes;
mod number;
mod operators;
#[cfg(feature = "json")]
mod operators_json;
mod proof;
mod readers;
mod record;
mod registries;
mod registry;
mod slots;
mod staple;
mod transport;
mod verified;

pub use account::{VerifiedAccount, verify_account};
#[cfg(feature = "alloy")]
pub use alloy::AlloyTransport;
pub use claim::{
    operator_keys_digest, proof_of_possession_digest, record_hash, revocation_digest,
    rotation_digest,
};
pub use evidence::{Evidence, EvidenceError, MAX_EVIDENCE_LEN};
pub use header::{HeaderError, VerifiedHeader, verify_header};
#[cfg(feature = "http")]
pub use http::{HttpBeacon, HttpTransport, Limits, UrlError};
pub use live::{Found, LiveError, LiveRegistry, OutdatedError, Policy, SeenRevision};
pub use live_registries::LiveRegistries;
pub use nodes::{Asked, NodeFault, Nodes, NodesError};
pub use number::{NumberError, number_hash};
pub use operators::{Operator, Operators, OperatorsError, Prefix, PrefixError};
#[cfg(feature = "json")]
pub use operators_json::OperatorsTextError;
pub use proof::{ProofError, TriePath};
pub use record::{
    OperatorKeys, PreviousOperatorKeys, Record, RecordError, Status, Successor,
    operator_from_slots, previous_operator_from_slots, record_at, record_from_slots,
};
pub use registries::Registries;
pub use registry::{Answer, LookUpError, MAX_CLAIMS, Registry, RegistryConfig};
pub use slots::{SlotsError, verify_slots};
pub use staple::{OwnStaple, OwnStapleError, StapleError};
pub use transport::{RawProof, Transport, TransportError};
pub use verified::Verified;
