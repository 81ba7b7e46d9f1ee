//! Several execution nodes that are asked about one registry.

use core::fmt::Display;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};

use crate::light::Anchor;
use crate::number::number_hash;
use crate::record::{OperatorKeys, PreviousOperatorKeys, Record};
use crate::registry::{Answer, LookUpError, Registry, RegistryConfig};
use crate::transport::{RawProof, Transport, TransportError};
use crate::verified::Verified;

/// A reader of one registry in one trusted block, by several nodes. One that fails or lies is passed over and
/// reported. Whoever has answered last is asked first, so that a dead or a lying node costs its time once, and not
/// with every question.
///
/// ```
/// use alloy_consensus::Header;
/// use alloy_primitives::{Address, B256};
/// use callseal_devchain::DevChain;
/// use callseal_registry_client::{
///     Answer, Nodes, RawProof, RegistryConfig, Transport, TransportError, layout,
/// };
/// # use callseal_devchain::{DevRegistry, Operator, uncompressed_key};
///
/// struct Liar;
///
/// impl Transport for Liar {
///     fn header(&mut self, _: B256) -> Result<Header, TransportError> {
///         Ok(Header::default())
///     }
///     fn proof(&mut self, _: Address, _: &[B256], _: B256) -> Result<RawProof, TransportError> {
///         Ok(RawProof::default())
///     }
/// }
///
/// let chain = DevChain::new(1);
/// # let signing_key = uncompressed_key(&[5; 32])?;
/// # let operator = Operator { account: chain.account(0), signing_key, sealing_key: [0; 32] };
/// # let registry = DevRegistry::deploy(&chain, chain.account(0), &operator)?;
/// let nodes: [(String, Box<dyn Transport>); 2] = [
///     ("liar".into(), Box::new(Liar)),
///     ("honest".into(), Box::new(chain.clone())),
/// ];
/// let mut nodes = Nodes::new(registry.config(), nodes);
/// nodes.trust(chain.head());
/// let asked = nodes.look_up("+8613800000001")?;
/// assert_eq!(*asked.answer.value(), Answer::Absent);
/// assert_eq!(asked.faults[0].node, "liar");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Nodes<T> {
    nodes: Vec<Node<T>>,
    /// The place of the one that answered last.
    first: usize,
}

/// An execution node, and what errors call it.
#[derive(Debug)]
struct Node<T> {
    name: String,
    registry: Registry<T>,
}

/// What one node has proven, and what others did before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked<A> {
    /// The proven answer.
    pub answer: A,
    /// What nodes failed at, or lied about, before one proved the answer.
    pub faults: Vec<NodeFault>,
}

/// An execution node that gave nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", named(node, cause, transport(cause)))]
pub struct NodeFault {
    /// What the node is called.
    pub node: String,
    /// What was wrong.
    pub cause: LookUpError,
}

impl<T: Transport> Nodes<T> {
    /// A reader by these nodes, each with what it is to be called. Asks nothing yet, and trusts no block before it is
    /// [told](Self::trust).
    pub fn new(config: RegistryConfig, nodes: impl IntoIterator<Item = (String, T)>) -> Self {
        let nodes = nodes.into_iter().map(|(name, transport)| Node {
            name,
            registry: Registry::new(config, B256::ZERO, transport),
        });
        Self {
            nodes: nodes.collect(),
            first: 0,
        }
    }

    /// Trusts another block from now on.
    pub fn trust(&mut self, block_hash: B256) {
        let registries = self.nodes.iter_mut().map(|node| &mut node.registry);
        registries.for_each(|registry| registry.trust(block_hash));
    }

    /// Trusts a light client's final block from now on; answers name its slot.
    pub fn trust_anchor(&mut self, anchor: &Anchor) {
        let registries = self.nodes.iter_mut().map(|node| &mut node.registry);
        registries.for_each(|registry| registry.trust_anchor(anchor));
    }

