//! Light-client objects in SSZ.
//!
//! A container's shape depends on the fork that it was made for and on the network's preset; both are given,
//! since the octets do not say.

use alloy_primitives::{Address, B256, Bloom, Bytes, U256};
use ssz::{Decode, DecodeError, Encode, SszDecoder, SszDecoderBuilder, SszEncoder};

use crate::light::committee::{KeyOctets, SignatureOctets, SyncAggregate, SyncCommittee};
use crate::light::fork::Fork;
use crate::light::header::{
    BeaconHeader, EXECUTION_DEPTH, ExecutionHeader, LightHeader, MAX_EXTRA_DATA_LEN,
};
use crate::light::objects::{Bootstrap, Update, WithBranch, present};
use crate::light::preset::Preset;

/// The shape of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The fork that they were made for.
    pub fork: Fork,
    /// The network's sizes.
    pub preset: Preset,
}

/// Reads a `LightClientBootstrap`.
///
/// # Errors
///
/// [`SszError`] when the octets are none of this shape.
pub fn bootstrap(octets: &[u8], shape: Shape) -> Result<Bootstrap, SszError> {
    shape.check()?;
    let committee_depth = depth(shape.fork.current_committee_gindex());
    let mut container = SszDecoderBuilder::new(octets);
    shape.expect_header(&mut container)?;
    container.register_type_parameterized(true, shape.committee_len())?;
    container.register_type_parameterized(true, 32 * committee_depth)?;
    let mut fields = container.build()?;
    Ok(Bootstrap {
        header: fields.decode_next_with(|octets| header(octets, shape.fork))?,
        current_sync_committee: WithBranch {
            value: fields.decode_next_with(committee)?,
            branch: fields.decode_next_with(branch)?,
        },
    })
}

/// Reads a `LightClientUpdate`.
///
/// # Errors
///
/// [`SszError`] when the octets are none of this shape.
pub fn update(octets: &[u8], shape: Shape) -> Result<Update, SszError> {
    shape.check()?;
    let mut container = SszDecoderBuilder::new(octets);
    shape.expect_header(&mut container)?;
    container.register_type_parameterized(true, shape.committee_len())?;
    container.register_type_parameterized(true, 32 * depth(shape.fork.next_committee_gindex()))?;
    shape.expect_finality(&mut container)?;
    let mut fields = container.build()?;
    let attested_header = fields.decode_next_with(|octets| header(octets, shape.fork))?;
    let next = fields.decode_next_with(committee)?;
    let next_branch = fields.decode_next_with(branch)?;
    let is_blank = next.is_blank();
    finish(
        fields,
        shape,
        attested_header,
        present(next, next_branch, is_blank),
    )
}

/// Reads a `LightClientFinalityUpdate`.
///
/// # Errors
///
/// [`SszError`] when the octets are none of this shape.
pub fn finality_update(octets: &[u8], shape: Shape) -> Result<Update, SszError> {
    shape.check()?;
    let mut container = SszDecoderBuilder::new(octets);
    shape.expect_header(&mut container)?;
    shape.expect_finality(&mut container)?;
    let mut fields = container.build()?;
    let attested_header = fields.decode_next_with(|octets| header(octets, shape.fork))?;
    finish(fields, shape, attested_header, None)
}

/// Writes a `LightClientBootstrap`. Fields that the shape lacks are left out, branches are padded or cut to it.
#[must_use]
pub fn bootstrap_octets(bootstrap: &Bootstrap, shape: Shape) -> Vec<u8> {
    let committee_depth = depth(shape.fork.current_committee_gindex());
    let mut octets = Vec::new();
    let fixed_len = shape.header_fixed_len() + shape.committee_len() + 32 * committee_depth;
    let mut container = SszEncoder::container(&mut octets, fixed_len);
    append_header(&mut container, &bootstrap.header, shape);
    let WithBranch { value, branch } = &bootstrap.current_sync_committee;
    append_committee(&mut container, value);
    append_branch(&mut container, branch, committee_depth);
    container.finalize();
    octets
}

