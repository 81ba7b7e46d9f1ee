//! A Merkle-Patricia trie that keeps its past: every change copies only the nodes on its way, so the trie
//! of an old block costs nothing but what has changed since.
//!
//! Keys are hashes of 64 nibbles, so no key ends inside a branch. The nodes are encoded by `alloy-trie`.

use std::sync::{Arc, OnceLock};

use alloy_primitives::{B256, keccak256};
use alloy_trie::nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieMask};

/// A map from hashed keys to values, with a root hash and proofs. Cloning shares everything.
#[derive(Debug)]
pub(crate) struct Trie<V> {
    root: Link<V>,
}

/// What a leaf of a trie holds.
pub(crate) trait Value: Clone {
    /// The octets that the leaf commits to.
    fn rlp(&self) -> Vec<u8>;
}

impl<V: Value> Trie<V> {
    pub(crate) fn get(&self, key: B256) -> Option<&V> {
        let mut node = self.root.as_ref()?;
        let mut ahead = Nibbles::unpack(key);
        loop {
            node = match &node.shape {
                Shape::Leaf { path, value } => return (*path == ahead).then_some(value),
                Shape::Extension { path, child } => {
                    ahead = strip(&ahead, path)?;
                    child
                }
                Shape::Branch { children } => {
                    let (nibble, rest) = split_first(&ahead)?;
                    ahead = rest;
                    children[nibble].as_ref()?
                }
            };
        }
    }

    pub(crate) fn insert(&mut self, key: B256, value: V) {
        self.root = Some(insert(self.root.as_ref(), Nibbles::unpack(key), value));
    }

    pub(crate) fn remove(&mut self, key: B256) {
        if let Some(root) = &self.root {
            self.root = remove(root, Nibbles::unpack(key));
        }
    }

    pub(crate) fn root(&self) -> B256 {
        match &self.root {
            // The root is named by hash however short it is.
            Some(root) => keccak256(root.rlp()),
            None => EMPTY_ROOT_HASH,
        }
    }

    /// The nodes from the root towards `key`, to its leaf or to the last that shows that there is none.
    pub(crate) fn prove(&self, key: B256) -> Vec<Vec<u8>> {
        let mut nodes = Vec::new();
        let mut ahead = Nibbles::unpack(key);
        let mut next = self.root.as_ref();
        while let Some(node) = next {
            // Shorter children stand in their parents.
            if nodes.is_empty() || node.reference().is_hash() {
                nodes.push(node.rlp());
            }
            next = match &node.shape {
                Shape::Leaf { .. } => None,
                Shape::Extension { path, child } => strip(&ahead, path).map(|rest| {
                    ahead = rest;
                    child
                }),
                Shape::Branch { children } => split_first(&ahead).and_then(|(nibble, rest)| {
                    ahead = rest;
                    children[nibble].as_ref()
                }),
            };
        }
        nodes
    }
}

impl<V> Clone for Trie<V> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
        }
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

type Link<V> = Option<Arc<Node<V>>>;

#[derive(Debug)]
struct Node<V> {
    shape: Shape<V>,
    /// How the parent names this node, once somebody has asked.
    reference: OnceLock<RlpNode>,
}

#[derive(Debug)]
enum Shape<V> {
    Leaf { path: Nibbles, value: V },
    Extension { path: Nibbles, child: Arc<Node<V>> },
    Branch { children: [Link<V>; 16] },
}

impl<V: Value> Node<V> {
    fn new(shape: Shape<V>) -> Arc<Self> {
        Arc::new(Self {
            shape,
            reference: OnceLock::new(),
        })
    }

    fn reference(&self) -> &RlpNode {
        self.reference
            .get_or_init(|| RlpNode::from_rlp(&self.rlp()))
    }

