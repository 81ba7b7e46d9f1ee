//! Which registry a number is looked up in, on a command line.

use std::path::PathBuf;

use alloy_primitives::Address;
use anyhow::{Result, bail};
use callseal_registry_client::{Operator, Operators, RegistryConfig};
use callseal_sts::Number;

use crate::operators_file;

/// One contract, or each number's own operator's.
#[derive(Debug, clap::Args)]
pub struct WhichRegistry {
    /// The operator's registry contract
    #[arg(
        long,
        value_name = "ADDRESS",
        required_unless_present = "operators",
        conflicts_with = "operators",
        help_heading = "Registry"
    )]
    contract: Option<Address>,

    /// A file that says which operator has which numbers, and where its registry is
    #[arg(long, value_name = "FILE", help_heading = "Registry")]
    operators: Option<PathBuf>,
}

/// What the arguments say of it.
pub(crate) enum Named {
    Contract(Address),
    Operators(Operators),
}

impl WhichRegistry {
    /// The contract, or what the file says.
    pub(crate) fn named(&self) -> Result<Named> {
        match (&self.operators, self.contract) {
            (Some(path), _) => Ok(Named::Operators(operators_file::read(path)?)),
            (None, Some(contract)) => Ok(Named::Contract(contract)),
            (None, None) => bail!("say which registry, with --contract or --operators"),
        }
    }

    /// Whose number it is; where a contract is named, somebody's without a name. `at` says the rest of that
    /// one's registry.
    pub(crate) fn operator_of(
        &self,
        number: &Number,
        at: impl FnOnce(Address) -> RegistryConfig,
    ) -> Result<Operator> {
        match self.named()? {
            Named::Contract(contract) => Ok(Operator {
                name: String::new(),
                registry: at(contract),
            }),
            Named::Operators(operators) => operators_file::operator_of(&operators, number).cloned(),
        }
    }
}