/// Writes a `LightClientUpdate`, as [`bootstrap_octets`] does.
#[must_use]
pub fn update_octets(update: &Update, shape: Shape) -> Vec<u8> {
    let next_depth = depth(shape.fork.next_committee_gindex());
    let mut octets = Vec::new();
    let fixed_len = shape.header_fixed_len()
        + shape.committee_len()
        + 32 * next_depth
        + shape.finality_fixed_len();
    let mut container = SszEncoder::container(&mut octets, fixed_len);
    append_header(&mut container, &update.attested_header, shape);
    match &update.next_sync_committee {
        Some(WithBranch { value, branch }) => {
            append_committee(&mut container, value);
            append_branch(&mut container, branch, next_depth);
        }
        None => append_zeros(&mut container, shape.committee_len() + 32 * next_depth),
    }
    append_finality(&mut container, update, shape);
    container.finalize();
    octets
}

/// Writes a `LightClientFinalityUpdate`, as [`bootstrap_octets`] does; a committee is left out.
#[must_use]
pub fn finality_update_octets(update: &Update, shape: Shape) -> Vec<u8> {
    let mut octets = Vec::new();
    let fixed_len = shape.header_fixed_len() + shape.finality_fixed_len();
    let mut container = SszEncoder::container(&mut octets, fixed_len);
    append_header(&mut container, &update.attested_header, shape);
    append_finality(&mut container, update, shape);
    container.finalize();
    octets
}

/// Why octets are not the object that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SszError {
    /// Objects of this fork are not known here.
    #[error("objects of the fork {0} are not supported")]
    Fork(Fork),
    /// The octets do not have the shape.
    #[error("not the expected SSZ: {0}")]
    Shape(String),
}

impl From<DecodeError> for SszError {
    fn from(error: DecodeError) -> Self {
        Self::Shape(format!("{error:?}"))
    }
}

impl Shape {
    fn check(self) -> Result<(), SszError> {
        match self.fork.is_supported() {
            true => Ok(()),
            false => Err(SszError::Fork(self.fork)),
        }
    }

    fn header_is_fixed(self) -> bool {
        self.fork < Fork::Capella
    }

    fn header_fixed_len(self) -> usize {
        match self.header_is_fixed() {
            true => BEACON_HEADER_LEN,
            false => ssz::BYTES_PER_LENGTH_OFFSET,
        }
    }

    fn committee_len(self) -> usize {
        (self.preset.committee_size() + 1) * KEY_LEN
    }

    fn bits_len(self) -> usize {
        self.preset.committee_size() / 8
    }

    fn finality_fixed_len(self) -> usize {
        self.header_fixed_len()
            + 32 * depth(self.fork.finalized_root_gindex())
            + self.bits_len()
            + SIGNATURE_LEN
            + 8
    }

    fn expect_header(self, container: &mut SszDecoderBuilder<'_>) -> Result<(), DecodeError> {
        container.register_type_parameterized(self.header_is_fixed(), self.header_fixed_len())
    }

    /// The fields that both kinds of update end with.
    fn expect_finality(self, container: &mut SszDecoderBuilder<'_>) -> Result<(), DecodeError> {
        self.expect_header(container)?;
        container
            .register_type_parameterized(true, 32 * depth(self.fork.finalized_root_gindex()))?;
        container.register_type_parameterized(true, self.bits_len() + SIGNATURE_LEN)?;
        container.register_type::<u64>()
    }
}

const BEACON_HEADER_LEN: usize = 8 + 8 + 3 * 32;
const KEY_LEN: usize = size_of::<KeyOctets>();
const SIGNATURE_LEN: usize = size_of::<SignatureOctets>();

fn depth(gindex: u64) -> usize {
    gindex.ilog2() as usize
}

fn finish(
    mut fields: SszDecoder<'_>,
    shape: Shape,
    attested_header: LightHeader,
    next_sync_committee: Option<WithBranch<SyncCommittee>>,
) -> Result<Update, SszError> {
    let finalized = fields.decode_next_with(|octets| header(octets, shape.fork))?;
    let finality_branch = fields.decode_next_with(branch)?;
    let is_blank = finalized == LightHeader::default();
    Ok(Update {
        attested_header,
        next_sync_committee,
        finalized_header: present(finalized, finality_branch, is_blank),
        sync_aggregate: fields.decode_next_with(aggregate)?,
        signature_slot: fields.decode_next()?,
    })
}

