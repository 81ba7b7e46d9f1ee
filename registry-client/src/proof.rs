//! One walk down a Merkle-Patricia trie along a proof.
//!
//! The trie is Ethereum's "secure" one: every key is a keccak256, so every path has 64 nibbles and no
//! branch holds a value. The nodes are `alloy-trie`'s; the walk is ours, because it has to hand out the
//! value it found, to refuse nodes that the answer does not need, and to say where it was refused.

use core::fmt;

use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Decodable, EMPTY_STRING_CODE};
use alloy_trie::nodes::{RlpNode, TrieNode};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// A node that is not shorter than its hash is named by it.
const HASH_LEN: usize = 32;
/// The nibbles of a key.
const KEY_NIBBLES: usize = 64;
/// A branch for each nibble and a leaf.
const MAX_NODES: usize = KEY_NIBBLES + 1;
/// A branch of sixteen hashes is 532 octets, an account's leaf about 150.
const MAX_NODE_LEN: usize = 1024;

/// Walks from `root` towards `key` and returns the value there, or `None` where the trie ends before.
///
/// `key` is the path itself: the keccak256 of an address or slot.
pub(crate) fn walk(
    root: B256,
    key: B256,
    nodes: &[Vec<u8>],
) -> Result<Option<Vec<u8>>, ProofError> {
    if root == EMPTY_ROOT_HASH {
        // Nodes say "empty" in two ways: with no proof, and with the empty string that hashes to this root.
        return match nodes {
            [] => Ok(None),
            [only] if only[..] == [EMPTY_STRING_CODE] => Ok(None),
            _ => Err(ProofError::Surplus {
                needed: 0,
                got: nodes.len(),
            }),
        };
    }
    if nodes.len() > MAX_NODES {
        return Err(ProofError::TooManyNodes {
            limit: MAX_NODES,
            got: nodes.len(),
        });
    }
    let mut way = Way {
        key: Nibbles::unpack(key),
        walked: 0,
    };
    let mut expected = root;
    for (index, node) in nodes.iter().enumerate() {
        if node.len() > MAX_NODE_LEN {
            let (limit, got) = (MAX_NODE_LEN, node.len());
            return Err(ProofError::NodeTooLong {
                path: way.path(),
                limit,
                got,
            });
        }
        let got = keccak256(node);
        if got != expected {
            return Err(ProofError::NodeHash {
                path: way.path(),
                expected,
                got,
            });
        }
        let end = match way.step(node)? {
            Step::Down(child) => {
                expected = child;
                continue;
            }
            Step::Value(value) => Some(value),
            Step::Nothing => None,
        };
        let needed = index + 1;
        if nodes.len() != needed {
            return Err(ProofError::Surplus {
                needed,
                got: nodes.len(),
            });
        }
        return Ok(end);
    }
    Err(ProofError::Truncated {
        path: way.path(),
        expected,
    })
}

/// Where a walk stands.
struct Way {
    key: Nibbles,
    /// Nibbles of the key that lie behind.
    walked: usize,
}

/// What a node says about the key.
enum Step {
    /// The child with this hash knows more.
    Down(B256),
    /// The key has this value.
    Value(Vec<u8>),
    /// Nothing in the trie has the key.
    Nothing,
}

impl Way {
    /// Follows one node of the proof, and the children that it holds in place.
    fn step(&mut self, node: &[u8]) -> Result<Step, ProofError> {
        let mut decoded = self.decode(node)?;
        loop {
            let child = match decoded {
                TrieNode::Branch(branch) => {
                    let Some(nibble) = self.key.get(self.walked) else {
                        return Err(self.malformed("a branch below the end of the key"));
                    };
                    if !branch.state_mask.is_bit_set(nibble) {
                        return Ok(Step::Nothing);
                    }
                    // Absent children take no place on the stack.
                    let before = (0..nibble)
                        .filter(|n| branch.state_mask.is_bit_set(*n))
                        .count();
                    self.walked += 1;
                    branch.stack.into_iter().nth(before)
                }
                TrieNode::Extension(extension) => {
                    if extension.key.is_empty() {
                        return Err(self.malformed("an extension over no nibble"));
                    }
                    if !self.ahead().starts_with(&extension.key) {
                        return Ok(Step::Nothing);
                    }
                    self.walked += extension.key.len();
                    Some(extension.child)
                }
                TrieNode::Leaf(leaf) => {
                    let ahead = self.ahead();
                    if leaf.key.len() != ahead.len() {
                        return Err(self.malformed("a leaf that does not end where the key does"));
                    }
                    if leaf.value.is_empty() {
                        return Err(self.malformed("a leaf without a value"));
                    }
                    let found = leaf.key == ahead;
                    return Ok(if found {
                        Step::Value(leaf.value)
                    } else {
                        Step::Nothing
                    });
                }
                TrieNode::EmptyRoot => return Err(self.malformed("an empty node")),
            };
            let Some(child) = child else {
                return Err(self.malformed("a branch without the child it announces"));
            };
            if let Some(hash) = hash_of(&child) {
                return Ok(Step::Down(hash));
            }
            if child.len() >= HASH_LEN {
                return Err(self.malformed("a child in place that is not shorter than a hash"));
            }
            decoded = self.decode(&child)?;
        }
    }