    fn rlp(&self) -> Vec<u8> {
        let mut rlp = Vec::new();
        match &self.shape {
            Shape::Leaf { path, value } => {
                LeafNodeRef::new(path, &value.rlp()).rlp(&mut rlp);
            }
            Shape::Extension { path, child } => {
                ExtensionNodeRef::new(path, child.reference()).rlp(&mut rlp);
            }
            Shape::Branch { children } => {
                let mut stack = Vec::with_capacity(children.len());
                let mut mask = TrieMask::default();
                for (nibble, child) in (0_u8..).zip(children) {
                    if let Some(child) = child {
                        stack.push(child.reference().clone());
                        mask.set_bit(nibble);
                    }
                }
                BranchNodeRef::new(&stack, mask).rlp(&mut rlp);
            }
        }
        rlp
    }
}

/// The subtrie `node` with `value` at the end of `ahead`.
fn insert<V: Value>(node: Option<&Arc<Node<V>>>, ahead: Nibbles, value: V) -> Arc<Node<V>> {
    let Some(node) = node else {
        return Node::new(Shape::Leaf { path: ahead, value });
    };
    match &node.shape {
        Shape::Leaf { path, .. } if *path == ahead => Node::new(Shape::Leaf { path: ahead, value }),
        Shape::Leaf { path, value: old } => {
            let shared = path.common_prefix_length(&ahead);
            let mut children = no_children();
            put(&mut children, path.slice(shared..), |path| {
                Node::new(Shape::Leaf {
                    path,
                    value: old.clone(),
                })
            });
            put(&mut children, ahead.slice(shared..), |path| {
                Node::new(Shape::Leaf { path, value })
            });
            under(ahead.slice(..shared), Node::new(Shape::Branch { children }))
        }
        Shape::Extension { path, child } => {
            let shared = path.common_prefix_length(&ahead);
            if shared == path.len() {
                let child = insert(Some(child), ahead.slice(shared..), value);
                return Node::new(Shape::Extension { path: *path, child });
            }
            let mut children = no_children();
            put(&mut children, path.slice(shared..), |path| {
                under(path, child.clone())
            });
            put(&mut children, ahead.slice(shared..), |path| {
                Node::new(Shape::Leaf { path, value })
            });
            under(ahead.slice(..shared), Node::new(Shape::Branch { children }))
        }
        Shape::Branch { children } => {
            let mut children = children.clone();
            if let Some((nibble, rest)) = split_first(&ahead) {
                children[nibble] = Some(insert(children[nibble].as_ref(), rest, value));
            }
            Node::new(Shape::Branch { children })
        }
    }
}

/// The subtrie `node` without what is at the end of `ahead`.
fn remove<V: Value>(node: &Arc<Node<V>>, ahead: Nibbles) -> Link<V> {
    match &node.shape {
        Shape::Leaf { path, .. } => (*path != ahead).then(|| node.clone()),
        Shape::Extension { path, child } => match strip(&ahead, path) {
            Some(rest) => remove(child, rest).map(|child| under(*path, child)),
            None => Some(node.clone()),
        },
        Shape::Branch { children } => {
            let (nibble, rest) = split_first(&ahead)?;
            let mut children = children.clone();
            if let Some(child) = &children[nibble] {
                children[nibble] = remove(child, rest);
            }
            let mut left = (0_u8..)
                .zip(&children)
                .filter_map(|(n, child)| Some((n, child.as_ref()?)));
            let (first, second) = (left.next(), left.next());
            match (first, second) {
                // A branch has two children at least.
                (Some((nibble, only)), None) => {
                    Some(under(Nibbles::from_nibbles([nibble]), only.clone()))
                }
                (Some(_), Some(_)) => Some(Node::new(Shape::Branch { children })),
                (None, _) => None,
            }
        }
    }
}

/// `node`, but `path` further down; paths that follow each other become one.
fn under<V: Value>(path: Nibbles, node: Arc<Node<V>>) -> Arc<Node<V>> {
    if path.is_empty() {
        return node;
    }
    match &node.shape {
        Shape::Leaf { path: below, value } => Node::new(Shape::Leaf {
            path: path.join(below),
            value: value.clone(),
        }),
        Shape::Extension { path: below, child } => Node::new(Shape::Extension {
            path: path.join(below),
            child: child.clone(),
        }),
        Shape::Branch { .. } => Node::new(Shape::Extension { path, child: node }),
    }
}