fn header(octets: &[u8], fork: Fork) -> Result<LightHeader, DecodeError> {
    if fork < Fork::Capella {
        return Ok(LightHeader {
            beacon: beacon_header(octets)?,
            ..LightHeader::default()
        });
    }
    let mut container = SszDecoderBuilder::new(octets);
    container.register_type_parameterized(true, BEACON_HEADER_LEN)?;
    container.register_anonymous_variable_length_item()?;
    container.register_type_parameterized(true, 32 * EXECUTION_DEPTH)?;
    let mut fields = container.build()?;
    let beacon = fields.decode_next_with(beacon_header)?;
    let execution = fields.decode_next_with(|octets| execution_header(octets, fork))?;
    let nodes = fields.decode_next_with(branch)?;
    Ok(LightHeader {
        beacon,
        execution,
        execution_branch: nodes.try_into().map_err(|_| wrong("execution_branch"))?,
    })
}

fn beacon_header(octets: &[u8]) -> Result<BeaconHeader, DecodeError> {
    let (slot, proposer_index, parent_root, state_root, body_root) =
        <(u64, u64, B256, B256, B256)>::from_ssz_bytes(octets)?;
    Ok(BeaconHeader {
        slot,
        proposer_index,
        parent_root,
        state_root,
        body_root,
    })
}

fn execution_header(octets: &[u8], fork: Fork) -> Result<ExecutionHeader, DecodeError> {
    let has_blobs = fork >= Fork::Deneb;
    let mut container = SszDecoderBuilder::new(octets);
    container.register_type::<B256>()?;
    container.register_type::<Address>()?;
    container.register_type::<B256>()?;
    container.register_type::<B256>()?;
    container.register_type::<Bloom>()?;
    container.register_type::<B256>()?;
    for _ in 0..4 {
        container.register_type::<u64>()?;
    }
    container.register_type::<Bytes>()?;
    container.register_type::<U256>()?;
    for _ in 0..3 {
        container.register_type::<B256>()?;
    }
    if has_blobs {
        container.register_type::<u64>()?;
        container.register_type::<u64>()?;
    }
    let mut fields = container.build()?;
    Ok(ExecutionHeader {
        parent_hash: fields.decode_next()?,
        fee_recipient: fields.decode_next()?,
        state_root: fields.decode_next()?,
        receipts_root: fields.decode_next()?,
        logs_bloom: fields.decode_next()?,
        prev_randao: fields.decode_next()?,
        block_number: fields.decode_next()?,
        gas_limit: fields.decode_next()?,
        gas_used: fields.decode_next()?,
        timestamp: fields.decode_next()?,
        extra_data: fields.decode_next_with(extra_data)?,
        base_fee_per_gas: fields.decode_next()?,
        block_hash: fields.decode_next()?,
        transactions_root: fields.decode_next()?,
        withdrawals_root: fields.decode_next()?,
        blob_gas_used: if has_blobs { fields.decode_next()? } else { 0 },
        excess_blob_gas: if has_blobs { fields.decode_next()? } else { 0 },
    })
}

fn extra_data(octets: &[u8]) -> Result<Bytes, DecodeError> {
    match octets.len() <= MAX_EXTRA_DATA_LEN {
        true => Ok(Bytes::copy_from_slice(octets)),
        false => Err(wrong("extra_data")),
    }
}

pub(crate) fn committee(octets: &[u8]) -> Result<SyncCommittee, DecodeError> {
    let (keys, rest) = octets.as_chunks::<KEY_LEN>();
    match (keys.split_last(), rest) {
        (Some((aggregate_pubkey, pubkeys)), []) => Ok(SyncCommittee {
            pubkeys: pubkeys.to_vec(),
            aggregate_pubkey: *aggregate_pubkey,
        }),
        _ => Err(wrong("sync_committee")),
    }
}

fn branch(octets: &[u8]) -> Result<Vec<B256>, DecodeError> {
    let (nodes, rest) = octets.as_chunks::<32>();
    match rest {
        [] => Ok(nodes.iter().map(B256::from).collect()),
        _ => Err(wrong("branch")),
    }
}

fn aggregate(octets: &[u8]) -> Result<SyncAggregate, DecodeError> {
    let (bits, signature) = octets
        .split_last_chunk::<SIGNATURE_LEN>()
        .ok_or_else(|| wrong("sync_aggregate"))?;
    Ok(SyncAggregate {
        sync_committee_bits: bits.to_vec(),
        sync_committee_signature: *signature,
    })
}

fn wrong(field: &str) -> DecodeError {
    DecodeError::BytesInvalid(field.to_owned())
}

