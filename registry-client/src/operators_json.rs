//! The operators as a file has them.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::layout;
use crate::operators::{Operator, Operators, OperatorsError, PrefixError};
use crate::registry::RegistryConfig;

const FORMAT: &str = "callseal operators";
const VERSION: u32 = 1;

impl Operators {
    /// Reads them from JSON, in which nothing may stand that is not known:
    ///
    /// ```
    /// use callseal_registry_client::Operators;
    ///
    /// let operators = Operators::from_json(r#"{
    ///   "format": "callseal operators",
    ///   "version": 1,
    ///   "operators": [
    ///     {
    ///       "name": "North",
    ///       "chain_id": 1,
    ///       "contract": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
    ///       "prefixes": ["+861"],
    ///       "numbers": ["+8620000001"]
    ///     },
    ///     { "name": "South", "chain_id": 1, "contract": "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512", "prefixes": ["+86"] }
    ///   ]
    /// }"#)?;
    /// assert_eq!(operators.of("+8620000001")?.map(|operator| &*operator.name), Some("North"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// `code_hash` may be left out: it is then that of this version's registry.
    ///
    /// # Errors
    ///
    /// [`OperatorsTextError`] says what is wrong, and of which operator.
    pub fn from_json(text: &str) -> Result<Self, OperatorsTextError> {
        let contents: Contents = serde_json::from_str(text)?;
        if contents.format != FORMAT {
            return Err(OperatorsTextError::Format);
        }
        if contents.version != VERSION {
            return Err(OperatorsTextError::Version {
                found: contents.version,
            });
        }
        let mut operators = Self::default();
        for entry in contents.operators {
            let name = entry.name.clone();
            operators = entry.add_to(operators).map_err(|cause| match cause {
                EntryError::Prefix(text, cause) => OperatorsTextError::Prefix { name, text, cause },
                EntryError::Operators(cause) => cause.into(),
            })?;
        }
        Ok(operators)
    }
}

/// Why a text holds no operators.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorsTextError {
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
    /// What is said to be a prefix is none.
    #[error("{text:?} of {name:?}: {cause}")]
    Prefix {
        /// The operator's name.
        name: String,
        /// What was given.
        text: String,
        /// Why it is none.
        cause: PrefixError,
    },
    /// The operators cannot stand beside one another.
    #[error(transparent)]
    Operators(#[from] OperatorsError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    operators: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    chain_id: u64,
    contract: Address,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_hash: Option<B256>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    numbers: Vec<String>,
}

enum EntryError {
    Prefix(String, PrefixError),
    Operators(OperatorsError),
}

impl Entry {
    fn add_to(self, operators: Operators) -> Result<Operators, EntryError> {
        let mut prefixes = Vec::new();
        for text in self.prefixes {
            let prefix = text.parse();
            prefixes.push(prefix.map_err(|cause| EntryError::Prefix(text, cause))?);
        }
        let operator = Operator {
            name: self.name,
            registry: RegistryConfig {
                contract: self.contract,
                code_hash: self.code_hash.unwrap_or(layout::CODE_HASH),
                chain_id: self.chain_id,
            },
        };
        operators
            .with(operator, prefixes, self.numbers.iter().map(String::as_str))
            .map_err(EntryError::Operators)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "format": "callseal operators", "version": 1,
        "operators": [
            { "name": "North", "chain_id": 7, "contract": "0x0101010101010101010101010101010101010101",
              "code_hash": "0x0202020202020202020202020202020202020202020202020202020202020202",
              "prefixes": ["+861"] },
            { "name": "South", "chain_id": 8, "contract": "0x0303030303030303030303030303030303030303",
              "numbers": ["+8613"] }
        ]
    }"#;

    #[test]
    fn every_word_of_the_file_arrives() {
        let operators = Operators::from_json(TEXT).unwrap();
        let north = operators.of("+8612").unwrap().unwrap();
        assert_eq!(
            north.registry,
            RegistryConfig {
                contract: Address::repeat_byte(1),
                code_hash: B256::repeat_byte(2),
                chain_id: 7,
            }
        );
        let south = operators.of("+8613").unwrap().unwrap();
        assert_eq!(south.registry.code_hash, layout::CODE_HASH);
        assert_eq!((south.registry.chain_id, &*south.name), (8, "South"));
    }

    #[test]
    fn every_fault_is_named() {
        for (from, to, named) in [
            ("callseal operators", "hosts", "\"format\""),
            ("\"version\": 1", "\"version\": 2", "version 2"),
            ("+861\"", "861\"", "\"861\" of \"North\""),
            ("\"North\"", "\"South\"", "two operators are called"),
            ("+8613", "8613", "\"8613\""),
            ("chain_id", "chain", "`chain`"),
            ("0x0303", "0x03", "invalid"),
            ("\"operators\"", "\"operator\"", "`operator`"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            let error = Operators::from_json(&text).unwrap_err().to_string();
            assert!(error.contains(named), "{named}: {error}");
        }
    }
}
