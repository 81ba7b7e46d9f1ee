//! Several operators' registries, each asked about its own numbers.

use alloy_primitives::B256;

use crate::operators::{Operator, Operators};
use crate::readers::Readers;
use crate::registry::{Answer, LookUpError, Registry};
use crate::transport::Transport;
use crate::verified::Verified;

/// A reader of the registries of several operators. A number is looked up at its own operator and nowhere else, so
/// that no operator vouches for another's numbers.
#[derive(Debug)]
pub struct Registries<T> {
    readers: Readers<Registry<T>>,
}

impl<T: Transport> Registries<T> {
    /// A reader for these operators. `node` says, for each, the block that is trusted on its chain and whom to ask
    /// there; `None` where nobody is known. Asks nothing yet.
    pub fn new(operators: Operators, mut node: impl FnMut(&Operator) -> Option<(B256, T)>) -> Self {
        let reader = |operator: &Operator| {
            let (trusted_block, transport) = node(operator)?;
            Some(Registry::new(operator.registry, trusted_block, transport))
        };
        Self {
            readers: Readers::new(operators, reader),
        }
    }

    /// Whose number is whose.
    pub fn operators(&self) -> &Operators {
        self.readers.operators()
    }

    /// The record of a number at its operator, as [`Registry::look_up`].
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed: where the number is no operator's, [`LookUpError::NoOperator`]; where nobody
    /// is known on its chain, [`LookUpError::NoNode`].
    pub fn look_up(&mut self, number: &str) -> Result<Verified<Answer>, LookUpError> {
        self.readers.of(number)?.look_up(number)
    }
}

impl<T: Transport> From<Registry<T>> for Registries<T> {
    /// A reader that looks every number up in this registry.
    fn from(registry: Registry<T>) -> Self {
        Self {
            readers: Readers::only(*registry.config(), registry),
        }
    }
}
