//! Light-client objects as a beacon node's REST API writes them.

use alloy_primitives::B256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json_rpc::quote;
use crate::light::committee::{SyncAggregate, SyncCommittee};
use crate::light::fork::Fork;
use crate::light::header::{BeaconHeader, LightHeader};
use crate::light::objects::{Bootstrap, Update, WithBranch, present};
use crate::light::preset::Preset;

/// Reads the answer to `/eth/v1/beacon/light_client/bootstrap/{block_root}`.
///
/// # Errors
///
/// [`JsonError`] when there is no such object in `response`.
pub fn bootstrap(response: &[u8]) -> Result<Bootstrap, JsonError> {
    let wire: BootstrapWire = object(response)?;
    Ok(Bootstrap {
        header: wire.header,
        current_sync_committee: WithBranch {
            value: wire.current_sync_committee,
            branch: wire.current_sync_committee_branch,
        },
    })
}

/// Reads the answer to `/eth/v1/beacon/light_client/updates`.
///
/// # Errors
///
/// [`JsonError`] when there is no list of such objects in `response`.
pub fn updates(response: &[u8]) -> Result<Vec<Update>, JsonError> {
    let list: Vec<Versioned<'_>> = parsed(response)?;
    let read = |item: &Versioned<'_>| item.read().map(|wire: UpdateWire| wire.into());
    list.iter().map(read).collect()
}

/// Reads the answer to `/eth/v1/beacon/light_client/finality_update`.
///
/// # Errors
///
/// [`JsonError`] when there is no such object in `response`.
///
/// ```
/// use callseal_registry_client::light::json;
///
/// let refusal = json::finality_update(br#"{"version":"gloas","data":{}}"#);
/// assert!(matches!(refusal, Err(json::JsonError::Fork(name)) if name == "gloas"));
/// ```
pub fn finality_update(response: &[u8]) -> Result<Update, JsonError> {
    object(response).map(|wire: UpdateWire| wire.into())
}

/// Reads the answer to `/eth/v1/beacon/blocks/{slot}/root`.
///
/// # Errors
///
/// [`JsonError`] when there is no root in `response`.
pub fn block_root(response: &[u8]) -> Result<B256, JsonError> {
    #[derive(Deserialize)]
    struct Root {
        root: B256,
    }
    #[derive(Deserialize)]
    struct Answer {
        data: Root,
    }
    let answer: Answer = parsed(response)?;
    Ok(answer.data.root)
}

/// Reads the answer to `/eth/v1/beacon/headers/{block_root}`.
///
/// # Errors
///
/// [`JsonError`] when there is no header in `response`.
pub fn block_header(response: &[u8]) -> Result<BeaconHeader, JsonError> {
    #[derive(Deserialize)]
    struct Signed {
        message: BeaconHeader,
    }
    #[derive(Deserialize)]
    struct Data {
        header: Signed,
    }
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    let answer: Answer = parsed(response)?;
    Ok(answer.data.header.message)
}

/// Writes what [`bootstrap`] reads.
#[must_use]
pub fn bootstrap_text(bootstrap: &Bootstrap, fork: Fork) -> String {
    let WithBranch { value, branch } = &bootstrap.current_sync_committee;
    let wire = BootstrapWire {
        header: bootstrap.header.clone(),
        current_sync_committee: value.clone(),
        current_sync_committee_branch: branch.clone(),
    };
    serde_json::json!({ "version": fork.name(), "data": wire }).to_string()
}

/// Writes what [`updates`] reads.
#[must_use]
pub fn updates_text(updates: &[(Update, Fork)]) -> String {
    let list = updates.iter().map(|(update, fork)| {
        serde_json::json!({ "version": fork.name(), "data": UpdateWire::from(update) })
    });
    serde_json::Value::from_iter(list).to_string()
}

/// Writes what [`finality_update`] reads.
#[must_use]
pub fn finality_update_text(update: &Update, fork: Fork) -> String {
    let wire = UpdateWire {
        next_sync_committee: None,
        next_sync_committee_branch: None,
        ..UpdateWire::from(update)
    };
    serde_json::json!({ "version": fork.name(), "data": wire }).to_string()
}

/// Writes what [`block_header`] reads. There is no signature, which nobody here asks for.
#[must_use]
pub fn block_header_text(header: &BeaconHeader) -> String {
    let signed = serde_json::json!({ "message": header });
    serde_json::json!({ "data": { "root": header.root(), "header": signed } }).to_string()
}

/// Reads a network's constants, as a file may hold them.
///
/// # Errors
///
/// [`JsonError`] when there are none in `text`.
pub fn network(text: &[u8]) -> Result<crate::light::NetworkTerms, JsonError> {
    parsed(text)
}

/// Why octets are no such object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// They are not JSON of the expected form.
    #[error("not the expected JSON: {0}")]
    Form(String),
    /// They are an object of a fork that is not known here.
    #[error("objects of the fork {0} are not supported")]
    Fork(String),
}

