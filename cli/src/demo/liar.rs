//! A node that lies: honest answers, changed on their way.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_registry_client::{RawProof, Registry, Transport, TransportError};

use super::subscribers::Enrolled;

/// What the node lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The subscriber has another key: one bit of the key's proof is changed.
    AnotherKey,
    /// The subscriber does not exist: the proof ends before the record.
    NoSuchSubscriber,
    /// The state is another one: the header names another state root.
    AnotherState,
    /// The registry's code is another one, which could vouch for anybody.
    AnotherContract,
}

impl Lie {
    /// All that are tried.
    pub const ALL: [Self; 4] = [
        Self::AnotherKey,
        Self::NoSuchSubscriber,
        Self::AnotherState,
        Self::AnotherContract,
    ];

    /// What the node claims by it.
    pub fn claim(self) -> &'static str {
        match self {
            Self::AnotherKey => "Bob has another key",
            Self::NoSuchSubscriber => "there is no Bob",
            Self::AnotherState => "the block holds another state",
            Self::AnotherContract => "the registry's code is another",
        }
    }
}

/// A lie, and the error it met; `None` where it was believed.
pub type Told = (Lie, Option<String>);

/// Has nodes tell every lie about a subscriber to somebody who looks the
/// subscriber up.
pub fn tell_lies(enrolled: &Enrolled, number: &str) -> Vec<Told> {
    let operator = enrolled.operator_of(number);
    let config = operator.map_or_else(|| enrolled.registry.config(), |operator| operator.registry);
    let block = enrolled.walk.anchor.block_hash();
    Lie::ALL
        .into_iter()
        .map(|lie| {
            let node = LyingNode::new(enrolled.chain.clone(), lie);
            let answer = Registry::new(config, block, node).look_up(number);
            (lie, answer.err().map(|error| error.to_string()))
        })
        .collect()
}

/// A transport that tells one lie.
#[derive(Clone, Debug)]
pub struct LyingNode<T> {
    honest: T,
    lie: Lie,
}

impl<T> LyingNode<T> {
    /// A node that knows what `honest` knows and tells `lie`.
    pub fn new(honest: T, lie: Lie) -> Self {
        Self { honest, lie }
    }
}

impl<T: Transport> Transport for LyingNode<T> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        let mut header = self.honest.header(block_hash)?;
        if self.lie == Lie::AnotherState {
            header.state_root.0[31] ^= 1;
        }
        Ok(header)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.honest.proof(contract, slots, block_hash)?;
        match self.lie {
            // The value stands at the end of the last node on the path.
            Lie::AnotherKey => flip_last_bit(proof.slots.first_mut()),
            Lie::NoSuchSubscriber => {
                for nodes in &mut proof.slots {
                    nodes.pop();
                }
            }
            // An account ends with the hash of its code.
            Lie::AnotherContract => flip_last_bit(Some(&mut proof.account)),
            Lie::AnotherState => {}
        }
        Ok(proof)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.honest.chain_id()
    }
}

fn flip_last_bit(nodes: Option<&mut Vec<Vec<u8>>>) {
    if let Some(octet) = nodes
        .and_then(|nodes| nodes.last_mut())
        .and_then(|node| node.last_mut())
    {
        *octet ^= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::subscribers::enrol;

    #[test]
    fn every_lie_is_caught_and_the_truth_is_believed() {
        let number = "+8613800000002";
        let enrolled = enrol(&[number]).unwrap();
        let config = enrolled.registry.config();
        let block = enrolled.walk.anchor.block_hash();
        for (lie, caught) in tell_lies(&enrolled, number) {
            assert!(caught.is_some(), "{lie:?}");
        }
        let answer = Registry::new(config, block, enrolled.chain.clone()).look_up(number);
        assert!(answer.unwrap().into_record().unwrap().is_in_force());
    }
}
