//! A phone's enrolment, step by step, each kept before the next begins.

mod error;
mod progress;
mod step;
#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, U256};
use callseal_registry_client::{Answer, Record, Status as RecordStatus, Verified};

pub use self::error::EnrolError;
pub use self::progress::ProgressError;
pub use self::step::{Advance, Step, Waiting};
use crate::contract::{ADD_CLIENT_GAS, ask_client, ask_pending, client, pending, refusal};
use crate::fees::{bumped, offered};
use crate::{
    AccountKey, Approval, CallEnd, Claim, Fund, LoggedClaim, Node, Number, OperatorId, Payment,
    Request, SendError, SignedCall, Status, TokenHash, Unsigned,
};

/// What an enrolment has others do.
///
/// Whatever fails may be tried again: nothing is done twice.
pub trait Surroundings {
    /// Why something was not done.
    type Error;

    /// Stores the enrolment, whole, and returns when it has reached the disk.
    ///
    /// # Errors
    ///
    /// Where it has not.
    fn keep(&mut self, enrolment: &Enrolment) -> Result<(), Self::Error>;

    /// Asks the operator, in the channel.
    ///
    /// # Errors
    ///
    /// Where there is no channel, or no answer.
    fn ask_operator(&mut self, request: &Request) -> Result<Status, Self::Error>;

    /// The node that transactions are sent to.
    fn node(&mut self) -> &mut dyn Node;

    /// Reads a number's record, with proofs.
    ///
    /// # Errors
    ///
    /// Where nothing is proven.
    fn look_up(&mut self, number: Number) -> Result<Verified<Answer>, Self::Error>;
}

/// An enrolment: of which phone, and how far it is. It holds no secret.
///
/// ```
/// use callseal_eims::{AccountKey, Enrolment, OperatorId, Step, TokenHash};
///
/// let operator = OperatorId { chain_id: 31337, contract: [0xaa; 20] };
/// let identity = AccountKey::from_bytes([7; 32])?;
/// let wallet = AccountKey::from_bytes([8; 32])?.address();
/// let number = "+8613800000001".parse()?;
/// let begun = || Enrolment::new(operator, number, wallet, &identity, TokenHash([3; 32]));
/// // What is kept at each step, and gone on from.
/// let kept = begun().to_json()?;
/// let resumed = begun().resumed(&kept)?;
/// assert_eq!(resumed.step(), &Step::Begun);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    operator: OperatorId,
    number: Number,
    claim: Claim,
    step: Step,
}

impl Enrolment {
    /// An enrolment that has not begun: `number` at `operator`, for an identity
    /// key, by a wallet, with a token.
    #[must_use]
    pub fn new(
        operator: OperatorId,
        number: Number,
        wallet: Address,
        identity: &AccountKey,
        token_hash: TokenHash,
    ) -> Self {
        Self {
            operator,
            number,
            claim: Claim::make(operator, number, wallet, identity, token_hash),
            step: Step::Begun,
        }
    }

    /// Whose number.
    #[must_use]
    pub fn number(&self) -> Number {
        self.number
    }

    /// How far it is.
    #[must_use]
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Does the next thing, and says what came of it: call it until it is
    /// [`Advance::Done`], with a pause where it [waits](Advance::Waiting).
    /// `wallet` is the wallet's secret.
    ///
    /// # Errors
    ///
    /// [`EnrolError`]; what was done stays done, and is not done again.
    pub fn advance<S: Surroundings>(
        &mut self,
        wallet: &AccountKey,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        if wallet.address() != self.claim.wallet {
            return Err(EnrolError::OtherWallet);
        }
        match self.step.clone() {
            Step::Begun => self.announce(around),
            Step::Announced => self.sign(wallet, around),
            Step::Signed(signed) => self.send(wallet, signed, around),
            Step::Claimed(signed) => self.await_approval(signed, around),
            Step::Approved { approval, claim } => self.read_back(approval, claim, around),
            Step::Enrolled { .. } => Ok(Advance::Done),
        }
    }

    /// Tells the operator what will be claimed, and asks for the fee money.
    fn announce<S: Surroundings>(
        &mut self,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let fund = Fund {
            number: self.number,
            claim: self.claim,
        };
        match around.ask_operator(&Request::Fund(Box::new(fund))) {
            Ok(_) => self.move_to(Step::Announced, around),
            Err(error) => self.or_enrolled(error, around),
        }
    }

