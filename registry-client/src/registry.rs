//! Questions to the registry, and answers that need no trust in whoever gave them.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};

use crate::account::{VerifiedAccount, verify_account};
use crate::header::{HeaderError, VerifiedHeader, verify_header};
use crate::layout;
use crate::light::Anchor;
use crate::number::{NumberError, number_hash};
use crate::proof::ProofError;
use crate::record::{
    OperatorKeys, PreviousOperatorKeys, Record, RecordError, operator_from_slots,
    previous_operator_from_slots, record_at, record_from_slots,
};
use crate::slots::{SlotsError, verify_slots};
use crate::transport::{RawProof, Transport, TransportError};
use crate::verified::Verified;

/// Which registry is ours. All of it comes from our own configuration, none of it from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegistryConfig {
    /// The contract's address.
    pub contract: Address,
    /// keccak256 of the contract's code, usually [`layout::CODE_HASH`].
    pub code_hash: B256,
    /// The chain's id (EIP-155).
    pub chain_id: u64,
}

/// A reader of one operator's registry, as it stood after one trusted block.
#[derive(Debug)]
pub struct Registry<T> {
    config: RegistryConfig,
    trusted_block: B256,
    slot: Option<u64>,
    header: Option<VerifiedHeader>,
    chain_checked: bool,
    transport: T,
}

/// What the registry has for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An entry. Whether the operator vouches for it: [`Record::is_in_force`].
    Record(Record),
    /// Nothing, and that is proven too.
    Absent,
}

impl<T: Transport> Registry<T> {
    /// A reader that trusts `trusted_block` and whatever can be proven down from it. Asks nothing yet.
    pub fn new(config: RegistryConfig, trusted_block: B256, transport: T) -> Self {
        Self {
            config,
            trusted_block,
            slot: None,
            header: None,
            chain_checked: false,
            transport,
        }
    }

    /// Trusts another block from now on.
    pub fn trust(&mut self, block_hash: B256) {
        if block_hash != self.trusted_block {
            self.trusted_block = block_hash;
            self.slot = None;
            self.header = None;
        }
    }

    /// Trusts a light client's final block from now on; answers name its slot.
    pub fn trust_anchor(&mut self, anchor: &Anchor) {
        self.trust(anchor.block_hash());
        self.slot = Some(anchor.slot());
    }

    /// Which registry this reads.
    pub fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// The block that everything is proven for.
    pub fn trusted_block(&self) -> B256 {
        self.trusted_block
    }

    /// The record of a number (E.164, as `+8613800000001`) as it stands when the trusted block was made, or the
    /// proof that there is none. It is in force or revoked, and names the successor that waits, if one does.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed. An error is not an absence: it means that nothing is known.
    pub fn look_up(&mut self, number: &str) -> Result<Verified<Answer>, LookUpError> {
        let number_hash = number_hash(number)?;
        let header = self.trusted_header()?;
        let slots = layout::number_slots(number_hash);
        let contract = self.config.contract;
        let raw = self
            .transport
            .proof(contract, &slots, header.block_hash())?;
        let account = self.our_account(&header, &raw.account)?;
        let words = self.words_of(&account, slots, &raw)?;
        self.answer(number_hash, header, words)
    }

    /// The same, with what proves it to others.
    pub(crate) fn gather(
        &mut self,
        number: &str,
    ) -> Result<(Verified<Answer>, Header, RawProof), LookUpError> {
        let number_hash = number_hash(number)?;
        let verified = self.trusted_header()?;
        let block_hash = verified.block_hash();
        let header = self.transport.header(block_hash)?;
        verify_header(block_hash, &header)?;
        let slots = layout::number_slots(number_hash);
        let contract = self.config.contract;
        let mut raw = self.transport.proof(contract, &slots, block_hash)?;
        let account = self.our_account(&verified, &raw.account)?;
        let words @ [.., successor] = self.words_of(&account, slots, &raw)?;
        if successor.is_zero() {
            raw.slots.remove(SUCCESSORS_KEY);
        }
        Ok((self.answer(number_hash, verified, words)?, header, raw))
    }

    /// What is proven of a number by what [`gather`](Self::gather) gave somebody.
    ///
    /// Where the successor's packed word is proven to be empty there is no successor, since the registry's code never
    /// writes its key alone: the key's proof may be left out then.
    pub(crate) fn look_up_gathered(
        &mut self,
        number: &str,
    ) -> Result<Verified<Answer>, LookUpError> {
        let number_hash = number_hash(number)?;
        let header = self.trusted_header()?;
        let slots @ [key, packed, _, successor] = layout::number_slots(number_hash);
        let contract = self.config.contract;
        let raw = self
            .transport
            .proof(contract, &slots, header.block_hash())?;
        let account = self.our_account(&header, &raw.account)?;
        let without_key = [key, packed, successor];
        if raw.slots.len() != without_key.len() {
            let words = self.words_of(&account, slots, &raw)?;
            return self.answer(number_hash, header, words);
        }
        match self.words_of(&account, without_key, &raw)? {
            [key, packed, B256::ZERO] => {
                self.answer(number_hash, header, [key, packed, B256::ZERO, B256::ZERO])
            }
            _ => Err(LookUpError::Slots(SlotsError::Count {
                asked: slots.len(),
                got: raw.slots.len(),
            })),
        }
    }

