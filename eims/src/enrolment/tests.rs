//! Enrolments over the embedded chain, with an operator that keeps its books
//! in memory.

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_devchain::{DevChain, DevRegistry, Operator, Transaction};
use callseal_registry_client::{Answer, RawProof, Registry, Transport, TransportError, Verified};
use proptest::prelude::*;

use super::*;
use crate::{BlockLog, Head, Hold, Receipt, Sent, Wait};

const NUMBER: &str = "+8613800000001";

/// The crash that a test asks for, or what the operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mishap {
    Crash,
    TokenUsed,
    Unproven(String),
}

/// A chain, an operator and a disk, and how often each was made to do what.
struct World {
    chain: DevChain,
    registry: DevRegistry,
    disk: Option<String>,
    /// What the phone has told the operator.
    told: Option<Claim>,
    paid: usize,
    approval: Option<B256>,
    hold: Option<Hold>,
    closes_its_books: bool,
    /// The operator has no ether.
    is_poor: bool,
    /// Whom the operator approves in the phone's place.
    approves_instead: Option<Claim>,
    /// The node that proofs come from lies about keys.
    lies: bool,
    node: DevNode,
    /// Effects so far, each counted before and after it takes place, and at
    /// which of these the phone crashes.
    effects: usize,
    crash_at: Option<usize>,
}

/// The chain as a wallet sees it, and how it misbehaves.
struct DevNode {
    chain: DevChain,
    sent: usize,
    /// How often it says that too little is offered.
    underpriced: usize,
    /// How often it takes no transaction.
    full: usize,
    /// How often it says that a transaction did not arrive, which it did.
    loses_answers: usize,
    /// It shows the chain as it was before the wallet's first transaction.
    is_behind: bool,
}

/// Proofs, with the last bit of the first word changed.
struct Liar(DevChain);

struct Phone {
    wallet: AccountKey,
    identity: AccountKey,
}

