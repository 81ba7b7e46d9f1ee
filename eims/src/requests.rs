//! What phone and operator say inside the channel, and what the operator says
//! in clear when there is none (PROTOCOL.md §4 and §6).
//!
//! Every message has one length and one form: what is read is written the same
//! again, octet for octet.

use alloy_primitives::{Address, B256};
use thiserror::Error;

use crate::messages::MalformedMessage;
use crate::{Claim, Message1Error, Message3Error, Number, TokenHash, hash_of};

/// What a phone asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// For the fee money of a claim, which it describes; again, it changes
    /// nothing and is answered as [`Request::Status`] is.
    Fund(Box<Fund>),
    /// How far its enrolment is.
    Status,
}

/// The claim that a phone is going to send, told beforehand: the operator
/// approves exactly this, whoever else claims what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fund {
    /// The token's number.
    pub number: Number,
    /// What the phone's wallet will claim. Its number hash is that of
    /// `number`, which alone is sent.
    pub claim: Claim,
}

/// What an operator answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// How far the enrolment is.
    Status(Status),
    /// It does not do that.
    Refused(Refusal),
}

/// How far an enrolment is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status {
    /// The fee money.
    pub payment: Payment,
    /// The approval.
    pub approval: Approval,
}

/// How far the fee money is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payment {
    /// Nobody has asked for it.
    NotAsked,
    /// It is recorded, to be paid; what it waits for.
    Queued(Wait),
    /// It is signed, and sent; it may not be in a block yet.
    Sent(Sent),
    /// It is in a block, and that block deep enough.
    Settled(Sent),
    /// The wallet does not take ether; it is not tried again.
    Failed(Sent),
    /// The operator's account has sent something else in its place; it is for
    /// the operator's people to pay again.
    Lost(Sent),
}

/// A payment's transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Its hash; a later one may take its place where the fee was too low.
    pub transaction: B256,
    /// What it carries, in wei.
    pub wei: u128,
}

/// What a payment waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Wait {
    /// Its turn.
    Turn = 1,
    /// The operator has not enough ether.
    Funds = 2,
    /// The operator's node, which does not answer.
    Node = 3,
}

/// How far the approval is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Approval {
    /// The claim is not on the chain, as far as the operator has seen.
    NoClaim,
    /// The operator leaves the claim pending.
    Held(Hold),
    /// The approval is signed, and sent.
    Sent(B256),
    /// It is in a block, and that block deep enough.
    Settled(B256),
}

/// Why a claim is left pending.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Hold {
    /// Its token is not one that a phone has shown.
    #[error("no phone has shown the token that it names")]
    UnknownToken = 1,
    /// It is another wallet's.
    #[error("another wallet has sent it than the phone named")]
    OtherWallet = 2,
    /// It is for another number.
    #[error("it is for another number than the token's")]
    OtherNumber = 3,
    /// It is for another key.
    #[error("it is for another key than the phone named")]
    OtherKey = 4,
    /// The number has a record, which an approval would replace; that is for
    /// the operator's people to decide.
    #[error("the number has a record already, which this would replace")]
    HasRecord = 5,
    /// The token's enrolment is complete.
    #[error("the token has been used")]
    UsedToken = 6,
    /// The approval was taken back too often.
    #[error("the registry took the approval back too often")]
    TakenBack = 7,
}

/// Why an operator does not do what it is asked, or ends an agreement. Outside
/// of the channel it is nobody's word: a hint, which anybody on the path can
/// forge.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Refusal {
    /// It is no message of this protocol.
    #[error("the operator did not understand the message")]
    Malformed = 1,
    /// The operator's key is another one now: read the registry again.
    #[error("the operator's key was replaced; read its registry again")]
    SealingKey = 2,
    /// Something does not fit: a wrong key, an altered message.
    #[error("the operator could not authenticate the message")]
    Authentication = 3,
    /// Another operator's token, an altered one, or none of its own.
    #[error("the token is not one of this operator's")]
    Token = 4,
    /// The token is not good yet, or no longer.
    #[error("the token is not good at this time")]
    TokenTime = 5,
    /// The clocks differ too much.
    #[error("the phone's clock and the operator's differ by more than five minutes")]
    Clock = 6,
    /// The token's number is enrolled.
    #[error("the token has been used")]
    UsedToken = 7,
    /// Another phone has shown the token first.
    #[error("the token belongs to another phone")]
    OtherPhone = 8,
    /// The message was seen before, or its time is over: begin again.
    #[error("the agreement is over; begin again")]
    Over = 9,
    /// Too many tries: wait ten minutes.
    #[error("too many tries; wait ten minutes")]
    TooMany = 10,
    /// The operator has too much to do.
    #[error("the operator is busy; try again later")]
    Busy = 11,
    /// The operator cannot read or write its records: try again later.
    #[error("the operator cannot use its records at the moment; try again later")]
    Unavailable = 12,
    /// The number is not the token's.
    #[error("the number is not the token's")]
    OtherNumber = 13,
    /// The token hash is not the token's.
    #[error("the token's hash is not that of the token that the phone has shown")]
    OtherToken = 14,
    /// The registry would refuse the claim: the identity key has not signed
    /// it, or is the wallet's.
    #[error("the registry would refuse the claim: its identity key has not signed it")]
    Proof = 15,
    /// Another wallet or another key was named with this token before.
    #[error("the phone has named another wallet or key with this token before")]
    OtherClaim = 16,
    /// Too many payments for this number in a day.
    #[error("too much has been paid for this number in a day")]
    NumberLimit = 17,
}

