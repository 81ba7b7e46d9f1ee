//! Hashing of SSZ containers.

use alloy_primitives::B256;

/// `hash_tree_root` of a container, or of a vector, whose elements have these roots.
pub(crate) fn container_root(elements: &[B256]) -> B256 {
    tree_hash::merkle_root(&elements.concat(), elements.len())
}
