//! A record with everything that proves it, for somebody who asks no node.

use core::time::Duration;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};

use crate::light::ssz::{self, Shape, SszError};
use crate::light::{Anchor, AnchorError, Fork, Network, Store, Update, UpdateError, prove_update};
use crate::registry::{Answer, LookUpError, Registry, RegistryConfig};
use crate::transport::{RawProof, Transport, TransportError};
use crate::verified::Verified;

/// What a subscriber hands over with its key: a finality update, the final block's header, and the proofs of its
/// own record. Who follows the same network's committees needs nothing else.
///
/// Committees are not part of it: one of the main network's has 512 keys, 24 KiB, and whoever keeps a light client
/// knows the two that can have signed.
///
/// ```
/// use callseal_devchain::{DevBeacon, DevChain};
/// use callseal_registry_client::light::LightClient;
/// use callseal_registry_client::{Evidence, RawProof};
///
/// let chain = DevChain::new(1);
/// let beacon = DevBeacon::new(&chain)?;
/// let checkpoint = beacon.finalize();
/// let (client, _) = LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], beacon.now())?;
/// assert!(Evidence::decode(&[1, 2, 3], client.store().network()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Shows which block is final.
    pub finality_update: Update,
    /// That block's header on the execution chain.
    pub header: Header,
    /// Proofs of the registry's account and of the record's slots.
    pub proof: RawProof,
}

/// The longest evidence, in octets.
pub const MAX_EVIDENCE_LEN: usize = 16 * 1024;

impl Evidence {
    /// Writes it, in at most [`MAX_EVIDENCE_LEN`] octets.
    ///
    /// The format, 2; the number of the fork whose shape the update has; then, each with its length before it in two
    /// octets, most significant first: the update in SSZ, the header in RLP; then one octet with the number of
    /// proofs, the account's first. Each proof is one octet with how many nodes it begins with that the proof before
    /// it begins with too, one with the number of the others, and those, each with its length.
    ///
    /// # Errors
    ///
    /// [`EvidenceError::TooLong`] when it does not fit.
    pub fn encode(&self, network: &Network) -> Result<Vec<u8>, EvidenceError> {
        let fork = network.fork_of(self.finality_update.attested_header.beacon.slot);
        let shape = Shape {
            fork,
            preset: network.preset(),
        };
        let mut octets = vec![FORMAT, fork as u8];
        append(
            &mut octets,
            &ssz::finality_update_octets(&self.finality_update, shape),
        )?;
        append(&mut octets, &alloy_rlp::encode(&self.header))?;
        octets.push(count(1 + self.proof.slots.len())?);
        let mut before = &Vec::new();
        for nodes in [&self.proof.account].into_iter().chain(&self.proof.slots) {
            let pairs = before.iter().zip(nodes);
            let shared = pairs.take_while(|(one, other)| one == other).count();
            octets.push(count(shared)?);
            octets.push(count(nodes.len() - shared)?);
            for node in nodes.iter().skip(shared) {
                append(&mut octets, node)?;
            }
            before = nodes;
        }
        match octets.len() <= MAX_EVIDENCE_LEN {
            true => Ok(octets),
            false => Err(EvidenceError::TooLong { len: octets.len() }),
        }
    }

    /// Reads it. Nothing in it is believed yet.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`] when the octets are none, or others than [`encode`](Self::encode) writes.
    pub fn decode(octets: &[u8], network: &Network) -> Result<Self, EvidenceError> {
        if octets.len() > MAX_EVIDENCE_LEN {
            return Err(EvidenceError::TooLong { len: octets.len() });
        }
        let mut reader = Reader(octets);
        if reader.octet()? != FORMAT {
            return Err(EvidenceError::Malformed);
        }
        let fork = usize::from(reader.octet()?);
        let shape = Shape {
            fork: *Fork::ALL.get(fork).ok_or(EvidenceError::Malformed)?,
            preset: network.preset(),
        };
        let finality_update = ssz::finality_update(reader.piece()?, shape)?;
        let header =
            alloy_rlp::decode_exact(reader.piece()?).map_err(|_| EvidenceError::Malformed)?;
        let mut proofs: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut nodes_len = 0_usize;
        for _ in 0..reader.octet()? {
            let shared = usize::from(reader.octet()?);
            let before = proofs.last().map_or(&[][..], Vec::as_slice);
            let mut nodes = before
                .get(..shared)
                .ok_or(EvidenceError::Malformed)?
                .to_vec();
            for _ in 0..reader.octet()? {
                nodes.push(reader.piece()?.to_vec());
            }
            // What is shared costs nothing on the way and something here.
            nodes_len += nodes.iter().map(Vec::len).sum::<usize>();
            if nodes_len > MAX_NODES_LEN {
                return Err(EvidenceError::Malformed);
            }
            proofs.push(nodes);
        }
        if proofs.is_empty() || !reader.0.is_empty() {
            return Err(EvidenceError::Malformed);
        }
        let account = proofs.remove(0);
        let evidence = Self {
            finality_update,
            header,
            proof: RawProof {
                account,
                slots: proofs,
            },
        };
        match evidence.encode(network)? == octets {
            true => Ok(evidence),
            false => Err(EvidenceError::Malformed),
        }
    }