/// What an operator says in clear besides message 2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Clear {
    /// Message 3 is taken; TLS comes next.
    Proceed,
    /// The agreement is over.
    Refused(Refusal),
}

impl Request {
    const FUND: u8 = 16;
    const STATUS: u8 = 17;

    /// Its octets.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Fund(fund) => {
                let mut octets = vec![VERSION, Self::FUND];
                octets.extend_from_slice(&fund.number.value().to_be_bytes());
                octets.extend_from_slice(fund.claim.token_hash.0.as_slice());
                octets.extend_from_slice(fund.claim.wallet.as_slice());
                octets.extend_from_slice(&fund.claim.key);
                octets.extend_from_slice(&fund.claim.proof_of_possession);
                octets
            }
            Self::Status => vec![VERSION, Self::STATUS],
        }
    }

    /// Reads octets that have the form of a request.
    ///
    /// # Errors
    ///
    /// [`MalformedRequest`].
    pub fn from_bytes(octets: &[u8]) -> Result<Self, MalformedRequest> {
        let mut reader = Reader::begin(octets)?;
        let request = match reader.kind {
            Self::FUND => {
                let number = Number::from_value(u64::from_be_bytes(reader.take()?))
                    .ok_or(MalformedRequest::Field)?;
                let token_hash = TokenHash(reader.take()?);
                let wallet = Address::from(reader.take::<20>()?);
                Self::Fund(Box::new(Fund {
                    number,
                    claim: Claim {
                        number_hash: hash_of(number),
                        wallet,
                        key: reader.take()?,
                        token_hash,
                        proof_of_possession: reader.take()?,
                    },
                }))
            }
            Self::STATUS => Self::Status,
            found => return Err(MalformedRequest::Kind { found }),
        };
        reader.end(request)
    }
}

impl Reply {
    const STATUS: u8 = 144;

    /// Its octets.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Status(status) => {
                let mut octets = vec![VERSION, Self::STATUS];
                let (kind, sent) = match status.payment {
                    Payment::NotAsked => (0, None),
                    Payment::Queued(wait) => (wait as u8, None),
                    Payment::Sent(sent) => (16, Some(sent)),
                    Payment::Settled(sent) => (17, Some(sent)),
                    Payment::Failed(sent) => (18, Some(sent)),
                    Payment::Lost(sent) => (19, Some(sent)),
                };
                octets.push(kind);
                octets.extend_from_slice(&sent.map_or([0; 32], |sent| sent.transaction.0));
                octets.extend_from_slice(&sent.map_or(0, |sent| sent.wei).to_be_bytes());
                let (kind, transaction) = match status.approval {
                    Approval::NoClaim => (0, B256::ZERO),
                    Approval::Held(hold) => (hold as u8, B256::ZERO),
                    Approval::Sent(transaction) => (64, transaction),
                    Approval::Settled(transaction) => (65, transaction),
                };
                octets.push(kind);
                octets.extend_from_slice(transaction.as_slice());
                octets
            }
            Self::Refused(refusal) => vec![VERSION, REFUSED, *refusal as u8],
        }
    }

    /// Reads octets that have the form of a reply.
    ///
    /// # Errors
    ///
    /// [`MalformedRequest`].
    pub fn from_bytes(octets: &[u8]) -> Result<Self, MalformedRequest> {
        let mut reader = Reader::begin(octets)?;
        let reply = match reader.kind {
            Self::STATUS => {
                let [kind] = reader.take()?;
                let sent = Sent {
                    transaction: B256::new(reader.take()?),
                    wei: u128::from_be_bytes(reader.take()?),
                };
                let payment = match kind {
                    16 => Payment::Sent(sent),
                    17 => Payment::Settled(sent),
                    18 => Payment::Failed(sent),
                    19 => Payment::Lost(sent),
                    _ if sent.transaction != B256::ZERO || sent.wei != 0 => {
                        return Err(MalformedRequest::Field);
                    }
                    0 => Payment::NotAsked,
                    _ => Payment::Queued(Wait::of(kind).ok_or(MalformedRequest::Field)?),
                };
                let [kind] = reader.take()?;
                let transaction = B256::new(reader.take()?);
                let approval = match kind {
                    64 => Approval::Sent(transaction),
                    65 => Approval::Settled(transaction),
                    _ if transaction != B256::ZERO => return Err(MalformedRequest::Field),
                    0 => Approval::NoClaim,
                    _ => Approval::Held(Hold::of(kind).ok_or(MalformedRequest::Field)?),
                };
                Self::Status(Status { payment, approval })
            }
            REFUSED => {
                let [code] = reader.take()?;
                Self::Refused(Refusal::of(code).ok_or(MalformedRequest::Field)?)
            }
            found => return Err(MalformedRequest::Kind { found }),
        };
        reader.end(reply)
    }
}