    /// One node, in the one form that a trie has it in.
    fn decode(&self, node: &[u8]) -> Result<TrieNode, ProofError> {
        let decoded = TrieNode::decode(&mut &node[..]).map_err(|source| ProofError::Rlp {
            path: self.path(),
            source,
        })?;
        // The decoder lets pass what no encoder writes: stray nibbles, octets after the list.
        if alloy_rlp::encode(&decoded) != node {
            return Err(self.malformed("not in canonical form"));
        }
        Ok(decoded)
    }

    fn ahead(&self) -> Nibbles {
        self.key.slice(self.walked..)
    }

    fn path(&self) -> TriePath {
        TriePath(self.key.slice(..self.walked))
    }

    fn malformed(&self, why: &'static str) -> ProofError {
        ProofError::Malformed {
            path: self.path(),
            why,
        }
    }
}

/// The hash in a child's place, unless the child itself is there: then its list is shorter than a hash.
fn hash_of(child: &RlpNode) -> Option<B256> {
    match child[..] {
        [marker, ref hash @ ..] if marker == EMPTY_STRING_CODE + 32 => B256::try_from(hash).ok(),
        _ => None,
    }
}

/// The nibbles from the root of a trie to one of its nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TriePath(Nibbles);

impl TriePath {
    /// How many nibbles below the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for TriePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the root");
        }
        f.write_str("path ")?;
        self.0.iter().try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

impl fmt::Debug for TriePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TriePath({self})")
    }
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A node is not the one that its parent names.
    #[error("the node at {path} hashes to {got}, not to {expected}")]
    NodeHash {
        /// Where in the trie.
        path: TriePath,
        /// What the parent, or the root we trust, says.
        expected: B256,
        /// The hash of the node we got.
        got: B256,
    },
    /// The proof ends before the answer.
    #[error("the proof ends at {path}, where a node with hash {expected} has to follow")]
    Truncated {
        /// Where in the trie.
        path: TriePath,
        /// The hash of the missing node.
        expected: B256,
    },
    /// The proof goes on after the answer.
    #[error("the proof has {got} nodes where {needed} answer the question")]
    Surplus {
        /// Nodes up to the answer.
        needed: usize,
        /// Nodes we got.
        got: usize,
    },
    /// More nodes than a path can have.
    #[error("the proof has {got} nodes, no path has more than {limit}")]
    TooManyNodes {
        /// The most that a path can have.
        limit: usize,
        /// Nodes we got.
        got: usize,
    },
    /// A node is longer than any node can be.
    #[error("the node at {path} has {got} octets, no node has more than {limit}")]
    NodeTooLong {
        /// Where in the trie.
        path: TriePath,
        /// The most that a node can have, in octets.
        limit: usize,
        /// The node's octets.
        got: usize,
    },
    /// A node is not RLP, or not of a node's shape.
    #[error("the node at {path} cannot be decoded: {source}")]
    Rlp {
        /// Where in the trie.
        path: TriePath,
        /// What the decoder says.
        source: alloy_rlp::Error,
    },
    /// A node that no trie of hashed keys has.
    #[error("the node at {path} is malformed: {why}")]
    Malformed {
        /// Where in the trie.
        path: TriePath,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The value is proven, but is not what belongs there.
    #[error("the proven value is not {wanted}: {source}")]
    Value {
        /// What belongs there.
        wanted: &'static str,
        /// What the decoder says.
        source: alloy_rlp::Error,
    },
}

#[cfg(test)]
mod tests {
    use callseal_testvectors::trie::Trie;

    use super::*;