    /// Proves what the registry holds for `number`, by what `store` knows, at `now` (Unix time in seconds).
    ///
    /// The final header may be older than the store's own. All of the update is verified, whatever the store knows
    /// already; the committee's signature, which costs most, comes last.
    ///
    /// # Errors
    ///
    /// [`EvidenceError`] names what is wrong.
    pub fn verify(
        self,
        store: &Store,
        config: RegistryConfig,
        number: &str,
        now: u64,
        max_age: Duration,
    ) -> Result<Verified<Answer>, EvidenceError> {
        self.check(store, config, number, now, max_age, Signatures::Unverified)
    }

    pub(crate) fn check(
        self,
        store: &Store,
        config: RegistryConfig,
        number: &str,
        now: u64,
        max_age: Duration,
        signatures: Signatures,
    ) -> Result<Verified<Answer>, EvidenceError> {
        let finalized = self
            .finality_update
            .finalized_header
            .as_ref()
            .map(|finalized| &finalized.value)
            .ok_or(EvidenceError::NothingFinal)?;
        let anchor = Anchor::of_header(store.network(), finalized, now, max_age)?;
        let node = Stapled {
            header: self.header,
            proof: self.proof,
        };
        let mut registry = Registry::new(config, anchor.block_hash(), node);
        registry.trust_anchor(&anchor);
        let answer = registry.look_up_gathered(number)?;
        if signatures == Signatures::Unverified {
            prove_update(store, &self.finality_update, now)?;
        }
        Ok(answer)
    }
}

/// Names an update: SHA-256 over it, in its own shape.
pub(crate) fn update_digest(update: &Update, network: &Network) -> B256 {
    let shape = Shape {
        fork: network.fork_of(update.attested_header.beacon.slot),
        preset: network.preset(),
    };
    ethereum_hashing::hash_fixed(&ssz::finality_update_octets(update, shape)).into()
}

/// Whether the very same update was verified before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signatures {
    Unverified,
    Verified,
}

/// Why evidence proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It is longer than anybody takes.
    #[error("the evidence is {len} octets long, {MAX_EVIDENCE_LEN} are allowed")]
    TooLong {
        /// Its length, in octets.
        len: usize,
    },
    /// It is not of the form.
    #[error("the evidence is malformed")]
    Malformed,
    /// Its update is not of the form.
    #[error("the evidence's finality update: {0}")]
    Ssz(#[from] SszError),
    /// Its update names no final header.
    #[error("the evidence's finality update shows nothing to be final")]
    NothingFinal,
    /// Its update is not signed by the committees that are known, or contradicts itself.
    #[error("the evidence's finality update: {0}")]
    Update(#[from] UpdateError),
    /// Its block is too old, or there is none.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// Its header or its proofs are not what they should be.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
}

const FORMAT: u8 = 2;

/// The most that the nodes of all proofs take once they are apart, in octets.
const MAX_NODES_LEN: usize = 4 * MAX_EVIDENCE_LEN;

/// The one who handed the evidence over, as a node that can say one thing.
struct Stapled {
    header: Header,
    proof: RawProof,
}

impl Transport for Stapled {
    fn header(&mut self, _: B256) -> Result<Header, TransportError> {
        Ok(self.header.clone())
    }

    fn proof(&mut self, _: Address, _: &[B256], _: B256) -> Result<RawProof, TransportError> {
        Ok(self.proof.clone())
    }
}

fn append(octets: &mut Vec<u8>, piece: &[u8]) -> Result<(), EvidenceError> {
    let len =
        u16::try_from(piece.len()).map_err(|_| EvidenceError::TooLong { len: piece.len() })?;
    octets.extend(len.to_be_bytes());
    octets.extend(piece);
    Ok(())
}

fn count(len: usize) -> Result<u8, EvidenceError> {
    u8::try_from(len).map_err(|_| EvidenceError::Malformed)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn octet(&mut self) -> Result<u8, EvidenceError> {
        let (octet, rest) = self.0.split_first().ok_or(EvidenceError::Malformed)?;
        self.0 = rest;
        Ok(*octet)
    }

    fn piece(&mut self) -> Result<&'a [u8], EvidenceError> {
        let (len, rest) = self.0.split_first_chunk().ok_or(EvidenceError::Malformed)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (piece, rest) = rest.split_at_checked(len).ok_or(EvidenceError::Malformed)?;
        self.0 = rest;
        Ok(piece)
    }
}