/// Why octets are no request, or no reply.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MalformedRequest {
    /// Too few octets for what it says it is, or too many.
    #[error("the message has too few octets, or too many: {found_len}")]
    Length {
        /// How many there are.
        found_len: usize,
    },
    /// A version that is not known here.
    #[error("the message's version is {found}; version {VERSION} is known")]
    Version {
        /// Octet 0.
        found: u8,
    },
    /// A kind that is not known here, or not awaited.
    #[error("the message is of an unknown kind, {found}")]
    Kind {
        /// Octet 1.
        found: u8,
    },
    /// A field says nothing that it can say.
    #[error("a field of the message holds what it cannot hold")]
    Field,
}

impl Clear {
    const PROCEED: u8 = 4;

    /// An operator alone says it.
    #[cfg(any(test, feature = "service"))]
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Proceed => vec![VERSION, Self::PROCEED],
            Self::Refused(refusal) => vec![VERSION, REFUSED, refusal as u8],
        }
    }

    /// None where it is something else: message 2, perhaps.
    pub(crate) fn from_bytes(octets: &[u8]) -> Option<Self> {
        match *octets {
            [VERSION, Self::PROCEED] => Some(Self::Proceed),
            [VERSION, REFUSED, code] => Refusal::of(code).map(Self::Refused),
            _ => None,
        }
    }
}

impl Wait {
    pub(crate) fn of(code: u8) -> Option<Self> {
        [Self::Turn, Self::Funds, Self::Node]
            .into_iter()
            .find(|wait| *wait as u8 == code)
    }
}

impl Hold {
    const ALL: [Self; 7] = [
        Self::UnknownToken,
        Self::OtherWallet,
        Self::OtherNumber,
        Self::OtherKey,
        Self::HasRecord,
        Self::UsedToken,
        Self::TakenBack,
    ];

    pub(crate) fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| *hold as u8 == code)
    }
}

impl Refusal {
    const ALL: [Self; 17] = [
        Self::Malformed,
        Self::SealingKey,
        Self::Authentication,
        Self::Token,
        Self::TokenTime,
        Self::Clock,
        Self::UsedToken,
        Self::OtherPhone,
        Self::Over,
        Self::TooMany,
        Self::Busy,
        Self::Unavailable,
        Self::OtherNumber,
        Self::OtherToken,
        Self::Proof,
        Self::OtherClaim,
        Self::NumberLimit,
    ];

    /// The refusal that goes by this number.
    #[must_use]
    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| *refusal as u8 == code)
    }
}

impl From<&Message1Error> for Refusal {
    fn from(error: &Message1Error) -> Self {
        use crate::VerifyError;
        match error {
            Message1Error::Malformed(_) | Message1Error::MalformedToken(_) => Self::Malformed,
            Message1Error::UnknownSealingKey => Self::SealingKey,
            Message1Error::Authentication | Message1Error::UnusablePhoneKey => Self::Authentication,
            Message1Error::BadToken(
                VerifyError::NotYetValid { .. } | VerifyError::Expired { .. },
            ) => Self::TokenTime,
            Message1Error::BadToken(_) => Self::Token,
            Message1Error::Stale { .. } => Self::Clock,
            Message1Error::UsedToken => Self::UsedToken,
            Message1Error::BoundElsewhere => Self::OtherPhone,
            Message1Error::Replayed => Self::Over,
            Message1Error::TooManyRuns => Self::TooMany,
            Message1Error::Busy => Self::Busy,
            Message1Error::Book(_) => Self::Unavailable,
        }
    }
}