    /// A list of items that are RLP already.
    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        let body = items.concat();
        let mut list = Vec::new();
        let header = alloy_rlp::Header {
            list: true,
            payload_length: body.len(),
        };
        header.encode(&mut list);
        [list, body].concat()
    }

    fn string(octets: &[u8]) -> Vec<u8> {
        alloy_rlp::encode(octets)
    }

    /// A branch with one child besides a neighbour, so that it could stand in a trie.
    fn branch(nibble: usize, child: Vec<u8>) -> Vec<u8> {
        let mut items = vec![string(&[]); 17];
        items[(nibble + 1) % 16] = string(&[0x77; 32]);
        items[nibble] = child;
        list(&items)
    }

    /// What a proof of one node says, when its own hash is trusted.
    fn alone(key: B256, node: Vec<u8>) -> Result<Option<Vec<u8>>, ProofError> {
        walk(keccak256(&node), key, &[node])
    }

    fn why(key: B256, node: Vec<u8>) -> &'static str {
        match alone(key, node) {
            Err(ProofError::Malformed { why, .. }) => why,
            other => panic!("to be malformed: {other:?}"),
        }
    }

    #[test]
    fn nodes_that_no_trie_of_hashes_has_are_malformed() {
        let key = B256::repeat_byte(0x12);
        let leaf = |path: &[u8], value: &[u8]| list(&[string(path), string(value)]);
        let whole = [&[0x20], &key[..]].concat();
        assert_eq!(alone(key, leaf(&whole, &[5])), Ok(Some(vec![5])));

        let another_length = "a leaf that does not end where the key does";
        assert_eq!(why(key, leaf(&whole[..32], &[5])), another_length);
        assert_eq!(why(key, leaf(&[0x20], &[5])), another_length);
        assert_eq!(why(key, leaf(&whole, &[])), "a leaf without a value");
        let extension = |path: &[u8]| list(&[string(path), string(&[0x77; 32])]);
        assert_eq!(why(key, extension(&[0x00])), "an extension over no nibble");
        let to_nothing = list(&[string(&[0x00, 0x12]), string(&[])]);
        assert_eq!(why(key, to_nothing), "an empty node");

        let not_canonical = "not in canonical form";
        let mut stray_nibble = whole.clone();
        stray_nibble[0] = 0x25;
        assert_eq!(why(key, leaf(&stray_nibble, &[5])), not_canonical);
        assert_eq!(
            why(key, [leaf(&whole, &[5]), vec![0]].concat()),
            not_canonical
        );

        // A list of 32 octets, which would be named by its hash.
        let long = list(&[string(&[0x3a; 20]), string(&[5; 9])]);
        assert_eq!(long.len(), 32);
        let in_place = "a child in place that is not shorter than a hash";
        assert_eq!(why(key, branch(1, long)), in_place);
        for child in [string(&[0x77; 30]), vec![0x05], vec![0xc0]] {
            assert!(matches!(
                alone(key, branch(1, child)),
                Err(ProofError::Rlp { .. })
            ));
        }

        let mut with_value = vec![string(&[]); 17];
        with_value[16] = string(&[5]);
        for node in [
            list(&with_value),
            list(&with_value[..16]),
            list(&[]),
            string(&[5]),
            Vec::new(),
        ] {
            assert!(matches!(alone(key, node), Err(ProofError::Rlp { .. })));
        }
    }

    #[test]
    fn a_way_longer_than_the_key_is_malformed() {
        let key = B256::ZERO;
        // All 64 nibbles are walked, and there is still a branch.
        let below = branch(0, string(&[0x77; 32]));
        let above = list(&[string(&[0; 33]), string(&keccak256(&below)[..])]);
        let refusal = walk(keccak256(&above), key, &[above, below]);
        let Err(ProofError::Malformed { path, why }) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(
            (path.depth(), why),
            (64, "a branch below the end of the key")
        );
    }

    #[test]
    fn an_extension_that_leads_elsewhere_shows_an_absence() {
        let key = B256::repeat_byte(0x12);
        let extension = list(&[string(&[0x00, 0x34]), string(&[0x77; 32])]);
        assert_eq!(alone(key, extension), Ok(None));
        let extension = list(&[string(&[0x00, 0x12]), string(&[0x77; 32])]);
        let refusal = alone(key, extension);
        let Err(ProofError::Truncated { path, expected }) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(
            (path.to_string(), expected),
            ("path 12".into(), B256::repeat_byte(0x77))
        );
    }

    #[test]
    fn children_in_place_are_followed() {
        // Keys that part only near their ends have leaves too short for a hash.
        let key = |last: u8| {
            let mut key = B256::repeat_byte(0xab);
            key[31] = last;
            key
        };
        let lasts = [0x00, 0x01, 0x10, 0x11];
        let trie = Trie::of(lasts.map(|last| (key(last).to_vec(), vec![last + 1])));
        for last in [0x00, 0x01, 0x10, 0x11, 0x02, 0x20] {
            let proof = trie.prove(&key(last).0);
            let value = lasts.contains(&last).then(|| vec![last + 1]);
            assert_eq!(walk(trie.root().into(), key(last), &proof), Ok(value));
        }
    }
}
