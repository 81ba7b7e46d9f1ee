//! An enrolment as it is stored: in clear, since it holds no secret.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Enrolment, Step};

const FORMAT: &str = "callseal enrolment";
const VERSION: u32 = 1;

/// Why a stored enrolment cannot be gone on with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgressError {
    /// It is not JSON, or not of this shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is something else.
    #[error("\"format\" is not \"{FORMAT}\"")]
    Format,
    /// It is of another version.
    #[error("version {found} is not known, only {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It is another enrolment's.
    #[error("it is of another enrolment: its {what} is another")]
    Other {
        /// What differs first.
        what: &'static str,
    },
    /// Somebody has changed the signed claim.
    #[error("its signed claim is not the one that its hash names")]
    Claim,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    version: u32,
    chain_id: u64,
    contract: Address,
    number: String,
    wallet: Address,
    #[serde(with = "alloy_primitives::hex")]
    identity_key: [u8; 33],
    token_hash: B256,
    step: Step,
}

impl Enrolment {
    /// It, as JSON.
    ///
    /// # Errors
    ///
    /// What the writer says, which has no reason to say anything.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&self.stored())
    }

    /// The same enrolment as far as `text` says that it is: `self` is one of
    /// the same keys, at any step.
    ///
    /// # Errors
    ///
    /// [`ProgressError`], also where `text` is of other keys, another number,
    /// token or operator.
    pub fn resumed(self, text: &str) -> Result<Self, ProgressError> {
        let stored: Stored = serde_json::from_str(text)?;
        if stored.format != FORMAT {
            return Err(ProgressError::Format);
        }
        if stored.version != VERSION {
            return Err(ProgressError::Version {
                found: stored.version,
            });
        }
        let ours = self.stored();
        let same = [
            (
                "operator",
                stored.chain_id == ours.chain_id && stored.contract == ours.contract,
            ),
            ("number", stored.number == ours.number),
            ("wallet", stored.wallet == ours.wallet),
            ("identity key", stored.identity_key == ours.identity_key),
            ("token", stored.token_hash == ours.token_hash),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(ProgressError::Other { what });
        }
        let (Step::Signed(claim)
        | Step::Claimed(Some(claim))
        | Step::Approved {
            claim: Some(claim), ..
        }) = &stored.step
        else {
            return Ok(Self {
                step: stored.step,
                ..self
            });
        };
        if !claim.is_whole() {
            return Err(ProgressError::Claim);
        }
        Ok(Self {
            step: stored.step,
            ..self
        })
    }

    fn stored(&self) -> Stored {
        Stored {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain_id: self.operator.chain_id,
            contract: self.operator.contract.into(),
            number: self.number.to_string(),
            wallet: self.claim.wallet,
            identity_key: self.claim.compressed_key(),
            token_hash: self.claim.token_hash.0.into(),
            step: self.step.clone(),
        }
    }
}