    fn answer(
        &self,
        number_hash: B256,
        header: VerifiedHeader,
        words: [B256; layout::NUMBER_SLOTS],
    ) -> Result<Verified<Answer>, LookUpError> {
        let record = record_at(header.timestamp(), words)?;
        let answer = record.map_or(Answer::Absent, Answer::Record);
        Ok(Verified::about(
            number_hash,
            answer,
            self.config,
            header,
            self.slot,
        ))
    }

    /// What `sender` claims for a number and the operator has not approved, or the proof that it claims nothing.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed.
    pub fn look_up_claim(
        &mut self,
        number: &str,
        sender: Address,
    ) -> Result<Verified<Answer>, LookUpError> {
        let number_hash = number_hash(number)?;
        let (words, header) = self.words(layout::pending_slots(number_hash, sender))?;
        let answer = record_from_slots(words)?.map_or(Answer::Absent, Answer::Record);
        Ok(Verified::about(
            number_hash,
            answer,
            self.config,
            header,
            self.slot,
        ))
    }

    /// Every claim of a number that the operator has not approved; that there is no other is proven too.
    ///
    /// The registry lists the claims of all numbers together: at most [`MAX_CLAIMS`] are looked through.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed; [`LookUpError::TooManyClaims`] where the list is longer.
    pub fn look_up_claims(&mut self, number: &str) -> Result<Verified<Vec<Record>>, LookUpError> {
        let number_hash = number_hash(number)?;
        let ([count], header) = self.words([layout::claim_count_slot()])?;
        let count = U256::from_be_bytes(count.0);
        if count > U256::from(MAX_CLAIMS) {
            return Err(LookUpError::TooManyClaims { count });
        }
        let names: Vec<_> = (0..count.saturating_to())
            .map(layout::claim_slots)
            .collect();
        let mut senders = Vec::new();
        for names in names.chunks(CLAIMS_AT_ONCE) {
            let words = self.words_in(&header, names.as_flattened())?;
            let (words, _) = words.as_chunks();
            let ours = words.iter().filter(|[of, _]| *of == number_hash);
            senders.extend(ours.map(|[_, sender]| Address::from_word(*sender)));
        }
        let slots = senders
            .iter()
            .map(|sender| layout::pending_slots(number_hash, *sender));
        let slots: Vec<_> = slots.collect();
        let mut claims = Vec::new();
        for slots in slots.chunks(CLAIMS_AT_ONCE) {
            let words = self.words_in(&header, slots.as_flattened())?;
            let (words, _) = words.as_chunks();
            for words in words {
                let claim = record_from_slots(*words)?;
                claims.push(claim.ok_or(RecordError::Status { got: 0 })?);
            }
        }
        Ok(Verified::about(
            number_hash,
            claims,
            self.config,
            header,
            self.slot,
        ))
    }

    /// The operator's keys.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed.
    pub fn operator_keys(&mut self) -> Result<Verified<OperatorKeys>, LookUpError> {
        let (words, header) = self.words(layout::operator_slots())?;
        Ok(Verified::new(
            operator_from_slots(words)?,
            self.config,
            header,
            self.slot,
        ))
    }

    /// The operator's keys before the present ones; `None` where it never changed them.
    ///
    /// # Errors
    ///
    /// [`LookUpError`] says what failed.
    pub fn previous_operator_keys(
        &mut self,
    ) -> Result<Verified<Option<PreviousOperatorKeys>>, LookUpError> {
        let (words, header) = self.words(layout::previous_operator_slots())?;
        Ok(Verified::new(
            previous_operator_from_slots(words)?,
            self.config,
            header,
            self.slot,
        ))
    }

    /// The words in slots of our contract, proven from the trusted block down.
    fn words<const N: usize>(
        &mut self,
        slots: [B256; N],
    ) -> Result<([B256; N], VerifiedHeader), LookUpError> {
        let header = self.trusted_header()?;
        let contract = self.config.contract;
        let raw = self
            .transport
            .proof(contract, &slots, header.block_hash())?;
        let account = self.our_account(&header, &raw.account)?;
        Ok((self.words_of(&account, slots, &raw)?, header))
    }