impl World {
    fn new() -> Self {
        let chain = DevChain::new(31_337);
        let terms = Operator {
            account: chain.account(0),
            signing_key: AccountKey::from_bytes([1; 32]).unwrap().uncompressed(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &terms).unwrap();
        Self {
            node: DevNode {
                chain: chain.clone(),
                sent: 0,
                underpriced: 0,
                full: 0,
                loses_answers: 0,
                is_behind: false,
            },
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

    fn operator(&self) -> OperatorId {
        let config = self.registry.config();
        OperatorId {
            chain_id: config.chain_id,
            contract: config.contract.into(),
        }
    }

    fn begin(&self, phone: &Phone) -> Enrolment {
        let token_hash = TokenHash([3; 32]);
        let number = NUMBER.parse().unwrap();
        let wallet = phone.wallet.address();
        Enrolment::new(self.operator(), number, wallet, &phone.identity, token_hash)
    }

    /// As after a start of the program: nothing is known but what the disk has.
    fn resume(&self, phone: &Phone) -> Enrolment {
        let begun = self.begin(phone);
        match &self.disk {
            Some(text) => begun.resumed(text).unwrap(),
            None => begun,
        }
    }

    fn effect(&mut self) -> Result<(), Mishap> {
        self.effects += 1;
        match self.crash_at == Some(self.effects) {
            true => Err(Mishap::Crash),
            false => Ok(()),
        }
    }

    /// Goes on, from what the disk has, until the phone is enrolled or waits
    /// for what does not come. Crashes are gone on from.
    fn run(&mut self, phone: &Phone) -> Result<Enrolment, Waiting> {
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

    fn claims_on_chain(&self) -> usize {
        let contract = self.registry.address();
        let head = self.chain.head_number();
        self.chain.logs(contract, LoggedClaim::TOPIC, 0, head).len()
    }

    fn pay(&mut self, to: Address) {
        self.paid += 1;
        let transfer = Transaction {
            from: self.chain.account(0),
            to: Some(to),
            value: U256::from(10_u64.pow(16)),
            data: Bytes::new(),
        };
        self.chain.transact(transfer).unwrap();
    }

    fn serve(&mut self, request: &Request) -> Status {
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

impl Transport for Liar {
    fn header(&mut self, block_hash: B256) -> Result<alloy_consensus::Header, TransportError> {
        self.0.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.0.proof(contract, slots, block_hash)?;
        let last = proof.slots.first_mut().and_then(|nodes| nodes.last_mut());
        if let Some(octet) = last.and_then(|node| node.last_mut()) {
            *octet ^= 1;
        }
        Ok(proof)
    }
}

impl Node for DevNode {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        Ok(self.chain.id())
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        let hash = self.chain.head();
        let header = self.chain.header_of(hash).unwrap();
        Ok(Head {
            number: header.number,
            hash,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap().into(),
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        Ok(self.chain.block_hash(number))
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        match self.is_behind {
            true => Ok(0),
            false => Ok(self.chain.nonce(account)),
        }
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        Ok(self.chain.balance(account))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        Ok(1)
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        use callseal_devchain::Outcome;
        if self.is_behind {
            return Ok(CallEnd::Reverted(Bytes::new()));
        }
        Ok(match self.chain.call(from, to, data).unwrap() {
            Outcome::Returned(octets) => CallEnd::Returned(octets),
            Outcome::Reverted(octets) => CallEnd::Reverted(octets),
            other => panic!("{other:?}"),
        })
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        self.sent += 1;
        if self.underpriced > 0 {
            self.underpriced -= 1;
            return Err(SendError::of_words("transaction underpriced").unwrap());
        }
        if self.full > 0 {
            self.full -= 1;
            let message = "txpool is full".into();
            return Err(SendError::Refused { message });
        }
        let sent = match self.chain.send_raw(raw) {
            Ok(_) => Ok(()),
            Err(error) => SendError::of_words(&error.to_string()).map_or(Ok(()), Err),
        };
        if self.loses_answers > 0 {
            self.loses_answers -= 1;
            return Err(SendError::Transport(TransportError::Unreachable {
                node: "the node".into(),
                cause: "connection reset".into(),
            }));
        }
        sent
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        if self.is_behind {
            return Ok(None);
        }
        Ok(self.chain.receipt(transaction).map(|receipt| Receipt {
            block_number: receipt.block_number,
            block_hash: receipt.block_hash,
            succeeded: receipt.succeeded(),
        }))
    }

    fn logs(
        &mut self,
        _: Address,
        _: B256,
        _: u64,
        _: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        unreachable!("a phone reads no logs")
    }
}

fn phone() -> Phone {
    Phone {
        wallet: AccountKey::from_bytes([0x11; 32]).unwrap(),
        identity: AccountKey::from_bytes([0x22; 32]).unwrap(),
    }
}

#[test]
fn an_enrolment_ends_with_the_own_record_read_back() {
    let (mut world, phone) = (World::new(), phone());
    let enrolled = world.run(&phone).unwrap();
    assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
    assert_eq!((world.paid, world.node.sent), (1, 1));
    assert_eq!(world.claims_on_chain(), 1);
    // Once more, there is nothing to do.
    assert_eq!(world.run(&phone).unwrap(), enrolled);
    assert_eq!((world.paid, world.node.sent), (1, 1));
}

#[test]
fn a_crash_at_any_step_is_gone_on_from_and_nothing_is_done_twice() {
    let phone = phone();
    let whole = {
        let mut world = World::new();
        world.run(&phone).unwrap();
        world.effects
    };
    assert!(whole >= 15, "{whole} effects");
    for crash_at in 1..=whole {
        let mut world = World::new();
        world.crash_at = Some(crash_at);
        let enrolled = world.run(&phone).unwrap();
        assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
        assert_eq!(world.paid, 1, "crash at {crash_at}");
        assert_eq!(world.claims_on_chain(), 1, "crash at {crash_at}");
        assert_eq!(world.registry.approved_numbers().unwrap().len(), 1);
    }
}

#[test]
fn a_phone_that_has_lost_its_notes_does_nothing_twice() {
    let phone = phone();
    for lost_at in 1..=6 {
        let mut world = World::new();
        let mut enrolment = world.begin(&phone);
        for _ in 0..lost_at {
            let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
        }
        world.disk = None;
        world.run(&phone).unwrap();
        assert_eq!(world.paid, 1, "lost after {lost_at}");
        assert_eq!(world.claims_on_chain(), 1, "lost after {lost_at}");
    }
}

#[test]
fn an_operator_whose_books_are_closed_refuses_and_the_record_says_that_all_is_well() {
    let phone = phone();
    let whole = {
        let mut world = World::new();
        world.run(&phone).unwrap();
        world.effects
    };
    for crash_at in 1..=whole {
        let mut world = World::new();
        world.closes_its_books = true;
        world.crash_at = Some(crash_at);
        world.run(&phone).unwrap();
        assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    }
}

#[test]
fn a_claim_that_offers_too_little_is_replaced_in_its_own_place() {
    let (mut world, phone) = (World::new(), phone());
    world.node.underpriced = 2;
    let enrolled = world.run(&phone).unwrap();
    assert!(matches!(enrolled.step(), Step::Enrolled { .. }));
    assert_eq!(world.node.sent, 3);
    assert_eq!(world.claims_on_chain(), 1);
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_claim_whose_block_is_forked_away_is_sent_again_as_it_is() {
    let (mut world, phone) = (World::new(), phone());
    world.hold = Some(Hold::TakenBack);
    let waiting = world.run(&phone).unwrap_err();
    assert_eq!(waiting, Waiting::Held(Hold::TakenBack));
    let Step::Claimed(Some(signed)) = world.resume(&phone).step().clone() else {
        panic!("{:?}", world.resume(&phone).step());
    };
    assert_eq!(world.chain.rewind(1), 1);
    assert_eq!(world.claims_on_chain(), 0);
    world.hold = None;
    let mut enrolment = world.resume(&phone);
    let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    assert_eq!(enrolment.step(), &Step::Signed(signed.clone()));
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert!(world.chain.receipt(signed.hash).is_some());
}

#[test]
fn a_claim_whose_block_is_forked_away_after_the_approval_was_sent_is_sent_again() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Approved { .. }) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    // The claim's block, and the approval's.
    assert_eq!(world.chain.rewind(2), 2);
    world.approval = None;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_claim_that_is_held_waits_with_the_reason() {
    let (mut world, phone) = (World::new(), phone());
    world.hold = Some(Hold::HasRecord);
    assert_eq!(world.run(&phone), Err(Waiting::Held(Hold::HasRecord)));
    // The operator's people decide, and the phone goes on.
    world.hold = None;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

#[test]
fn notes_are_of_one_enrolment_alone() {
    let (mut world, phone) = (World::new(), phone());
    world.run(&phone).unwrap();
    let text = world.disk.clone().unwrap();
    let other = |change: &dyn Fn(&mut Phone)| {
        let mut other = Phone {
            wallet: phone.wallet.clone(),
            identity: phone.identity.clone(),
        };
        change(&mut other);
        world.begin(&other).resumed(&text).unwrap_err().to_string()
    };
    let key = || AccountKey::from_bytes([0x33; 32]).unwrap();
    assert!(other(&|phone| phone.wallet = key()).contains("its wallet is another"));
    assert!(other(&|phone| phone.identity = key()).contains("its identity key is another"));
    let ours = || world.begin(&phone);
    for (text, named) in [
        (text.replacen("enrolment", "shopping", 1), "\"format\""),
        (
            text.replacen("\"version\": 1", "\"version\": 7", 1),
            "version 7",
        ),
        (text.replacen("enrolled", "married", 1), "married"),
        (text[..text.len() / 2].to_owned(), "EOF"),
    ] {
        let error = ours().resumed(&text).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    let signed = {
        let mut enrolment = world.begin(&phone);
        enrolment.step = Step::Signed(SignedClaim::new(
            &enrolment.unsigned(
                0,
                crate::Fees {
                    max_per_gas: 2,
                    tip_per_gas: 1,
                },
            ),
            &phone.wallet,
            None,
        ));
        enrolment.to_json().unwrap()
    };
    assert!(ours().resumed(&signed).is_ok());
    let changed = signed.replacen("\"raw\": \"0x02f9", "\"raw\": \"0x02f8", 1);
    let error = ours().resumed(&changed).unwrap_err().to_string();
    assert!(error.contains("signed claim"), "{error}");
    // The notes hold no secret.
    for secret in [phone.wallet.to_bytes(), phone.identity.to_bytes()] {
        assert!(!text.contains(&hex::encode(*secret)));
    }
}

#[test]
fn another_wallets_secret_signs_nothing() {
    let (mut world, phone) = (World::new(), phone());
    let other = AccountKey::from_bytes([0x33; 32]).unwrap();
    let refused = world.begin(&phone).advance(&other, &mut world).unwrap_err();
    assert_eq!(refused, EnrolError::OtherWallet);
    assert_eq!(world.effects, 0);
}

#[test]
fn ether_that_does_not_come_is_waited_for() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    // The payment is taken out of the wallet again.
    let burn = Transaction {
        from: phone.wallet.address(),
        to: Some(Address::ZERO),
        value: U256::from(10_u64.pow(16) - 10_u64.pow(14)),
        data: Bytes::new(),
    };
    world.chain.transact(burn).unwrap();
    let waiting = enrolment.advance(&phone.wallet, &mut world).unwrap();
    assert!(
        matches!(waiting, Advance::Waiting(Waiting::Funds { .. })),
        "{waiting:?}"
    );
}

#[test]
fn an_operator_without_ether_is_waited_for_and_pays_once() {
    let (mut world, phone) = (World::new(), phone());
    world.is_poor = true;
    let Err(Waiting::Funds { payment, balance }) = world.run(&phone) else {
        panic!("{:?}", world.resume(&phone));
    };
    assert_eq!(
        (payment, balance),
        (Payment::Queued(Wait::Funds), U256::ZERO)
    );
    world.is_poor = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

#[test]
fn a_node_that_refuses_or_loses_the_claim_is_sent_the_same_again() {
    let (mut world, phone) = (World::new(), phone());
    world.node.full = 3;
    world.node.loses_answers = 1;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_node_that_is_behind_delays_and_makes_nobody_pay_twice() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Signed(_)) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    world.node.is_behind = true;
    let waiting = world.run(&phone).unwrap_err();
    assert!(matches!(waiting, Waiting::Block { .. }), "{waiting:?}");
    world.node.is_behind = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
    assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
}

#[test]
fn a_stranger_who_claims_the_number_first_delays_nobody_and_is_not_approved() {
    let (mut world, phone) = (World::new(), phone());
    let told = world.begin(&phone).claim;
    let mallory = world.chain.account(3);
    let his_key = AccountKey::from_bytes([0x44; 32]).unwrap();
    let operator = world.operator();
    let number = NUMBER.parse().unwrap();
    let his = Claim::make(operator, number, mallory, &his_key, told.token_hash);
    let send = Transaction::call(mallory, world.registry.address(), his.add_client());
    assert!(world.chain.transact(send).unwrap().succeeded());

    world.run(&phone).unwrap();
    let entry = world.registry.client(told.number_hash).unwrap().unwrap();
    assert_eq!(
        (entry.key, entry.holder),
        (told.compressed_key(), told.wallet)
    );
    assert!(
        world
            .registry
            .pending(told.number_hash, mallory)
            .unwrap()
            .is_some()
    );
}

#[test]
fn an_operator_that_approves_another_is_found_out_by_the_read_back() {
    let (mut world, phone) = (World::new(), phone());
    let mallory = world.chain.account(3);
    let his_key = AccountKey::from_bytes([0x44; 32]).unwrap();
    let (operator, number) = (world.operator(), NUMBER.parse().unwrap());
    let his = Claim::make(operator, number, mallory, &his_key, TokenHash([9; 32]));
    let send = Transaction::call(mallory, world.registry.address(), his.add_client());
    assert!(world.chain.transact(send).unwrap().succeeded());
    world.approves_instead = Some(his);

    let mut enrolment = world.begin(&phone);
    let error = loop {
        match enrolment.advance(&phone.wallet, &mut world) {
            Ok(Advance::Done) => panic!("enrolled, with another's record"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, EnrolError::OtherRecord { holder, .. } if holder == mallory),
        "{error:?}"
    );
}

#[test]
fn a_node_that_lies_at_the_last_read_is_not_believed() {
    let (mut world, phone) = (World::new(), phone());
    let mut enrolment = world.begin(&phone);
    while !matches!(enrolment.step(), Step::Approved { .. }) {
        let _ = enrolment.advance(&phone.wallet, &mut world).unwrap();
    }
    world.lies = true;
    let error = enrolment.advance(&phone.wallet, &mut world).unwrap_err();
    assert!(
        matches!(error, EnrolError::Surroundings(Mishap::Unproven(_))),
        "{error:?}"
    );
    assert!(matches!(enrolment.step(), Step::Approved { .. }));
    world.lies = false;
    world.run(&phone).unwrap();
    assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_goes_wrong_everybody_is_paid_once_and_claims_once(
        crash_at in 1_usize..40,
        underpriced in 0_usize..3,
        full in 0_usize..3,
        loses_answers in 0_usize..3,
        closes_its_books: bool,
    ) {
        let (mut world, phone) = (World::new(), phone());
        world.crash_at = Some(crash_at);
        world.closes_its_books = closes_its_books;
        world.node.underpriced = underpriced;
        world.node.full = full;
        world.node.loses_answers = loses_answers;
        let enrolled = world.run(&phone).unwrap();
        let is_enrolled = matches!(enrolled.step(), Step::Enrolled { .. });
        prop_assert!(is_enrolled);
        prop_assert_eq!((world.paid, world.claims_on_chain()), (1, 1));
        prop_assert_eq!(world.chain.nonce(phone.wallet.address()), 1);
        // And what is stored is what is so.
        prop_assert_eq!(world.resume(&phone), enrolled);
    }
}