    /// The record of a number, as [`Registry::look_up`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed. An error is not an absence: it means that nothing is known.
    pub fn look_up(&mut self, number: &str) -> Result<Asked<Verified<Answer>>, NodesError> {
        number_hash(number).map_err(LookUpError::from)?;
        self.ask(|registry| registry.look_up(number))
    }

    /// What `sender` claims for a number, as [`Registry::look_up_claim`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed.
    pub fn look_up_claim(
        &mut self,
        number: &str,
        sender: Address,
    ) -> Result<Asked<Verified<Answer>>, NodesError> {
        number_hash(number).map_err(LookUpError::from)?;
        self.ask(|registry| registry.look_up_claim(number, sender))
    }

    /// Every claim of a number that the operator has not approved, as [`Registry::look_up_claims`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed.
    pub fn look_up_claims(
        &mut self,
        number: &str,
    ) -> Result<Asked<Verified<Vec<Record>>>, NodesError> {
        number_hash(number).map_err(LookUpError::from)?;
        self.ask(|registry| registry.look_up_claims(number))
    }

    /// The operator's keys, as [`Registry::operator_keys`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed.
    pub fn operator_keys(&mut self) -> Result<Asked<Verified<OperatorKeys>>, NodesError> {
        self.ask(Registry::operator_keys)
    }

    /// The operator's keys before the present ones, as [`Registry::previous_operator_keys`].
    ///
    /// # Errors
    ///
    /// [`NodesError`] says what failed.
    pub fn previous_operator_keys(
        &mut self,
    ) -> Result<Asked<Verified<Option<PreviousOperatorKeys>>>, NodesError> {
        self.ask(Registry::previous_operator_keys)
    }

    /// The record of a number with what proves it to others.
    pub(crate) fn gather(
        &mut self,
        number: &str,
    ) -> Result<Asked<(Verified<Answer>, Header, RawProof)>, NodesError> {
        self.ask(|registry| registry.gather(number))
    }

    fn ask<A>(
        &mut self,
        mut question: impl FnMut(&mut Registry<T>) -> Result<A, LookUpError>,
    ) -> Result<Asked<A>, NodesError> {
        let mut faults = Vec::new();
        for place in (self.first..self.nodes.len()).chain(0..self.first) {
            let Node { name, registry } = &mut self.nodes[place];
            match question(registry) {
                Ok(answer) => {
                    self.first = place;
                    return Ok(Asked { answer, faults });
                }
                Err(cause) if cause.is_proven() => return Err(cause.into()),
                Err(cause) => faults.push(NodeFault {
                    node: name.clone(),
                    cause,
                }),
            }
        }
        Err(NodesError::NoAnswer { faults })
    }
}

impl<T: Transport> From<Registry<T>> for Nodes<T> {
    /// A reader by one node, in the block that is trusted already.
    fn from(registry: Registry<T>) -> Self {
        let name = "the node".into();
        Self {
            nodes: vec![Node { name, registry }],
            first: 0,
        }
    }
}

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodesError {
    /// The caller's or the configuration's: every node would say the same.
    #[error(transparent)]
    Registry(#[from] LookUpError),
    /// The nodes': none of them proved anything.
    #[error("{}", no_answer(faults))]
    NoAnswer {
        /// What each of them did instead.
        faults: Vec<NodeFault>,
    },
}

pub(crate) fn no_answer(faults: &[NodeFault]) -> String {
    match faults {
        [] => "there is no execution node to ask".into(),
        faults => {
            let faults: Vec<_> = faults.iter().map(NodeFault::to_string).collect();
            format!("no execution node proved an answer: {}", faults.join("; "))
        }
    }
}

/// What was wrong with a node, which is named once.
pub(crate) fn named(
    node: &str,
    cause: &impl Display,
    transport: Option<&TransportError>,
) -> String {
    match transport.is_some_and(|error| error.node() == node) {
        true => cause.to_string(),
        false => format!("{node}: {cause}"),
    }
}

fn transport(cause: &LookUpError) -> Option<&TransportError> {
    match cause {
        LookUpError::Transport(error) => Some(error),
        _ => None,
    }
}
