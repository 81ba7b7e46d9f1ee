//! Merkle branches of SSZ objects.

use alloy_primitives::B256;
use ethereum_hashing::hash32_concat;

/// Proves that `leaf` stands at `gindex` under `root`.
///
/// A branch from an older fork may be padded at its front, where the containers of a newer fork have room for
/// more nodes (`normalize_merkle_branch`): those have to be zero.
pub(crate) fn verify_branch(
    leaf: B256,
    branch: &[B256],
    gindex: u64,
    root: B256,
) -> Result<(), BranchError> {
    let depth = gindex.ilog2() as usize;
    let padding = branch.len().checked_sub(depth).ok_or(BranchError::Length {
        expected: depth,
        got: branch.len(),
    })?;
    let (padding, branch) = branch.split_at(padding);
    if padding.iter().any(|node| !node.is_zero()) {
        return Err(BranchError::Padding);
    }
    if root_above(leaf, branch, gindex) != root {
        return Err(BranchError::Root);
    }
    Ok(())
}

/// The root that a branch leads to; its lowest bits of `gindex` say which side each node is on.
fn root_above(leaf: B256, branch: &[B256], gindex: u64) -> B256 {
    let mut node = leaf;
    for (level, sibling) in branch.iter().enumerate() {
        let is_right = gindex >> level & 1 == 1;
        let (left, right) = match is_right {
            true => (sibling, &node),
            false => (&node, sibling),
        };
        node = B256::from(hash32_concat(&left.0, &right.0));
    }
    node
}

/// Why a branch proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BranchError {
    /// It is too short.
    #[error("the branch has {got} nodes, {expected} are needed")]
    Length {
        /// The depth of what it has to prove.
        expected: usize,
        /// Its nodes.
        got: usize,
    },
    /// Something is in the room that only a newer fork's branch fills.
    #[error("the branch's padding is not zero")]
    Padding,
    /// It leads to another root.
    #[error("the branch leads to another root")]
    Root,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_or_the_branch_is_refused() {
        let leaf = B256::repeat_byte(1);
        let branch = [B256::repeat_byte(2), B256::repeat_byte(3)];
        let root = root_above(leaf, &branch, 0b101);
        assert_eq!(verify_branch(leaf, &branch, 0b101, root), Ok(()));
        let padded = [&[B256::ZERO], &branch[..]].concat();
        assert_eq!(verify_branch(leaf, &padded, 0b101, root), Ok(()));
        let padded = [&[B256::with_last_byte(1)], &branch[..]].concat();
        assert_eq!(
            verify_branch(leaf, &padded, 0b101, root),
            Err(BranchError::Padding)
        );
        assert_eq!(
            verify_branch(leaf, &branch, 0b100, root),
            Err(BranchError::Root)
        );
        assert_eq!(
            verify_branch(leaf, &branch[1..], 0b101, root),
            Err(BranchError::Length {
                expected: 2,
                got: 1
            })
        );
    }
}
