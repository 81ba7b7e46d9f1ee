//! A block in the making.

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::transaction::SignableTransaction;
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Eip658Value, Header, ReceiptEnvelope, TxEip1559,
    TxEnvelope,
};
use alloy_eips::eip1559::BaseFeeParams;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, Signature, TxKind, U256};
use revm::context::result::{ExecutionResult, HaltReason, ResultAndState};
use revm::context::{BlockEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE;
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteEvm, MainBuilder, MainContext};

use crate::node::Pooled;
use crate::state::{View, World};
use crate::transaction::{Outcome, Receipt, SendError, Transaction};

/// The rules of execution and the shape of headers: those of the main network at the end of 2026.
const RULES: SpecId = SpecId::OSAKA;
/// The most gas a block may use; the main network's of that time.
const BLOCK_GAS: u64 = 60_000_000;
/// The most gas a transaction may use (EIP-7825).
const TRANSACTION_GAS: u64 = 1 << 24;
/// What block 0 charges for a unit of gas, in wei.
const FIRST_BASE_FEE: u64 = 1_000_000_000;

/// A block that stays.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) hash: B256,
    pub(crate) header: Header,
    pub(crate) world: World,
    pub(crate) receipts: Vec<Receipt>,
}

impl Block {
    pub(crate) fn genesis(world: World, timestamp: u64) -> Self {
        let header = Header {
            timestamp,
            state_root: world.root(),
            base_fee_per_gas: Some(FIRST_BASE_FEE),
            ..blank()
        };
        Self {
            hash: header.hash_slow(),
            header,
            world,
            receipts: Vec::new(),
        }
    }
}

/// A block that takes transactions.
pub(crate) struct Draft {
    chain_id: u64,
    header: Header,
    world: World,
    transactions: Vec<TxEnvelope>,
    envelopes: Vec<ReceiptEnvelope>,
    receipts: Vec<Receipt>,
}

/// What a draft makes of a transaction.
pub(crate) enum Run {
    /// It is in.
    Taken,
    /// It needs more gas than this block has left.
    NoRoom,
}