impl From<&Message3Error> for Refusal {
    fn from(error: &Message3Error) -> Self {
        match error {
            Message3Error::Malformed(_) => Self::Malformed,
            Message3Error::UnknownRun | Message3Error::Over => Self::Over,
            Message3Error::UnknownSealingKey => Self::SealingKey,
            Message3Error::Authentication => Self::Authentication,
            Message3Error::UsedToken => Self::UsedToken,
            Message3Error::BoundElsewhere => Self::OtherPhone,
            Message3Error::Book(_) => Self::Unavailable,
        }
    }
}

impl From<MalformedMessage> for Refusal {
    fn from(_: MalformedMessage) -> Self {
        Self::Malformed
    }
}

const VERSION: u8 = 1;
const REFUSED: u8 = 128;

/// Takes fields from the front, and sees that nothing is left.
struct Reader<'a> {
    kind: u8,
    octets: &'a [u8],
    found_len: usize,
}

impl<'a> Reader<'a> {
    fn begin(octets: &'a [u8]) -> Result<Self, MalformedRequest> {
        let found_len = octets.len();
        let Some(([version, kind], octets)) = octets.split_first_chunk() else {
            return Err(MalformedRequest::Length { found_len });
        };
        if *version != VERSION {
            return Err(MalformedRequest::Version { found: *version });
        }
        Ok(Self {
            kind: *kind,
            octets,
            found_len,
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], MalformedRequest> {
        let found_len = self.found_len;
        let (field, rest) = self
            .octets
            .split_first_chunk()
            .ok_or(MalformedRequest::Length { found_len })?;
        self.octets = rest;
        Ok(*field)
    }

    fn end<T>(self, read: T) -> Result<T, MalformedRequest> {
        if self.octets.is_empty() {
            return Ok(read);
        }
        Err(MalformedRequest::Length {
            found_len: self.found_len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_hold_and_wait_survives_the_wire() {
        for code in 0..=u8::MAX {
            if let Some(refusal) = Refusal::of(code) {
                let octets = Reply::Refused(refusal).to_bytes();
                assert_eq!(Reply::from_bytes(&octets), Ok(Reply::Refused(refusal)));
                let clear = Clear::Refused(refusal);
                assert_eq!(Clear::from_bytes(&clear.to_bytes()), Some(clear));
            }
        }
        assert_eq!((1..=17).filter_map(Refusal::of).count(), 17);
        assert_eq!((1..=7).filter_map(Hold::of).count(), 7);
        assert!(Refusal::of(0).is_none() && Refusal::of(18).is_none());
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_the_same_again(
            kind in proptest::sample::select(vec![16_u8, 17, 128, 144]),
            rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            // Of the length that the kind has, so that something is read.
            for len in [0, 1, 82, 189, rest.len()] {
                let mut octets = vec![VERSION, kind];
                octets.extend(rest.iter().chain(std::iter::repeat(&0)).take(len));
                if let Ok(request) = Request::from_bytes(&octets) {
                    proptest::prop_assert_eq!(request.to_bytes(), octets.clone());
                }
                if let Ok(reply) = Reply::from_bytes(&octets) {
                    proptest::prop_assert_eq!(reply.to_bytes(), octets);
                }
            }
        }

        #[test]
        fn a_claim_survives_the_wire(
            number in 10_u64..=999_999_999_999_999,
            token_hash: [u8; 32],
            wallet: [u8; 20],
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 129),
        ) {
            let Some(number) = Number::from_value(number) else {
                return Ok(());
            };
            let (key, proof) = octets.split_at(64);
            let request = Request::Fund(Box::new(Fund {
                number,
                claim: Claim {
                    number_hash: hash_of(number),
                    wallet: wallet.into(),
                    key: key.try_into().unwrap(),
                    token_hash: TokenHash(token_hash),
                    proof_of_possession: proof.try_into().unwrap(),
                },
            }));
            proptest::prop_assert_eq!(Request::from_bytes(&request.to_bytes()), Ok(request));
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut octets = Request::Status.to_bytes();
        octets.push(0);
        let found_len = octets.len();
        let length = Err(MalformedRequest::Length { found_len });
        assert_eq!(Request::from_bytes(&octets), length);
    }
}
