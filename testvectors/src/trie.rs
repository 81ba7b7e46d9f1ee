//! A Merkle-Patricia trie written from the Yellow Paper alone (appendices B, C and D): slow, and a judge of
//! faster ones, with which it shares no code. It builds whole tries, proves keys in them and walks proofs.
//!
//! ```
//! use callseal_testvectors::trie::{Trie, walk};
//!
//! let trie = Trie::of([(b"horse".to_vec(), b"stallion".to_vec()), (b"house".to_vec(), b"brick".to_vec())]);
//! let proof = trie.prove(b"horse");
//! assert_eq!(walk(trie.root(), b"horse", &proof), Ok(Some(b"stallion".to_vec())));
//! assert_eq!(walk(trie.root(), b"hound", &trie.prove(b"hound")), Ok(None));
//! assert!(walk(trie.root(), b"hound", &proof[..1]).is_err());
//! ```

use std::collections::BTreeMap;

/// The block that [`DEVNET_PROOF`] is for, as `eth_getBlockByNumber` answered. See `ethereum/README.md`.
pub const DEVNET_BLOCK: &str = include_str!("../ethereum/devnet/block_at_finalized.json");

/// An account with two slots of its storage, as `eth_getProof` of another execution client answered.
pub const DEVNET_PROOF: &str = include_str!("../ethereum/devnet/proof_at_finalized.json");

/// A trie as what it means: a map from keys to values, neither of which may be empty.
#[derive(Clone, Debug, Default)]
pub struct Trie {
    /// By path, one nibble an octet.
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Trie {
    /// The trie of these keys and values; a later value of a key replaces an earlier one, an empty one removes it.
    pub fn of(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut trie = Self::default();
        for (key, value) in pairs {
            if value.is_empty() {
                trie.entries.remove(&nibbles(&key));
            } else {
                trie.entries.insert(nibbles(&key), value);
            }
        }
        trie
    }

    /// The trie of these keys' hashes: Ethereum's "secure" trie.
    pub fn of_hashed(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        Self::of(
            pairs
                .into_iter()
                .map(|(key, value)| (keccak256(&key).to_vec(), value)),
        )
    }

    /// The root hash: of the root node, however short it is.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        keccak256(&self.structure(&[], &mut None))
    }

    /// The nodes on the way to a key that a proof has to hold: those that are named by hash.
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let mut seen = Some(Proof {
            key: nibbles(key),
            nodes: Vec::new(),
        });
        let root = self.structure(&[], &mut seen);
        let mut nodes = seen.map(|proof| proof.nodes).unwrap_or_default();
        // The walk down meets the children first.
        nodes.push(root);
        nodes.reverse();
        nodes
    }

    /// The function c of appendix D: the node for all the keys that begin with `prefix`.
    fn structure(&self, prefix: &[u8], seen: &mut Option<Proof>) -> Vec<u8> {
        let below: Vec<_> = self
            .entries
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .collect();
        let (Some((first, value)), Some((last, _))) = (below.first(), below.last()) else {
            return rlp_string(&[]);
        };
        if below.len() == 1 {
            return rlp_list(&[
                rlp_string(&hex_prefix(&first[prefix.len()..], true)),
                rlp_string(value),
            ]);
        }
        // The map is sorted: what its ends share, all share.
        let shared = first
            .iter()
            .zip(last.iter())
            .take_while(|(a, b)| a == b)
            .count();
        if shared > prefix.len() {
            let child = self.reference(&first[..shared], seen);
            return rlp_list(&[
                rlp_string(&hex_prefix(&first[prefix.len()..shared], false)),
                child,
            ]);
        }
        let mut items: Vec<_> = (0..16)
            .map(|nibble| self.reference(&[prefix, &[nibble]].concat(), seen))
            .collect();
        items.push(rlp_string(
            self.entries.get(prefix).map_or(&[], |value| value),
        ));
        rlp_list(&items)
    }

    /// The function n of appendix D: a child in place, or its hash if it is not shorter than one.
    fn reference(&self, prefix: &[u8], seen: &mut Option<Proof>) -> Vec<u8> {
        let node = self.structure(prefix, seen);
        if node.len() < 32 {
            return node;
        }
        let hash = rlp_string(&keccak256(&node));
        if let Some(proof) = seen
            && proof.key.starts_with(prefix)
        {
            proof.nodes.push(node);
        }
        hash
    }
}