    /// The same for any number of slots, from a header that was verified.
    fn words_in(
        &mut self,
        header: &VerifiedHeader,
        slots: &[B256],
    ) -> Result<Vec<B256>, LookUpError> {
        let contract = self.config.contract;
        let raw = self.transport.proof(contract, slots, header.block_hash())?;
        let account = self.our_account(header, &raw.account)?;
        Ok(verify_slots(&account, slots, &raw.slots)?)
    }

    fn words_of<const N: usize>(
        &self,
        account: &VerifiedAccount,
        slots: [B256; N],
        raw: &RawProof,
    ) -> Result<[B256; N], SlotsError> {
        let words = verify_slots(account, &slots, &raw.slots)?;
        <[B256; N]>::try_from(words).map_err(|words| SlotsError::Count {
            asked: N,
            got: words.len(),
        })
    }

    fn trusted_header(&mut self) -> Result<VerifiedHeader, LookUpError> {
        if let Some(header) = self.header {
            return Ok(header);
        }
        if !self.chain_checked {
            let expected = self.config.chain_id;
            match self.transport.chain_id()? {
                Some(got) if got != expected => {
                    return Err(LookUpError::WrongChain { expected, got });
                }
                Some(_) | None => self.chain_checked = true,
            }
        }
        let header = self.transport.header(self.trusted_block)?;
        let header = verify_header(self.trusted_block, &header)?;
        self.header = Some(header);
        Ok(header)
    }

    fn our_account(
        &self,
        header: &VerifiedHeader,
        proof: &[Vec<u8>],
    ) -> Result<VerifiedAccount, LookUpError> {
        let RegistryConfig {
            contract,
            code_hash: expected,
            ..
        } = self.config;
        let account = verify_account(header.state_root(), contract, proof)
            .map_err(|source| LookUpError::Account {
                contract,
                source: Box::new(source),
            })?
            .ok_or(LookUpError::NoContract {
                contract,
                block_number: header.number(),
            })?;
        let got = account.code_hash();
        if got != expected {
            return Err(LookUpError::CodeHash {
                contract,
                expected,
                got,
            });
        }
        Ok(account)
    }
}

/// The longest list of pending claims that is looked through. Whoever pays for it can make it longer.
pub const MAX_CLAIMS: usize = 256;

/// How many of them are asked for in one question: two slots each.
const CLAIMS_AT_ONCE: usize = 64;

/// Which of a number's slots has the key of a successor.
const SUCCESSORS_KEY: usize = 2;

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookUpError {
    /// The caller's: this is no telephone number.
    #[error(transparent)]
    Number(#[from] NumberError),

    /// The configuration's: it says of no operator that the number is its own.
    #[error("the number belongs to no operator that is configured")]
    NoOperator,
    /// The configuration's: it names nobody to ask on the operator's chain.
    #[error(
        "the number's operator {operator} is on chain {chain_id}, and nobody is named to be asked there"
    )]
    NoNode {
        /// The operator's name.
        operator: String,
        /// Its chain's id.
        chain_id: u64,
    },
    /// The configuration's: the node serves another chain.
    #[error("the node serves chain {got}, our registry is on chain {expected}")]
    WrongChain {
        /// Our chain's id.
        expected: u64,
        /// The node's.
        got: u64,
    },
    /// The configuration's: it is proven that the trusted block's state has no such account.
    #[error("there is no contract at {contract} in block {block_number}")]
    NoContract {
        /// Our registry's address.
        contract: Address,
        /// The trusted block's number.
        block_number: u64,
    },
    /// The configuration's: what is proven to be at our address is not our registry.
    #[error("the code at {contract} hashes to {got}, our registry's to {expected}")]
    CodeHash {
        /// Our registry's address.
        contract: Address,
        /// Our registry's code hash.
        expected: B256,
        /// The proven one.
        got: B256,
    },

    /// The node's: it gave no answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The node's: the header is not the trusted block's.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The node's: the contract's account is not proven.
    #[error("the account of {contract} is not proven: {source}")]
    Account {
        /// Our registry's address.
        contract: Address,
        /// Where and why.
        source: Box<ProofError>,
    },
    /// The node's: the storage is not proven.
    #[error("the registry's storage is not proven: {0}")]
    Slots(#[from] SlotsError),

    /// The registry's: more claims wait in it, of all numbers, than are looked through.
    #[error(
        "{count} claims wait in the registry, more than the {MAX_CLAIMS} that are looked through"
    )]
    TooManyClaims {
        /// How many.
        count: U256,
    },
    /// The registry's: it holds words that its code cannot have written.
    #[error("the registry's storage is proven, but unreadable: {0}")]
    Record(#[from] RecordError),
}

impl LookUpError {
    /// Whether this is proven from the trusted block, so that every node would say the same.
    pub(crate) fn is_proven(&self) -> bool {
        matches!(
            self,
            Self::NoContract { .. }
                | Self::CodeHash { .. }
                | Self::TooManyClaims { .. }
                | Self::Record(_)
        )
    }
}
