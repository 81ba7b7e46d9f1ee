//! Several operators' registries, each asked about its own numbers.

use alloy_primitives::B256;

use crate::nodes::{Asked, Nodes, NodesError};
use crate::operators::{Operator, Operators};
use crate::readers::Readers;
#[cfg(doc)]
use crate::registry::LookUpError;
use crate::registry::{Answer, Registry};
use crate::transport::Transport;
use crate::verified::Verified;

/// A reader of the registries of several operators. A number is looked up at its own operator and nowhere else, so
/// that no operator vouches for another's numbers.
#[derive(Debug)]
pub struct Registries<T> {
    readers: Readers<Nodes<T>>,
}

impl<T: Transport> Registries<T> {
    /// A reader for these operators. `nodes` says, for each, the block that is trusted on its chain, whom to ask there,
    /// and what each is to be called; `None` where nobody is known. Asks nothing yet.
    pub fn new<N>(
        operators: Operators,
        mut nodes: impl FnMut(&Operator) -> Option<(B256, N)>,
    ) -> Self
    where
        N: IntoIterator<Item = (String, T)>,
    {
        let reader = |operator: &Operator| {
            let (trusted_block, nodes) = nodes(operator)?;
            let mut nodes = Nodes::new(operator.registry, nodes);
            nodes.trust(trusted_block);
            Some(nodes)
        };
        Self {
            readers: Readers::new(operators, reader),
        }
    }

    /// Whose number is whose.
    pub fn operators(&self) -> &Operators {
        self.readers.operators()
    }

    /// The record of a number at its operator, as [`Nodes::look_up`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed: where the number is no operator's, [`LookUpError::NoOperator`]; where nobody is
    /// known on its chain, [`LookUpError::NoNode`].
    pub fn look_up(&mut self, number: &str) -> Result<Asked<Verified<Answer>>, NodesError> {
        self.readers.of(number)?.look_up(number)
    }
}

impl<T: Transport> From<Registry<T>> for Registries<T> {
    /// A reader that looks every number up in this registry.
    fn from(registry: Registry<T>) -> Self {
        Self {
            readers: Readers::only(*registry.config(), registry.into()),
        }
    }
}
