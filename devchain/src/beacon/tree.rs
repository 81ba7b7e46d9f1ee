//! A Merkle tree of which only a few leaves matter.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use ethereum_hashing::hash32_concat;

/// Leaves at generalized indices; where there is none, a zero stands for the whole subtree.
#[derive(Debug)]
pub(super) struct Tree {
    leaves: BTreeMap<u64, B256>,
}

impl Tree {
    pub(super) fn new(leaves: impl IntoIterator<Item = (u64, B256)>) -> Self {
        Self {
            leaves: leaves.into_iter().collect(),
        }
    }

    pub(super) fn root(&self) -> B256 {
        self.node(1)
    }

    /// The nodes beside the way from `gindex` up to the root, lowest first.
    pub(super) fn branch(&self, gindex: u64) -> Vec<B256> {
        let levels = 0..gindex.ilog2();
        levels
            .map(|level| self.node((gindex >> level) ^ 1))
            .collect()
    }

    fn node(&self, gindex: u64) -> B256 {
        if let Some(leaf) = self.leaves.get(&gindex) {
            return *leaf;
        }
        let is_above = |leaf: &u64| {
            let levels = leaf.ilog2().checked_sub(gindex.ilog2());
            levels.is_some_and(|levels| leaf >> levels == gindex)
        };
        match self.leaves.keys().any(is_above) {
            true => {
                let (left, right) = (self.node(2 * gindex), self.node(2 * gindex + 1));
                hash32_concat(&left.0, &right.0).into()
            }
            false => B256::ZERO,
        }
    }
}