impl Draft {
    pub(crate) fn on(parent: &Block, chain_id: u64, timestamp: u64) -> Self {
        let base_fee = parent.header.next_block_base_fee(BaseFeeParams::ethereum());
        Self {
            chain_id,
            header: Header {
                parent_hash: parent.hash,
                number: parent.header.number + 1,
                timestamp,
                base_fee_per_gas: base_fee,
                ..blank()
            },
            world: parent.world.clone(),
            transactions: Vec::new(),
            envelopes: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// Executes a transaction on top of those before it.
    pub(crate) fn run(
        &mut self,
        transaction: &Transaction,
        hash_of: impl Fn(u64) -> Option<B256>,
    ) -> Result<Run, SendError> {
        let sender = self.world.account(transaction.from);
        let (nonce, balance) =
            sender.map_or((0, U256::ZERO), |sender| (sender.nonce, sender.balance));
        let base_fee = self.header.base_fee_per_gas.unwrap_or_default();
        // Nobody is asked for more gas than it can pay, so that small wallets can send too.
        let payable = balance.saturating_sub(transaction.value) / U256::from(base_fee.max(1));
        let wanted = TRANSACTION_GAS.min(payable.saturating_to());
        let left = BLOCK_GAS - self.header.gas_used;
        let gas_limit = wanted.min(left);
        let env = Env {
            gas_limit,
            gas_price: base_fee,
            tip: 0,
            nonce,
        };
        let ran = match execute(
            &self.world,
            self.chain_id,
            &self.header,
            transaction,
            env,
            hash_of,
        ) {
            // The block's end, not the sender's purse, has set the limit.
            Err(_) if gas_limit < wanted => return Ok(Run::NoRoom),
            ran => ran?,
        };
        let out_of_gas = matches!(
            ran.result,
            ExecutionResult::Halt {
                reason: HaltReason::OutOfGas(_),
                ..
            }
        );
        if out_of_gas && gas_limit < wanted {
            return Ok(Run::NoRoom);
        }
        self.world.commit(ran.state);
        let signed = envelope(self.chain_id, transaction, env);
        self.take(transaction, signed, ran.result);
        Ok(Run::Taken)
    }

    /// Executes a transaction exactly as it was signed.
    pub(crate) fn run_signed(
        &mut self,
        signed: &Pooled,
        hash_of: impl Fn(u64) -> Option<B256>,
    ) -> Result<(), SendError> {
        let content = &signed.content;
        let transaction = Transaction {
            from: signed.from,
            to: content.to.to().copied(),
            value: content.value,
            data: content.input.clone(),
        };
        let price = |price: u128| u64::try_from(price).unwrap_or(u64::MAX);
        let env = Env {
            gas_limit: content.gas_limit,
            gas_price: price(content.max_fee_per_gas),
            tip: price(content.max_priority_fee_per_gas),
            nonce: content.nonce,
        };
        let (world, header) = (&self.world, &self.header);
        let ran = execute(world, self.chain_id, header, &transaction, env, hash_of)?;
        self.world.commit(ran.state);
        self.take(&transaction, signed.envelope.clone(), ran.result);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    /// Closes the block.
    pub(crate) fn seal(self) -> (Block, Vec<Receipt>) {
        let bloom = self.envelopes.iter().fold(Bloom::ZERO, |bloom, envelope| {
            bloom | *envelope.logs_bloom()
        });
        let header = Header {
            state_root: self.world.root(),
            transactions_root: calculate_transaction_root(&self.transactions),
            receipts_root: calculate_receipt_root(&self.envelopes),
            logs_bloom: bloom,
            ..self.header
        };
        let hash = header.hash_slow();
        let mut receipts = self.receipts;
        for receipt in &mut receipts {
            receipt.block_hash = hash;
        }
        let block = Block {
            hash,
            header,
            world: self.world,
            receipts: receipts.clone(),
        };
        (block, receipts)
    }

    fn take(&mut self, transaction: &Transaction, signed: TxEnvelope, result: ExecutionResult) {
        let gas_used = result.tx_gas_used();
        self.header.gas_used += gas_used;
        let logs = if result.is_success() {
            result.logs().to_vec()
        } else {
            Vec::new()
        };
        let created = result
            .created_address()
            .filter(|_| transaction.to.is_none());
        let receipt = alloy_consensus::Receipt {
            status: Eip658Value::Eip658(result.is_success()),
            cumulative_gas_used: self.header.gas_used,
            logs: logs.clone(),
        };
        self.envelopes
            .push(ReceiptEnvelope::Eip1559(receipt.with_bloom()));
        self.receipts.push(Receipt {
            transaction_hash: *signed.tx_hash(),
            block_hash: B256::ZERO,
            block_number: self.header.number,
            gas_used,
            outcome: outcome(result),
            created,
            logs,
        });
        self.transactions.push(signed);
    }
}

/// What a call would end in on top of a block, without any effect.
pub(crate) fn call(
    block: &Block,
    chain_id: u64,
    transaction: &Transaction,
    hash_of: impl Fn(u64) -> Option<B256>,
) -> Result<Outcome, SendError> {
    // A question costs nothing.
    let header = Header {
        base_fee_per_gas: Some(0),
        ..block.header.clone()
    };
    let env = Env {
        gas_limit: TRANSACTION_GAS,
        gas_price: 0,
        tip: 0,
        nonce: block
            .world
            .account(transaction.from)
            .map_or(0, |account| account.nonce),
    };
    let ran = execute(&block.world, chain_id, &header, transaction, env, hash_of)?;
    Ok(outcome(ran.result))
}

/// What a sender would sign besides the transaction's own content.
#[derive(Clone, Copy)]
struct Env {
    gas_limit: u64,
    gas_price: u64,
    tip: u64,
    nonce: u64,
}

fn execute(
    world: &World,
    chain_id: u64,
    header: &Header,
    transaction: &Transaction,
    env: Env,
    hash_of: impl Fn(u64) -> Option<B256>,
) -> Result<ResultAndState, SendError> {
    let block = BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(
            0,
            BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
        )),
        slot_num: header.number,
    };
    let transaction = TxEnv::builder()
        .caller(transaction.from)
        .kind(transaction.to.map_or(TxKind::Create, TxKind::Call))
        .value(transaction.value)
        .data(transaction.data.clone())
        .nonce(env.nonce)
        .gas_limit(env.gas_limit)
        .gas_price(env.gas_price.into())
        .gas_priority_fee(Some(env.tip.into()))
        .chain_id(Some(chain_id))
        .build()
        .map_err(|error| SendError::Invalid(format!("{error:?}")))?;
    Context::mainnet()
        .with_db(WrapDatabaseRef(View { world, hash_of }))
        .with_block(block)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(RULES);
            cfg.chain_id = chain_id;
        })
        .build_mainnet()
        .transact(transaction)
        .map_err(|error| SendError::Invalid(error.to_string()))
}

fn outcome(result: ExecutionResult) -> Outcome {
    match result {
        ExecutionResult::Success { output, .. } => Outcome::Returned(output.into_data()),
        ExecutionResult::Revert { output, .. } => Outcome::Reverted(output),
        ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
    }
}

/// The transaction as the block commits to it. Nobody signs here: the signature's place holds the sender,
/// so that equal transactions of different senders have different hashes.
fn envelope(chain_id: u64, transaction: &Transaction, env: Env) -> TxEnvelope {
    let unsigned = TxEip1559 {
        chain_id,
        nonce: env.nonce,
        gas_limit: env.gas_limit,
        max_fee_per_gas: env.gas_price.into(),
        max_priority_fee_per_gas: 0,
        to: transaction.to.map_or(TxKind::Create, TxKind::Call),
        value: transaction.value,
        access_list: alloy_eips::eip2930::AccessList::default(),
        input: transaction.data.clone(),
    };
    let sender = U256::from_be_bytes(transaction.from.into_word().0);
    unsigned
        .into_signed(Signature::new(sender, U256::ONE, false))
        .into()
}

/// A header of our rules that says nothing yet.
fn blank() -> Header {
    Header {
        parent_hash: B256::ZERO,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: Address::ZERO,
        state_root: EMPTY_ROOT_HASH,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        logs_bloom: Bloom::ZERO,
        difficulty: U256::ZERO,
        number: 0,
        gas_limit: BLOCK_GAS,
        gas_used: 0,
        timestamp: 0,
        extra_data: Bytes::new(),
        mix_hash: B256::ZERO,
        nonce: B64::ZERO,
        base_fee_per_gas: None,
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        block_access_list_hash: None,
        slot_number: None,
    }
}