    /// Signs the claim, once there is ether to pay for it.
    fn sign<S: Surroundings>(
        &mut self,
        wallet: &AccountKey,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let node = around.node();
        let chain_id = node.chain_id()?;
        if chain_id != self.operator.chain_id {
            return Err(EnrolError::WrongChain {
                expected: self.operator.chain_id,
                got: chain_id,
            });
        }
        if self.is_claimed(node)? {
            // Sent by an earlier run whose notes are lost.
            return self.move_to(Step::Claimed(None), around);
        }
        let balance = node.balance(self.claim.wallet)?;
        let (base_fee, tip) = (node.head()?.base_fee, node.tip()?);
        let Some(fees) = offered(balance, ADD_CLIENT_GAS, base_fee, tip) else {
            return self.await_funds(balance, around);
        };
        let (from, to) = (self.claim.wallet, self.operator.contract.into());
        if let CallEnd::Reverted(data) = node.call(from, to, self.claim.add_client())? {
            return Err(EnrolError::ClaimRefused {
                reason: refusal(&data),
            });
        }
        let nonce = node.nonce(from)?;
        let unsigned = self.unsigned(nonce, fees);
        self.move_to(
            Step::Signed(SignedCall::new(&unsigned, wallet, None)),
            around,
        )
    }

    fn await_funds<S: Surroundings>(
        &mut self,
        balance: U256,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let status = match around.ask_operator(&Request::Status) {
            Ok(status) => status,
            Err(error) => return self.or_enrolled(error, around),
        };
        match status.payment {
            // It has forgotten: it is told again.
            Payment::NotAsked => self.move_to(Step::Begun, around),
            Payment::Failed(_) => Err(EnrolError::NotPaid),
            payment => Ok(Advance::Waiting(Waiting::Funds { payment, balance })),
        }
    }

    /// Sends what is signed, until it is in a block.
    fn send<S: Surroundings>(
        &mut self,
        wallet: &AccountKey,
        signed: SignedCall,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let node = around.node();
        if let Some(taken) = signed.mined(node)? {
            return self.take(taken.succeeded, signed, around);
        }
        match node.send(&signed.raw) {
            Ok(()) => {}
            Err(SendError::NonceUsed { .. }) => {
                // In a block since we looked, or another of the wallet's is.
                if let Some(taken) = signed.mined(node)? {
                    return self.take(taken.succeeded, signed, around);
                }
                if self.is_claimed(node)? {
                    return self.move_to(Step::Claimed(None), around);
                }
                if node.nonce(self.claim.wallet)? > signed.nonce {
                    return self.move_to(Step::Announced, around);
                }
            }
            Err(SendError::Underpriced { .. }) => {
                return self.offer_more(wallet, signed, around);
            }
            Err(SendError::Funds { .. }) => {
                // The payment's block was forked away, or the node lags.
                let balance = node.balance(self.claim.wallet)?;
                return Ok(Advance::Waiting(Waiting::Fees { balance }));
            }
            Err(error) => return Err(error.into()),
        }
        if node.head()?.base_fee > signed.fees().max_per_gas {
            return self.offer_more(wallet, signed, around);
        }
        // Where a block comes at once, it is there already.
        if let Some(taken) = signed.mined(node)? {
            return self.take(taken.succeeded, signed, around);
        }
        Ok(Advance::Waiting(Waiting::Block {
            transaction: signed.hash,
        }))
    }

    fn take<S: Surroundings>(
        &mut self,
        succeeded: bool,
        signed: SignedCall,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        if succeeded {
            return self.move_to(Step::Claimed(Some(signed)), around);
        }
        // Tried once more only where it would be taken now.
        let _moved = self.move_to(Step::Announced, around)?;
        Err(EnrolError::ClaimTakenBack {
            transaction: signed.hash,
        })
    }

    /// The same claim in the same place, for more.
    fn offer_more<S: Surroundings>(
        &mut self,
        wallet: &AccountKey,
        signed: SignedCall,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let node = around.node();
        let balance = node.balance(self.claim.wallet)?;
        let (base_fee, tip) = (node.head()?.base_fee, node.tip()?);
        let more = bumped(signed.fees(), base_fee, tip);
        let unsigned = self.unsigned(signed.nonce, more);
        if unsigned.cost_at_most() > balance {
            return Ok(Advance::Waiting(Waiting::Fees { balance }));
        }
        let next = SignedCall::new(&unsigned, wallet, Some(signed));
        self.move_to(Step::Signed(next), around)
    }

    /// Waits for the operator's approval.
    fn await_approval<S: Surroundings>(
        &mut self,
        signed: Option<SignedCall>,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let status = match around.ask_operator(&Request::Status) {
            Ok(status) => status,
            Err(error) => return self.or_enrolled(error, around),
        };
        match status.approval {
            Approval::Sent(approval) | Approval::Settled(approval) => {
                let claim = signed;
                self.move_to(Step::Approved { approval, claim }, around)
            }
            Approval::Held(hold) => match self.own_answer(around) {
                Some(answer) => self.finish(&answer, around),
                None => Ok(Advance::Waiting(Waiting::Held(hold))),
            },
            Approval::NoClaim => match self.own_answer(around) {
                Some(answer) => self.finish(&answer, around),
                None => {
                    self.unless_forked_away(signed, Advance::Waiting(Waiting::Approval), around)
                }
            },
        }
    }

    /// What proves the own record: its claim may be approved by other means
    /// than the service that is asked.
    fn own_answer<S: Surroundings>(&self, around: &mut S) -> Option<Verified<Answer>> {
        let answer = around.look_up(self.number).ok()?;
        self.own_record(&answer).is_some().then_some(answer)
    }

