//! What is kept of a change until it is proven; no secret.

use std::io::ErrorKind;
use std::path::Path;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, bail};
use callseal_eims::{OperatorId, SignedCall};
use serde::{Deserialize, Serialize};

use super::Change;
use crate::keys_file::read_text;
use crate::output_file::{Existing, OutputError, Privacy, write_whole};

const FORMAT: &str = "callseal record change";
const VERSION: u32 = 1;

/// A change, and what was signed for it: what [`Holder::make`](super::Holder::make) keeps in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    format: String,
    version: u32,
    change: Change,
    chain_id: u64,
    contract: Address,
    /// keccak256 of what is said to the registry.
    call: B256,
    /// The new identity key of a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    signed: Option<SignedCall>,
}

impl Notes {
    /// Those of a change that nothing is signed for yet.
    pub(super) fn new(
        change: Change,
        operator: OperatorId,
        call: B256,
        key: Option<String>,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            change,
            chain_id: operator.chain_id,
            contract: operator.contract.into(),
            call,
            key,
            signed: None,
        }
    }

    /// What was signed, if it says the same as `self`.
    pub(super) fn signed_for(self, wanted: &Self) -> Option<SignedCall> {
        let signed = self.signed.clone();
        let unsigned = Self {
            signed: None,
            ..self
        };
        (unsigned == *wanted).then_some(signed).flatten()
    }

    /// Whether they are of a rotation to this key.
    pub(super) fn is_rotation_to(&self, key: &str) -> bool {
        self.change == Change::Rotate && self.key.as_deref() == Some(key)
    }

    /// The notes in a file, if it is there.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let cannot = || {
            format!(
                "cannot go on from {}; move it away to begin anew, which makes no change twice",
                path.display()
            )
        };
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(cannot),
        };
        Self::parse(&text).map(Some).with_context(cannot)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let notes: Self = serde_json::from_str(text)?;
        if notes.format != FORMAT || notes.version != VERSION {
            bail!("it is something else, or of another version");
        }
        if notes.signed.as_ref().is_some_and(|it| !it.is_whole()) {
            bail!("what was signed is not what its hash names");
        }
        Ok(notes)
    }

    /// The text that [`parse`](Self::parse) reads.
    ///
    /// # Errors
    /// None that is known; JSON's.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// Keeps them, with what was signed last, until they have reached the disk.
    pub(super) fn keep(&self, path: &Path, signed: Option<&SignedCall>) -> Result<(), OutputError> {
        let notes = Self {
            signed: signed.cloned(),
            ..self.clone()
        };
        let text = notes.to_text().map_err(|error| OutputError::Io {
            path: path.to_owned(),
            source: error.into(),
        })?;
        write_whole(path, Privacy::Owner, Existing::Replace, text.as_bytes())
    }
}