#[derive(Deserialize)]
struct Versioned<'a> {
    /// Old servers leave it out.
    version: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Versioned<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        if let Some(version) = &self.version {
            let fork = Fork::from_name(version);
            if !fork.is_some_and(Fork::is_supported) {
                return Err(JsonError::Fork(quote(version)));
            }
        }
        parsed(self.data.get().as_bytes())
    }
}

#[derive(Deserialize, Serialize)]
struct BootstrapWire {
    header: LightHeader,
    current_sync_committee: SyncCommittee,
    current_sync_committee_branch: Vec<B256>,
}

#[derive(Deserialize, Serialize)]
struct UpdateWire {
    attested_header: LightHeader,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_sync_committee: Option<SyncCommittee>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_sync_committee_branch: Option<Vec<B256>>,
    finalized_header: LightHeader,
    finality_branch: Vec<B256>,
    sync_aggregate: SyncAggregate,
    #[serde(with = "quoted")]
    signature_slot: u64,
}

impl From<UpdateWire> for Update {
    fn from(wire: UpdateWire) -> Self {
        let next = wire.next_sync_committee.and_then(|committee| {
            let is_blank = committee.is_blank();
            let branch = wire.next_sync_committee_branch.unwrap_or_default();
            present(committee, branch, is_blank)
        });
        let is_blank = wire.finalized_header == LightHeader::default();
        Self {
            attested_header: wire.attested_header,
            next_sync_committee: next,
            finalized_header: present(wire.finalized_header, wire.finality_branch, is_blank),
            sync_aggregate: wire.sync_aggregate,
            signature_slot: wire.signature_slot,
        }
    }
}

impl From<&Update> for UpdateWire {
    fn from(update: &Update) -> Self {
        let next = update.next_sync_committee.clone();
        let (next_sync_committee, next_sync_committee_branch) = match next {
            Some(WithBranch { value, branch }) => (Some(value), Some(branch)),
            None => (None, None),
        };
        let finalized = update.finalized_header.clone();
        let (finalized_header, finality_branch) = match finalized {
            Some(WithBranch { value, branch }) => (value, branch),
            None => Default::default(),
        };
        Self {
            attested_header: update.attested_header.clone(),
            next_sync_committee,
            next_sync_committee_branch,
            finalized_header,
            finality_branch,
            sync_aggregate: update.sync_aggregate.clone(),
            signature_slot: update.signature_slot,
        }
    }
}

fn object<T: DeserializeOwned>(response: &[u8]) -> Result<T, JsonError> {
    parsed::<Versioned<'_>>(response)?.read()
}

fn parsed<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(octets).map_err(|error| JsonError::Form(quote(&error.to_string())))
}

/// Numbers in quotes, as the API has them.
pub(crate) mod quoted {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A large number in quotes, decimal; some servers write hexadecimal.
pub(crate) mod quoted_u256 {
    use alloy_primitives::U256;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        number: &U256,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<U256, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Octets in hexadecimal.
pub(crate) mod octets {
    use alloy_primitives::FixedBytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<const N: usize, S: Serializer>(
        octets: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        FixedBytes(*octets).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        FixedBytes::deserialize(deserializer).map(|octets| octets.0)
    }
}

/// A committee's keys.
pub(crate) mod keys {
    use alloy_primitives::FixedBytes;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::light::committee::KeyOctets;

    pub(crate) fn serialize<S: Serializer>(
        keys: &[KeyOctets],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(keys.iter().map(|key| FixedBytes(*key)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<KeyOctets>, D::Error> {
        let keys = Vec::<FixedBytes<{ size_of::<KeyOctets>() }>>::deserialize(deserializer)?;
        Ok(keys.into_iter().map(|key| key.0).collect())
    }
}

/// The bits of those who signed.
pub(crate) mod bits {
    use alloy_primitives::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(bits: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        Bytes::copy_from_slice(bits).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        Bytes::deserialize(deserializer).map(Vec::from)
    }
}

/// A fork's version.
pub(crate) mod version {
    pub(crate) use super::octets::{deserialize, serialize};
}

/// A fork's name.
pub(crate) mod fork {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::light::fork::Fork;

    pub(crate) fn serialize<S: Serializer>(fork: &Fork, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(fork)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Fork, D::Error> {
        let name = String::deserialize(deserializer)?;
        Fork::from_name(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("no fork is called {name:?}")))
    }
}

/// A preset's name.
pub(crate) mod preset {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Preset;

    pub(crate) fn serialize<S: Serializer>(
        preset: &Preset,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match preset {
            Preset::Mainnet => "mainnet",
            Preset::Minimal => "minimal",
        })
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Preset, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.as_str() {
            "mainnet" => Ok(Preset::Mainnet),
            "minimal" => Ok(Preset::Minimal),
            _ => Err(serde::de::Error::custom("a preset is mainnet or minimal")),
        }
    }
}
