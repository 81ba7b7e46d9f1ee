//! Merkle branches of SSZ objects.

use alloy_primitives::B256;
use ethereum_hashing::hash32_concat;

/// Proves that `leaf` stands at `gindex` under `root`.
///
/// A branch from an older fork may be padded at its front to the depth of `newest`, the leaf's place in the newest
/// fork, whose containers have room for as many nodes (`normalize_merkle_branch`): the padding has to be zero.
pub(crate) fn verify_branch(
    leaf: B256,
    branch: &[B256],
    gindex: u64,
    newest: u64,
    root: B256,
) -> Result<(), BranchError> {
    let [depth, room] = [gindex, newest].map(|gindex| gindex.ilog2() as usize);
    if branch.len() != depth && branch.len() != room.max(depth) {
        return Err(BranchError::Length {
            expected: depth,
            got: branch.len(),
        });
    }
    let (padding, branch) = branch.split_at(branch.len() - depth);
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
    /// It is too short, or longer than any container makes it.
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
        let verify = |branch: &[B256], gindex| verify_branch(leaf, branch, gindex, 0b1001, root);
        assert_eq!(verify(&branch, 0b101), Ok(()));
        let padded = [&[B256::ZERO], &branch[..]].concat();
        assert_eq!(verify(&padded, 0b101), Ok(()));
        let padded = [&[B256::with_last_byte(1)], &branch[..]].concat();
        assert_eq!(verify(&padded, 0b101), Err(BranchError::Padding));
        assert_eq!(verify(&branch, 0b100), Err(BranchError::Root));
        let length = |got| Err(BranchError::Length { expected: 2, got });
        assert_eq!(verify(&branch[1..], 0b101), length(1));
    }

    #[test]
    fn no_branch_is_longer_than_the_newest_forks() {
        let leaf = B256::repeat_byte(1);
        let branch = [B256::repeat_byte(2), B256::repeat_byte(3)];
        let root = root_above(leaf, &branch, 0b101);
        let padded_by = |zeros| [&vec![B256::ZERO; zeros][..], &branch].concat();
        for (newest, zeros) in [(0b101, 1), (0b1001, 2), (0b1_0001, 1), (0b1_0001, 3)] {
            let refusal = verify_branch(leaf, &padded_by(zeros), 0b101, newest, root);
            let (expected, got) = (2, 2 + zeros);
            assert_eq!(refusal, Err(BranchError::Length { expected, got }));
        }
        // Nor shorter, where the newest fork's were.
        assert_eq!(verify_branch(leaf, &branch, 0b101, 0b11, root), Ok(()));
    }
}