/// Puts what `make` makes of the rest of a path where the path's first nibble says.
fn put<V>(children: &mut [Link<V>; 16], path: Nibbles, make: impl FnOnce(Nibbles) -> Arc<Node<V>>) {
    if let Some((nibble, rest)) = split_first(&path) {
        children[nibble] = Some(make(rest));
    }
}

fn no_children<V>() -> [Link<V>; 16] {
    [const { None }; 16]
}

fn split_first(path: &Nibbles) -> Option<(usize, Nibbles)> {
    Some((usize::from(path.first()?), path.slice(1..)))
}

fn strip(path: &Nibbles, prefix: &Nibbles) -> Option<Nibbles> {
    path.starts_with(prefix).then(|| path.slice(prefix.len()..))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy_primitives::Bytes;
    use alloy_trie::HashBuilder;
    use alloy_trie::proof::{ProofRetainer, verify_proof};
    use callseal_testvectors::trie;
    use proptest::prelude::*;

    use super::*;

    impl Value for u8 {
        fn rlp(&self) -> Vec<u8> {
            // Long and short leaves, so that some children stand in their parents.
            vec![*self; if self.is_multiple_of(2) { 1 } else { 40 }]
        }
    }

    /// Keys that share prefixes: of a hash, all nibbles but a few would decide nothing.
    fn key() -> impl Strategy<Value = B256> {
        (0_u8..4, 0_u8..4, 0_u8..3).prop_map(|(first, middle, last)| {
            let mut key = B256::ZERO;
            key[0] = first;
            key[15] = middle << 4;
            key[31] = last;
            key
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_history_of_changes_leaves_the_trie_of_its_outcome(
            steps in prop::collection::vec((key(), prop::option::of(1_u8..)), 1..60),
            probe in key(),
        ) {
            let mut ours = Trie::default();
            let mut outcome = BTreeMap::new();
            let mut past = Vec::new();
            for (key, value) in steps {
                past.push((ours.clone(), ours.root(), outcome.clone()));
                match value {
                    Some(value) => {
                        ours.insert(key, value);
                        outcome.insert(key, value);
                    }
                    None => {
                        ours.remove(key);
                        outcome.remove(&key);
                    }
                }
            }
            past.push((ours.clone(), ours.root(), outcome));

            for (trie, root, outcome) in past {
                prop_assert_eq!(trie.root(), root, "a later change has reached an earlier trie");
                let targets = [Nibbles::unpack(probe)];
                let mut builder = HashBuilder::default()
                    .with_proof_retainer(ProofRetainer::from_iter(targets));
                for (key, value) in &outcome {
                    builder.add_leaf(Nibbles::unpack(key), &value.rlp());
                }
                prop_assert_eq!(builder.root(), root);

                let proof: Vec<_> = trie.prove(probe).into_iter().map(Bytes::from).collect();
                let expected = outcome.get(&probe).map(Value::rlp);
                prop_assert_eq!(trie.get(probe), outcome.get(&probe));
                let verdict = verify_proof(root, Nibbles::unpack(probe), expected.clone(), &proof);
                prop_assert!(verdict.is_ok(), "{:?}", verdict);
                if !outcome.is_empty() {
                    let retained = builder.take_proof_nodes().into_nodes_sorted();
                    // The retainer also gives the nodes that stand in their parents.
                    let named = |at: usize, node: &Bytes| at == 0 || node.len() >= 32;
                    let retained: Vec<_> = (0..)
                        .zip(retained)
                        .filter_map(|(at, (_, node))| named(at, &node).then_some(node))
                        .collect();
                    prop_assert_eq!(&proof, &retained);
                }

                let slow = trie::Trie::of(outcome.iter().map(|(key, value)| (key.to_vec(), value.rlp())));
                prop_assert_eq!(slow.root(), root.0);
                let proof: Vec<_> = proof.iter().map(|node| node.to_vec()).collect();
                prop_assert_eq!(trie::walk(root.0, &probe[..], &proof), Ok(expected));
            }
        }
    }
}