fn append_header(container: &mut SszEncoder<'_>, header: &LightHeader, shape: Shape) {
    let octets = header_octets(header, shape.fork);
    container.append_parameterized(shape.header_is_fixed(), |buf| buf.extend(&octets));
}

/// A `LightClientHeader` of this fork.
pub(crate) fn header_octets(header: &LightHeader, fork: Fork) -> Vec<u8> {
    let BeaconHeader {
        slot,
        proposer_index,
        parent_root,
        state_root,
        body_root,
    } = header.beacon;
    let beacon = (slot, proposer_index, parent_root, state_root, body_root).as_ssz_bytes();
    if fork < Fork::Capella {
        return beacon;
    }
    let mut octets = Vec::new();
    let fixed_len = BEACON_HEADER_LEN + ssz::BYTES_PER_LENGTH_OFFSET + 32 * EXECUTION_DEPTH;
    let mut container = SszEncoder::container(&mut octets, fixed_len);
    container.append_parameterized(true, |buf| buf.extend(&beacon));
    let execution = execution_octets(&header.execution, fork);
    container.append_parameterized(false, |buf| buf.extend(&execution));
    append_branch(&mut container, &header.execution_branch, EXECUTION_DEPTH);
    container.finalize();
    octets
}

/// Reads a `LightClientHeader` of this fork.
pub(crate) fn header_from(octets: &[u8], fork: Fork) -> Result<LightHeader, SszError> {
    Ok(header(octets, fork)?)
}

fn execution_octets(header: &ExecutionHeader, fork: Fork) -> Vec<u8> {
    let has_blobs = fork >= Fork::Deneb;
    let fixed_len = 7 * 32 + 20 + 256 + 4 * 8 + ssz::BYTES_PER_LENGTH_OFFSET + 32;
    let mut octets = Vec::new();
    let blobs_len = if has_blobs { 16 } else { 0 };
    let mut container = SszEncoder::container(&mut octets, fixed_len + blobs_len);
    container.append(&header.parent_hash);
    container.append(&header.fee_recipient);
    container.append(&header.state_root);
    container.append(&header.receipts_root);
    container.append(&header.logs_bloom);
    container.append(&header.prev_randao);
    container.append(&header.block_number);
    container.append(&header.gas_limit);
    container.append(&header.gas_used);
    container.append(&header.timestamp);
    container.append(&header.extra_data);
    container.append(&header.base_fee_per_gas);
    container.append(&header.block_hash);
    container.append(&header.transactions_root);
    container.append(&header.withdrawals_root);
    if has_blobs {
        container.append(&header.blob_gas_used);
        container.append(&header.excess_blob_gas);
    }
    container.finalize();
    octets
}

fn append_committee(container: &mut SszEncoder<'_>, committee: &SyncCommittee) {
    container.append_parameterized(true, |buf| buf.extend(committee_octets(committee)));
}

pub(crate) fn committee_octets(committee: &SyncCommittee) -> Vec<u8> {
    let keys = committee
        .pubkeys
        .iter()
        .chain([&committee.aggregate_pubkey]);
    keys.flatten().copied().collect()
}

/// The newest `depth` nodes: what is cut off, or put before, is padding.
fn append_branch(container: &mut SszEncoder<'_>, branch: &[B256], depth: usize) {
    let missing = depth.saturating_sub(branch.len());
    append_zeros(container, 32 * missing);
    for node in &branch[branch.len().saturating_sub(depth)..] {
        container.append(node);
    }
}

fn append_zeros(container: &mut SszEncoder<'_>, len: usize) {
    container.append_parameterized(true, |buf| buf.resize(buf.len() + len, 0));
}

fn append_finality(container: &mut SszEncoder<'_>, update: &Update, shape: Shape) {
    let depth = depth(shape.fork.finalized_root_gindex());
    match &update.finalized_header {
        Some(WithBranch { value, branch }) => {
            append_header(container, value, shape);
            append_branch(container, branch, depth);
        }
        None => {
            append_header(container, &LightHeader::default(), shape);
            append_zeros(container, 32 * depth);
        }
    }
    let SyncAggregate {
        sync_committee_bits,
        sync_committee_signature,
    } = &update.sync_aggregate;
    container.append_parameterized(true, |buf| {
        buf.extend(sync_committee_bits);
        buf.extend(sync_committee_signature);
    });
    container.append(&update.signature_slot);
}
