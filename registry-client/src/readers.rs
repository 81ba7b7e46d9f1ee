//! A reader for each operator's registry.

use crate::operators::{Operator, Operators};
use crate::registry::{LookUpError, RegistryConfig};

/// Operators with a reader each, where there is one: the one place where a number's reader is chosen.
#[derive(Debug)]
pub(crate) struct Readers<R> {
    operators: Operators,
    /// In the operators' order.
    readers: Vec<Result<R, LookUpError>>,
}

impl<R> Readers<R> {
    /// `reader` makes one for an operator, `None` where nobody can be asked.
    pub(crate) fn new(
        operators: Operators,
        mut reader: impl FnMut(&Operator) -> Option<R>,
    ) -> Self {
        let readers = operators.iter().map(|operator| {
            reader(operator).ok_or_else(|| LookUpError::NoNode {
                operator: operator.name.clone(),
                chain_id: operator.registry.chain_id,
            })
        });
        let readers = readers.collect();
        Self { operators, readers }
    }

    /// One for all numbers, of an operator without a name.
    pub(crate) fn only(registry: RegistryConfig, reader: R) -> Self {
        let operator = Operator {
            name: String::new(),
            registry,
        };
        Self {
            operators: Operators::only(operator),
            readers: vec![Ok(reader)],
        }
    }

    pub(crate) fn operators(&self) -> &Operators {
        &self.operators
    }

    /// The reader of the registry that a number is looked up in.
    ///
    /// # Errors
    ///
    /// [`LookUpError::NoOperator`] where the number is no operator's; [`LookUpError::NoNode`] where its operator has no
    /// reader.
    pub(crate) fn of(&mut self, number: &str) -> Result<&mut R, LookUpError> {
        let place = self.operators.place_of(number)?;
        let reader = place.and_then(|place| self.readers.get_mut(place));
        let reader = reader.ok_or(LookUpError::NoOperator)?;
        reader.as_mut().map_err(|missing| missing.clone())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut R> {
        self.readers.iter_mut().flatten()
    }
}
