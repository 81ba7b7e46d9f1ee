//! Several operators' registries, each asked about its own numbers.

use alloy_primitives::B256;

use crate::operators::{Operator, Operators};
use crate::registry::{Answer, LookUpError, Registry};
use crate::transport::Transport;
use crate::verified::Verified;

/// A reader of the registries of several operators. A number is looked up at its own operator and nowhere else, so
/// that no operator vouches for another's numbers.
#[derive(Debug)]
pub struct Registries<T> {
    operators: Operators,
    readers: Vec<Option<Registry<T>>>,
}

impl<T: Transport> Registries<T> {
    /// A reader for these operators. `node` says, for each, the block that is trusted on its chain and whom to ask
    /// there; `None` where nobody is known. Asks nothing yet.
    pub fn new(operators: Operators, mut node: impl FnMut(&Operator) -> Option<(B256, T)>) -> Self {
        let reader = |operator: &Operator| {
            let (trusted_block, transport) = node(operator)?;
            Some(Registry::new(operator.registry, trusted_block, transport))
        };
        let readers = operators.iter().map(reader).collect();
        Self { operators, readers }
    }

    /// Whose number is whose.
    pub fn operators(&self) -> &Operators {
        &self.operators
    }

    /// The record of a number at its operator, as [`Registry::look_up`].
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed: where the number is no operator's, [`LookUpError::NoOperator`].
    pub fn look_up(&mut self, number: &str) -> Result<Verified<Answer>, LookUpError> {
        let place = self.operators.place_of(number)?;
        let place = place.ok_or(LookUpError::NoOperator)?;
        match self.readers.get_mut(place) {
            Some(Some(reader)) => reader.look_up(number),
            _ => {
                let operator = self.operators.iter().nth(place);
                let operator = operator.ok_or(LookUpError::NoOperator)?;
                Err(LookUpError::NoNode {
                    operator: operator.name.clone(),
                    chain_id: operator.registry.chain_id,
                })
            }
        }
    }
}

impl<T: Transport> From<Registry<T>> for Registries<T> {
    /// A reader that looks every number up in this registry.
    fn from(registry: Registry<T>) -> Self {
        let operators = Operators::only(Operator {
            name: String::new(),
            registry: *registry.config(),
        });
        Self {
            operators,
            readers: vec![Some(registry)],
        }
    }
}