/// Nodes collected on the way to a key, deepest first.
struct Proof {
    key: Vec<u8>,
    nodes: Vec<Vec<u8>>,
}

/// Follows a proof from `root` to `key`: its value, or `None` if the trie has no such key.
///
/// # Errors
///
/// A sentence on the first thing that is wrong with the proof. A proof has to hold exactly the nodes it needs.
pub fn walk(root: [u8; 32], key: &[u8], proof: &[Vec<u8>]) -> Result<Option<Vec<u8>>, String> {
    if proof.is_empty() && root == keccak256(&rlp_string(&[])) {
        return Ok(None);
    }
    let mut proof = proof.iter();
    let end = descend(&root, &nibbles(key), &mut proof)?;
    match proof.next() {
        None => Ok(end),
        Some(_) => Err("nodes after the end".into()),
    }
}

fn descend<'a>(
    hash: &[u8],
    way: &[u8],
    proof: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Option<Vec<u8>>, String> {
    let node = proof.next().ok_or("a node is missing")?;
    if keccak256(node)[..] != *hash {
        return Err("a node has another hash than its parent says".into());
    }
    follow(node, way, proof)
}

fn follow<'a>(
    node: &[u8],
    way: &[u8],
    proof: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Option<Vec<u8>>, String> {
    if node == rlp_string(&[]) {
        return Ok(None);
    }
    let (Item::List(mut body), []) = rlp_item(node)? else {
        return Err("a node is not a list and nothing else".into());
    };
    let mut items = Vec::new();
    while !body.is_empty() {
        let (_, rest) = rlp_item(body)?;
        items.push(&body[..body.len() - rest.len()]);
        body = rest;
    }
    match items[..] {
        [path, child] => {
            let (path, leaf) = hex_prefix_decode(rlp_bytes(path)?)?;
            if leaf {
                let value = rlp_bytes(child)?;
                if value.is_empty() {
                    return Err("a leaf without a value".into());
                }
                return Ok((path == way).then(|| value.to_vec()));
            }
            if path.is_empty() {
                return Err("an extension over nothing".into());
            }
            match way.strip_prefix(&path[..]) {
                Some(way) => enter(child, way, proof),
                None => Ok(None),
            }
        }
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, value] => match way {
            [] => Ok(Some(rlp_bytes(value)?.to_vec()).filter(|value| !value.is_empty())),
            [nibble, way @ ..] => enter(items[usize::from(*nibble)], way, proof),
        },
        _ => Err(format!("a node of {} items", items.len())),
    }
}

/// Goes on in a child, which is in place, or named by its hash, or not there.
fn enter<'a>(
    child: &[u8],
    way: &[u8],
    proof: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Option<Vec<u8>>, String> {
    match rlp_item(child)? {
        (Item::List(_), _) if child.len() < 32 => follow(child, way, proof),
        (Item::List(_), _) => Err("a child in place that is not shorter than a hash".into()),
        (Item::Bytes([]), _) => Ok(None),
        (Item::Bytes(hash), _) if hash.len() == 32 => descend(hash, way, proof),
        (Item::Bytes(_), _) => Err("a child that is neither a node nor a hash".into()),
    }
}

