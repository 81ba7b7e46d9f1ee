//! What an enrolment goes on in: the embedded chain, an operator that keeps its
//! books in memory, and a disk.

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_devchain::{DevChain, DevRegistry, Operator, Transaction};
use callseal_registry_client::{Answer, Registry, Verified};

use super::liar::Liar;
use super::*;
use crate::dev_chain::DevNode;
use crate::{Hold, Sent, Wait};

/// The crash that a test asks for, or what the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    Crash,
    TokenUsed,
    Unproven(String),
}

/// A chain, an operator and a disk, and how often each was made to do what.
pub(super) struct World {
    pub(super) chain: DevChain,
    pub(super) registry: DevRegistry,
    pub(super) disk: Option<String>,
    /// What the phone has told the operator.
    pub(super) told: Option<Claim>,
    pub(super) paid: usize,
    pub(super) approval: Option<B256>,
    pub(super) hold: Option<Hold>,
    pub(super) closes_its_books: bool,
    /// The operator has no ether.
    pub(super) is_poor: bool,
    /// Whom the operator approves in the phone's place.
    pub(super) approves_instead: Option<Claim>,
    /// The node that proofs come from lies about keys.
    pub(super) lies: bool,
    pub(super) node: DevNode,
    /// Effects so far, each counted before and after it takes place, and at
    /// which of these the phone crashes.
    pub(super) effects: usize,
    pub(super) crash_at: Option<usize>,
}

pub(super) struct Phone {
    pub(super) wallet: AccountKey,
    pub(super) identity: AccountKey,
}

impl World {
    pub(super) fn new() -> Self {
        let chain = DevChain::new(31_337);
        let terms = Operator {
            account: chain.account(0),
            signing_key: AccountKey::from_bytes([1; 32]).unwrap().uncompressed(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &terms).unwrap();
        Self {
            node: DevNode::of(&chain),
            chain,
            registry,
            disk: None,
            told: None,
            paid: 0,
            approval: None,
            hold: None,
            closes_its_books: false,
            is_poor: false,
            approves_instead: None,
            lies: false,
            effects: 0,
            crash_at: None,
        }
    }

    pub(super) fn operator(&self) -> OperatorId {
        let config = self.registry.config();
        OperatorId {
            chain_id: config.chain_id,
            contract: config.contract.into(),
        }
    }

    pub(super) fn begin(&self, phone: &Phone) -> Enrolment {
        let token_hash = TokenHash([3; 32]);
        let number = NUMBER.parse().unwrap();
        let wallet = phone.wallet.address();
        Enrolment::new(self.operator(), number, wallet, &phone.identity, token_hash)
    }

    /// As after a start of the program: nothing is known but what the disk has.
    pub(super) fn resume(&self, phone: &Phone) -> Enrolment {
        let begun = self.begin(phone);
        match &self.disk {
            Some(text) => begun.resumed(text).unwrap(),
            None => begun,
        }
    }

    pub(super) fn effect(&mut self) -> Result<(), Mishap> {
        self.effects += 1;
        match self.crash_at == Some(self.effects) {
            true => Err(Mishap::Crash),
            false => Ok(()),
        }
    }

    /// Goes on, from what the disk has, until the phone is enrolled or waits
    /// for what does not come. Crashes are gone on from.
    pub(super) fn run(&mut self, phone: &Phone) -> Result<Enrolment, Waiting> {
        let mut enrolment = self.resume(phone);
        let mut waited = 0;
        for _ in 0..200 {
            match enrolment.advance(&phone.wallet, self) {
                Ok(Advance::Done) => return Ok(enrolment),
                Ok(Advance::Moved) => {}
                Ok(Advance::Waiting(waiting)) => {
                    waited += 1;
                    if waited == 20 {
                        return Err(waiting);
                    }
                }
                Err(EnrolError::Surroundings(Mishap::Crash)) => enrolment = self.resume(phone),
                // As a person does who runs the command again.
                Err(EnrolError::Send(SendError::Refused { .. } | SendError::Transport(_))) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("it runs in circles, at {:?}", enrolment.step());
    }

    pub(super) fn claims_on_chain(&self) -> usize {
        let contract = self.registry.address();
        let head = self.chain.head_number();
        self.chain.logs(contract, LoggedClaim::TOPIC, 0, head).len()
    }

    pub(super) fn pay(&mut self, to: Address) {
        self.paid += 1;
        let transfer = Transaction {
            from: self.chain.account(0),
            to: Some(to),
            value: U256::from(10_u64.pow(16)),
            data: Bytes::new(),
        };
        self.chain.transact(transfer).unwrap();
    }

    pub(super) fn serve(&mut self, request: &Request) -> Status {
        if let (Request::Fund(fund), None) = (request, self.told) {
            assert!(fund.claim.is_by_its_key(self.operator()));
            self.told = Some(fund.claim);
        }
        let Some(claim) = self.told else {
            return Status {
                payment: Payment::NotAsked,
                approval: Approval::NoClaim,
            };
        };
        if self.is_poor {
            return Status {
                payment: Payment::Queued(Wait::Funds),
                approval: Approval::NoClaim,
            };
        }
        if self.paid == 0 {
            self.pay(claim.wallet);
        }
        let claim = self.approves_instead.unwrap_or(claim);
        if self.approval.is_none() && self.hold.is_none() {
            let record_hash = claim.as_logged().record_hash();
            let account = self.chain.account(0);
            let approved =
                self.registry
                    .approve_client(account, claim.number_hash, claim.wallet, record_hash);
            self.approval = approved.ok().map(|receipt| receipt.transaction_hash);
        }
        Status {
            payment: Payment::Settled(Sent {
                transaction: B256::repeat_byte(1),
                wei: 10_u128.pow(16),
            }),
            approval: match (self.approval, self.hold) {
                (Some(hash), _) => Approval::Settled(hash),
                (None, Some(hold)) => Approval::Held(hold),
                (None, None) => Approval::NoClaim,
            },
        }
    }
}

impl Surroundings for World {
    type Error = Mishap;

    fn keep(&mut self, enrolment: &Enrolment) -> Result<(), Mishap> {
        self.effect()?;
        self.disk = Some(enrolment.to_json().unwrap());
        self.effect()
    }

    fn ask_operator(&mut self, request: &Request) -> Result<Status, Mishap> {
        self.effect()?;
        if self.closes_its_books && self.approval.is_some() {
            return Err(Mishap::TokenUsed);
        }
        let status = self.serve(request);
        self.effect()?;
        Ok(status)
    }

    fn node(&mut self) -> &mut dyn Node {
        &mut self.node
    }

    fn look_up(&mut self, number: Number) -> Result<Verified<Answer>, Mishap> {
        self.effect()?;
        let config = self.registry.config();
        let (head, number) = (self.chain.head(), number.to_string());
        if self.lies {
            let mut reader = Registry::new(config, head, Liar(self.chain.clone()));
            let found = reader.look_up(&number);
            return found.map_err(|error| Mishap::Unproven(error.to_string()));
        }
        let mut reader = Registry::new(config, head, self.chain.clone());
        Ok(reader.look_up(&number).unwrap())
    }
}

pub(super) fn phone() -> Phone {
    Phone {
        wallet: AccountKey::from_bytes([0x11; 32]).unwrap(),
        identity: AccountKey::from_bytes([0x22; 32]).unwrap(),
    }
}