    /// Reads the own record as everybody else will.
    fn read_back<S: Surroundings>(
        &mut self,
        approval: B256,
        claim: Option<SignedCall>,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let answer = around
            .look_up(self.number)
            .map_err(EnrolError::Surroundings)?;
        if self.own_record(&answer).is_some() {
            return self.finish(&answer, around);
        }
        let waiting = self.awaited_record(&answer);
        if let Waiting::OtherRecord { holder } = waiting {
            let approved = around.node().receipt(approval)?;
            let block_number = answer.block_number();
            if approved.is_some_and(|receipt| receipt.block_number <= block_number) {
                return Err(EnrolError::OtherRecord {
                    holder,
                    block_number,
                });
            }
        }
        self.unless_forked_away(claim, Advance::Waiting(waiting), around)
    }

    /// Goes on, unless a fork has taken the claim's block with it: then the
    /// claim is sent again, as it is where it is known.
    fn unless_forked_away<S: Surroundings>(
        &mut self,
        claim: Option<SignedCall>,
        otherwise: Advance,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let node = around.node();
        let is_there = match &claim {
            Some(signed) => signed.mined(node)?.is_some() || self.is_claimed(node)?,
            None => self.is_claimed(node)?,
        };
        match (is_there, claim) {
            (true, _) => Ok(otherwise),
            (false, Some(signed)) => self.move_to(Step::Signed(signed), around),
            (false, None) => self.move_to(Step::Announced, around),
        }
    }

    /// The own record is there, and proven.
    fn finish<S: Surroundings>(
        &mut self,
        answer: &Verified<Answer>,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let Some(record) = self.own_record(answer) else {
            return Ok(Advance::Waiting(Waiting::Record));
        };
        if record.status == RecordStatus::Revoked {
            return Err(EnrolError::Revoked);
        }
        if !record.is_in_force(answer.timestamp()) {
            return Ok(Advance::Waiting(Waiting::Record));
        }
        let step = Step::Enrolled {
            block_number: answer.block_number(),
            block_hash: answer.block_hash(),
        };
        self.move_to(step, around)
    }

    /// An operator whose books are closed refuses the token: it is used. Then
    /// the record is there, if it was we who used it.
    fn or_enrolled<S: Surroundings>(
        &mut self,
        error: S::Error,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        match around.look_up(self.number) {
            Ok(answer) if self.own_record(&answer).is_some() => self.finish(&answer, around),
            _ => Err(EnrolError::Surroundings(error)),
        }
    }

    fn own_record<'a>(&self, answer: &'a Verified<Answer>) -> Option<&'a Record> {
        let Answer::Record(record) = answer.value() else {
            return None;
        };
        let is_own =
            record.key == self.claim.compressed_key() && record.holder == self.claim.wallet;
        (is_own && answer.is_about(&self.number.to_string())).then_some(record)
    }

    fn awaited_record(&self, answer: &Verified<Answer>) -> Waiting {
        let Answer::Record(record) = answer.value() else {
            return Waiting::Record;
        };
        let successor = record.successor.as_ref().filter(|successor| {
            successor.key == self.claim.compressed_key() && successor.holder == self.claim.wallet
        });
        match successor {
            Some(successor) => Waiting::Successor {
                valid_since: successor.valid_since,
            },
            None => Waiting::OtherRecord {
                holder: record.holder,
            },
        }
    }

    /// Whether the registry has the claim, pending or approved, as an
    /// unproven word of the node: it saves a fee, and decides nothing else.
    fn is_claimed(&self, node: &mut dyn Node) -> Result<bool, crate::TransportError> {
        let (number_hash, wallet) = (self.claim.number_hash, self.claim.wallet);
        let contract: Address = self.operator.contract.into();
        let mut ask = |data| node.call(wallet, contract, data);
        let of = |end: &CallEnd, read: &dyn Fn(&[u8]) -> Option<Option<LoggedClaim>>| match end {
            CallEnd::Returned(octets) => read(octets).flatten(),
            CallEnd::Reverted(_) => None,
        };
        let found = [
            of(&ask(ask_pending(number_hash, wallet))?, &|octets| {
                pending(number_hash, octets)
            }),
            of(&ask(ask_client(number_hash))?, &|octets| {
                client(number_hash, octets)
            }),
        ];
        Ok(found.contains(&Some(self.claim.as_logged())))
    }

    fn unsigned(&self, nonce: u64, fees: crate::Fees) -> Unsigned {
        Unsigned::call(
            self.operator.chain_id,
            nonce,
            fees,
            self.operator.contract.into(),
            self.claim.add_client(),
            ADD_CLIENT_GAS,
        )
    }

    fn move_to<S: Surroundings>(
        &mut self,
        step: Step,
        around: &mut S,
    ) -> Result<Advance, EnrolError<S::Error>> {
        let next = Self {
            step,
            ..self.clone()
        };
        around.keep(&next).map_err(EnrolError::Surroundings)?;
        *self = next;
        Ok(Advance::Moved)
    }
}