/// Keccak-256 as Ethereum uses it: `Keccak[512]` with the padding of the contest, not that of SHA-3.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    const RATE: usize = 136;

    let mut padded = bytes.to_vec();
    padded.push(1);
    padded.resize(padded.len().next_multiple_of(RATE), 0);
    let last = padded.len() - 1;
    padded[last] |= 0x80;

    // Lane (x, y) of the state is at x + 5 y.
    let mut state = [0_u64; 25];
    for block in padded.chunks(RATE) {
        for (lane, octets) in state.iter_mut().zip(block.chunks(8)) {
            *lane ^= octets
                .iter()
                .rev()
                .fold(0, |lane, octet| lane << 8 | u64::from(*octet));
        }
        keccak_f(&mut state);
    }
    let mut hash = [0; 32];
    for (octets, lane) in hash.chunks_mut(8).zip(state) {
        octets.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

/// Keccak-f[1600] (the Keccak reference, section 1.2).
fn keccak_f(state: &mut [u64; 25]) {
    // The round constants come out of a shift register over x⁸ + x⁶ + x⁵ + x⁴ + 1.
    let mut register = 1_u8;
    for _round in 0..24 {
        // θ
        let mut columns = [0_u64; 5];
        for (index, lane) in state.iter().enumerate() {
            columns[index % 5] ^= lane;
        }
        for (index, lane) in state.iter_mut().enumerate() {
            *lane ^= columns[(index + 4) % 5] ^ columns[(index + 1) % 5].rotate_left(1);
        }
        // ρ and π
        let (mut x, mut y) = (1, 0);
        let mut moved = state[1];
        for step in 0..24_u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let rotated = moved.rotate_left((step + 1) * (step + 2) / 2 % 64);
            moved = std::mem::replace(&mut state[x + 5 * y], rotated);
        }
        // χ
        for row in state.chunks_mut(5) {
            let old = [row[0], row[1], row[2], row[3], row[4]];
            for x in 0..5 {
                row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
            }
        }
        // ι
        for power in 0..7 {
            if register & 1 == 1 {
                state[0] ^= 1 << ((1_u32 << power) - 1);
            }
            register = register << 1 ^ if register & 0x80 == 0 { 0 } else { 0x71 };
        }
    }
}

fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .collect()
}

/// Appendix C.
fn hex_prefix(path: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 2 } else { 0 };
    let padded = if path.len() % 2 == 1 {
        [&[flag + 1], path].concat()
    } else {
        [&[flag, 0], path].concat()
    };
    padded
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn hex_prefix_decode(octets: &[u8]) -> Result<(Vec<u8>, bool), String> {
    let all = nibbles(octets);
    match all[..] {
        [flag @ (0 | 2), 0, ref path @ ..] => Ok((path.to_vec(), flag == 2)),
        [flag @ (1 | 3), ref path @ ..] => Ok((path.to_vec(), flag == 3)),
        _ => Err("a path without a proper prefix".into()),
    }
}

/// Appendix B.
fn rlp_string(octets: &[u8]) -> Vec<u8> {
    match octets {
        [single] if *single < 0x80 => vec![*single],
        _ => [rlp_head(0x80, octets.len()), octets.to_vec()].concat(),
    }
}

fn rlp_list(items: &[Vec<u8>]) -> Vec<u8> {
    let body = items.concat();
    [rlp_head(0xc0, body.len()), body].concat()
}

fn rlp_head(base: u8, len: usize) -> Vec<u8> {
    match u8::try_from(len) {
        Ok(short @ ..56) => vec![base + short],
        _ => {
            let octets = len.to_be_bytes();
            let significant = &octets[len.leading_zeros() as usize / 8..];
            [&[base + 55 + significant.len() as u8], significant].concat()
        }
    }
}

enum Item<'a> {
    Bytes(&'a [u8]),
    List(&'a [u8]),
}

/// The first item and what comes after it; only the shortest encoding of an item counts.
fn rlp_item(octets: &[u8]) -> Result<(Item<'_>, &[u8]), String> {
    let (&head, rest) = octets.split_first().ok_or("nothing to decode")?;
    let split = |octets: &'_ [u8], len: usize| -> Result<(usize, usize), String> {
        if octets.len() < len {
            Err("an item is cut short".into())
        } else {
            Ok((0, len))
        }
    };
    let long = |base: u8| -> Result<(usize, usize), String> {
        let width = usize::from(head - base);
        split(rest, width)?;
        if width > 8 || rest[0] == 0 {
            return Err("a length with leading zeros, or beyond reason".into());
        }
        let len = rest[..width]
            .iter()
            .fold(0_u64, |len, octet| len << 8 | u64::from(*octet));
        if len < 56 {
            return Err("a long form for a short item".into());
        }
        let len = usize::try_from(len).map_err(|error| error.to_string())?;
        split(&rest[width..], len)?;
        Ok((width, len))
    };
    match head {
        ..0x80 => Ok((Item::Bytes(&octets[..1]), rest)),
        0x80..0xb8 => {
            let (_, len) = split(rest, usize::from(head - 0x80))?;
            if len == 1 && rest[0] < 0x80 {
                return Err("a head for an octet that needs none".into());
            }
            Ok((Item::Bytes(&rest[..len]), &rest[len..]))
        }
        0xb8..0xc0 => {
            let (skip, len) = long(0xb7)?;
            Ok((Item::Bytes(&rest[skip..][..len]), &rest[skip + len..]))
        }
        0xc0..0xf8 => {
            let (_, len) = split(rest, usize::from(head - 0xc0))?;
            Ok((Item::List(&rest[..len]), &rest[len..]))
        }
        0xf8.. => {
            let (skip, len) = long(0xf7)?;
            Ok((Item::List(&rest[skip..][..len]), &rest[skip + len..]))
        }
    }
}

fn rlp_bytes(item: &[u8]) -> Result<&[u8], String> {
    match rlp_item(item)? {
        (Item::Bytes(octets), []) => Ok(octets),
        _ => Err("a list, or more than one item, where a string belongs".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_is_the_one_of_ethereum() {
        let hash = |bytes: &[u8]| hex::encode(keccak256(bytes));
        // Of nothing, of an error selector everybody knows, and of more than a block of exactly known length.
        assert_eq!(
            hash(b""),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert!(hash(b"transfer(address,uint256)").starts_with("a9059cbb"));
        for len in [135, 136, 137, 272] {
            assert_ne!(hash(&vec![0; len]), hash(&vec![0; len + 1]));
        }
    }

    #[test]
    fn the_empty_trie_has_the_yellow_papers_root() {
        let root = hex::encode(Trie::default().root());
        assert_eq!(
            root,
            "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
        );
        assert_eq!(walk(Trie::default().root(), b"anything", &[]), Ok(None));
        assert_eq!(
            walk(Trie::default().root(), b"anything", &[vec![0x80]]),
            Ok(None)
        );
        assert!(walk([7; 32], b"anything", &[]).is_err());
    }

    #[test]
    fn another_clients_state_is_walked_to_its_values() {
        let block: serde_json::Value = serde_json::from_str(DEVNET_BLOCK).unwrap();
        let proof: serde_json::Value = serde_json::from_str(DEVNET_PROOF).unwrap();
        let octets = |value: &serde_json::Value| {
            hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
        };
        let nodes = |value: &serde_json::Value| -> Vec<_> {
            value.as_array().unwrap().iter().map(octets).collect()
        };
        let word = |value: &serde_json::Value| <[u8; 32]>::try_from(octets(value)).unwrap();

        let (block, proof) = (&block["result"], &proof["result"]);
        let address = keccak256(&octets(&proof["address"]));
        let account = nodes(&proof["accountProof"]);
        let found = walk(word(&block["stateRoot"]), &address, &account)
            .unwrap()
            .unwrap();
        let storage_root = word(&proof["storageHash"]);
        assert!(found.windows(32).any(|window| window == storage_root));

        for slot in proof["storageProof"].as_array().unwrap() {
            let key = keccak256(&octets(&slot["key"]));
            let found = walk(storage_root, &key, &nodes(&slot["proof"]))
                .unwrap()
                .unwrap();
            assert_eq!(found, rlp_string(&octets(&slot["value"])));
        }
    }

    #[test]
    fn a_proof_needs_every_node_and_bears_no_other() {
        let pairs = (0..40_u8).map(|n| (vec![n], vec![n + 1; usize::from(n % 3) * 20 + 1]));
        let trie = Trie::of_hashed(pairs.clone());
        for (key, value) in pairs.chain([(vec![200], Vec::new())]) {
            let key = keccak256(&key);
            let proof = trie.prove(&key);
            let expected = Some(value).filter(|value| !value.is_empty());
            assert_eq!(walk(trie.root(), &key, &proof), Ok(expected));
            for kept in 0..proof.len() {
                assert!(walk(trie.root(), &key, &proof[..kept]).is_err());
            }
            let longer = [&proof[..], &[proof[0].clone()]].concat();
            assert!(walk(trie.root(), &key, &longer).is_err());
        }
    }

    #[test]
    fn values_in_branches_and_children_in_place_are_found() {
        let pairs = [
            (vec![0x12], vec![1]),
            (vec![0x12, 0x34], vec![2]),
            (vec![0x12, 0x44], vec![3]),
        ];
        let trie = Trie::of(pairs.clone());
        for (key, value) in pairs {
            assert_eq!(walk(trie.root(), &key, &trie.prove(&key)), Ok(Some(value)));
        }
        assert_eq!(walk(trie.root(), &[0x13], &trie.prove(&[0x13])), Ok(None));
    }
}
