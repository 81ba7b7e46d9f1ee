//! Nodes that fork, lag, lie and refuse; strangers who claim what is not
//! theirs; an operator without ether; a full disk.

mod claims;
mod nonces;

use alloy_primitives::{Address, U256};
use callseal_devchain::Transaction;

use crate::service::trial::{Disk, NOON, Seeded, Subscriber, TrialNode, World};
use crate::service::{Store, StoreError, Terms, WorkError, Worker};
use crate::{
    AccountKey, Approval, Claim, Fees, Hold, Payment, Refusal, Status, Token, TokenBook as _,
    TokenClaims, Unsigned, Wait,
};

struct Trial {
    world: World,
    disk: Disk,
    store: Store,
    node: TrialNode,
    worker: Worker<TrialNode>,
}

impl Trial {
    fn new(ether: u64) -> Self {
        Self::with_terms(ether, |_| {})
    }

    fn with_terms(ether: u64, change: impl FnOnce(&mut Terms)) -> Self {
        let world = World::new(ether);
        let disk = Disk::default();
        let store = Store::on(disk.clone(), (), world.operator).unwrap();
        let mut terms = Terms {
            depth: 2,
            from_block: Some(0),
            ..Terms::default()
        };
        change(&mut terms);
        let node = world.node();
        let worker = Worker::new(store.clone(), node.clone(), world.account.clone(), terms);
        Self {
            world,
            disk,
            store,
            node,
            worker,
        }
    }

    fn tell(&mut self, person: &Subscriber) -> Result<(), Refusal> {
        let token = person.token.hash();
        self.store.bind(&token, &person.phone_key.public()).unwrap();
        self.store.tell(&person.claim, NOON, 3).unwrap()
    }

    /// Some steps with a block after each.
    fn go_on(&mut self, steps: usize) {
        for _ in 0..steps {
            let _ = self.worker.step();
            self.world.chain.mine();
        }
    }

    fn status(&self, person: &Subscriber) -> Status {
        let status = self.store.status(&person.token.hash(), Wait::Turn).unwrap();
        status.unwrap()
    }

    fn is_paid(&self, person: &Subscriber) -> bool {
        matches!(self.status(person).payment, Payment::Settled(_))
    }

    /// Somebody else with another good token for the same number.
    fn second_token(&self, person: &Subscriber) -> Subscriber {
        self.world.second_token(person, 2)
    }

    /// From nothing to an approved record.
    fn enrols(&mut self, person: &Subscriber) {
        assert_eq!(self.tell(person), Ok(()));
        self.go_on(4);
        self.world.claim(person);
        self.go_on(6);
        assert!(self.is_paid(person), "{:?}", self.status(person));
        let approval = self.status(person).approval;
        assert!(matches!(approval, Approval::Settled(_)), "{approval:?}");
        assert!(self.world.is_approved(person));
    }
}

#[test]
fn a_subscriber_is_paid_and_approved() {
    let mut trial = Trial::new(100);
    for seed in 1..=3 {
        let person = trial.world.subscriber(seed);
        trial.enrols(&person);
    }
    assert_eq!(trial.world.sent(), 6);
}

#[test]
fn an_answer_that_is_lost_pays_nobody_twice() {
    let mut trial = Trial::new(100);
    trial.node.set(|faults| faults.loses_answers = true);
    let person = trial.world.subscriber(1);
    trial.enrols(&person);
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_transaction_that_the_node_drops_is_sent_again() {
    let mut trial = Trial::new(100);
    trial.node.set(|faults| faults.drops = 2);
    let person = trial.world.subscriber(1);
    trial.enrols(&person);
    assert_eq!(trial.world.sent(), 2);
    assert!(trial.node.faults.lock().unwrap().came >= 4);
}

#[test]
fn a_node_that_hides_receipts_makes_nobody_paid_twice() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.node.set(|faults| faults.hides_receipts = true);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(20);
    assert_eq!(trial.world.sent(), 1);
    // Its nonce is used, by what nobody knows.
    assert!(matches!(trial.status(&person).payment, Payment::Lost(_)));
    // Also not by the next process.
    trial.disk.lose_power();
    let world = &trial.world;
    trial.store = Store::on(trial.disk.clone(), (), world.operator).unwrap();
    let terms = Terms {
        depth: 2,
        from_block: Some(0),
        ..Terms::default()
    };
    let (store, node) = (trial.store.clone(), trial.node.clone());
    trial.worker = Worker::new(store, node, world.account.clone(), terms);
    trial.go_on(20);
    assert_eq!(trial.world.sent(), 1);
    trial.node.set(|faults| faults.hides_receipts = false);
    trial.go_on(1);
    assert!(trial.is_paid(&person));
}

#[test]
fn a_node_that_says_a_payment_failed_makes_nobody_paid_twice() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.node.set(|faults| faults.denies_success = true);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(12);
    assert!(matches!(trial.status(&person).payment, Payment::Failed(_)));
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    assert_eq!(trial.world.sent(), 1);
}

#[test]
fn a_node_that_denies_approvals_gets_nothing_approved_twice() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    trial.world.claim(&person);
    trial.node.set(|faults| faults.denies_success = true);
    trial.go_on(12);
    assert!(trial.world.is_approved(&person));
    // Nothing is pending any more, so there was nothing to approve again.
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_payment_that_a_fork_takes_out_is_sent_again_as_it_was() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    let _ = trial.worker.step();
    assert_eq!(trial.world.sent(), 1);
    assert_eq!(trial.world.chain.rewind(1), 1);
    assert_eq!(trial.world.sent(), 0);
    trial.go_on(5);
    assert_eq!(trial.world.sent(), 1);
    assert!(trial.is_paid(&person));
}

#[test]
fn a_claim_that_a_fork_takes_out_is_not_approved_until_it_is_back() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    trial.world.claim(&person);
    trial.node.set(|faults| faults.rejects = true);
    let _ = trial.worker.step();
    assert!(matches!(trial.status(&person).approval, Approval::Sent(_)));
    assert_eq!(trial.world.chain.rewind(1), 1);
    trial.node.set(|faults| faults.rejects = false);
    // The approval meets no claim, and the registry takes it back.
    trial.go_on(5);
    assert!(!trial.world.is_approved(&person));
    trial.world.claim(&person);
    trial.go_on(6);
    assert!(trial.world.is_approved(&person));
    let approval = trial.status(&person).approval;
    assert!(matches!(approval, Approval::Settled(_)), "{approval:?}");
}

#[test]
fn a_node_that_lags_only_costs_time() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.world.chain.mine();
    trial.world.chain.mine();
    trial.node.set(|faults| faults.lag = 1);
    trial.enrols(&person);
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_node_that_is_away_or_refuses_loses_nothing() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.node.set(|faults| faults.away = true);
    assert_eq!(trial.tell(&person), Ok(()));
    assert!(matches!(trial.worker.step(), Err(WorkError::Node(_))));
    assert_eq!(trial.status(&person).payment, Payment::Queued(Wait::Turn));
    trial.node.set(|faults| {
        faults.away = false;
        faults.rejects = true;
    });
    trial.go_on(3);
    assert!(matches!(trial.status(&person).payment, Payment::Sent(_)));
    assert_eq!(trial.world.sent(), 0);
    trial.node.set(|faults| faults.rejects = false);
    trial.go_on(4);
    assert!(trial.is_paid(&person));
}

#[test]
fn without_ether_payments_wait_and_are_made_when_there_is_some() {
    let mut trial = Trial::new(0);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    let waits = trial.worker.waits();
    let Err(WorkError::Funds { missing, .. }) = trial.worker.step() else {
        panic!("there is no ether");
    };
    assert!(missing > U256::from(Terms::default().fee_money));
    assert_eq!(
        waits.load(std::sync::atomic::Ordering::Relaxed),
        Wait::Funds as u8
    );
    assert_eq!(trial.status(&person).payment, Payment::Queued(Wait::Turn));
    let chain = &trial.world.chain;
    let gift = Transaction {
        value: U256::from(10_u64.pow(18)),
        ..Transaction::call(chain.account(0), trial.world.account.address(), [])
    };
    chain.transact(gift).unwrap();
    trial.go_on(4);
    assert!(trial.is_paid(&person));
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_promised() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    let token = person.token.hash();
    trial
        .store
        .bind(&token, &person.phone_key.public())
        .unwrap();
    trial.disk.fail_after(Some(0));
    let error = trial.store.tell(&person.claim, NOON, 3).unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error}");
    assert!(error.to_string().contains("no space left"), "{error}");
    trial.disk.fail_after(None);
    assert_eq!(trial.status(&person).payment, Payment::NotAsked);
    trial.enrols(&person);
}

/// A stranger sees a claim before it is in a block and sends its own first:
/// same number, same token hash, its own key and wallet.
#[test]
fn who_runs_ahead_of_a_claim_is_never_approved() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    let (wallet, key) = (
        AccountKey::from_bytes([0x66; 32]).unwrap(),
        AccountKey::from_bytes([0x67; 32]).unwrap(),
    );
    let operator = trial.world.operator;
    let stolen = Claim::make(
        operator,
        person.number,
        wallet.address(),
        &key,
        person.token.hash(),
    );
    let chain = trial.world.chain.clone();
    let contract = trial.world.registry.address();
    let gift = Transaction {
        value: U256::from(10_u64.pow(18)),
        ..Transaction::call(chain.account(0), wallet.address(), [])
    };
    chain.transact(gift).unwrap();
    let fees = Fees {
        max_per_gas: 20_000_000_000,
        tip_per_gas: 5,
    };
    let call = Unsigned::call(
        operator.chain_id,
        0,
        fees,
        contract,
        stolen.add_client(),
        300_000,
    );
    chain.send_raw(&call.sign(&wallet).raw).unwrap();
    trial.go_on(4);
    let pending = |sender: Address| trial.world.registry.pending(stolen.number_hash, sender);
    assert!(pending(wallet.address()).unwrap().is_some());
    assert_eq!(trial.status(&person).approval, Approval::NoClaim);

    trial.world.claim(&person);
    trial.go_on(6);
    assert!(trial.world.is_approved(&person));
    let pending = |sender: Address| trial.world.registry.pending(stolen.number_hash, sender);
    assert!(pending(wallet.address()).unwrap().is_some());
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn a_claim_for_another_key_than_told_is_left_pending() {
    let mut trial = Trial::new(100);
    let mut person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(4);
    let other = AccountKey::from_bytes([0x67; 32]).unwrap();
    let (operator, wallet) = (trial.world.operator, person.wallet.address());
    person.claim = Claim::make(operator, person.number, wallet, &other, person.token.hash());
    trial.world.claim(&person);
    trial.go_on(4);
    assert_eq!(trial.world.sent(), 1);
    assert!(!trial.world.is_approved(&person));
}

/// A token that is stolen, or sold twice, replaces nobody's record.
#[test]
fn a_second_token_does_not_replace_a_record() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.enrols(&person);
    let before = trial
        .world
        .registry
        .client(person.claim.number_hash)
        .unwrap();

    let second = trial.second_token(&person);
    assert_eq!(trial.tell(&second), Ok(()));
    trial.go_on(4);
    trial.world.claim(&second);
    trial.go_on(4);
    assert_eq!(
        trial.status(&second).approval,
        Approval::Held(Hold::HasRecord)
    );
    let after = trial
        .world
        .registry
        .client(person.claim.number_hash)
        .unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_phone_cannot_name_another_wallet_or_key_later() {
    let mut trial = Trial::new(100);
    let mut person = trial.world.subscriber(1);
    assert_eq!(trial.tell(&person), Ok(()));
    let (operator, hash) = (trial.world.operator, person.token.hash());
    let identity = AccountKey::from_bytes([0x81; 32]).unwrap();
    let elsewhere = Address::repeat_byte(0x99);
    person.claim = Claim::make(operator, person.number, elsewhere, &identity, hash);
    assert_eq!(trial.tell(&person), Err(Refusal::OtherClaim));
}

#[test]
fn a_number_is_paid_for_three_times_a_day_at_most() {
    let mut trial = Trial::new(100);
    for serial in 1..=4_u8 {
        let mut person = trial.world.subscriber(serial);
        let operator = trial.world.operator;
        let claims = TokenClaims {
            number: "+8613800000000".parse().unwrap(),
            ..*person.token.unverified_claims()
        };
        person.number = claims.number;
        person.token = Token::issue(claims, &trial.world.signing, &mut Seeded(9));
        let identity = AccountKey::from_bytes([0x80 | serial; 32]).unwrap();
        let (wallet, hash) = (person.wallet.address(), person.token.hash());
        person.claim = Claim::make(operator, person.number, wallet, &identity, hash);
        let expected = match serial {
            ..4 => Ok(()),
            _ => Err(Refusal::NumberLimit),
        };
        assert_eq!(trial.tell(&person), expected, "{serial}");
    }
}

/// A wallet's address is no secret: whoever has tokens of his own can name it.
#[test]
fn whoever_names_anothers_wallet_takes_none_of_its_payments() {
    let mut trial = Trial::new(100);
    let victim = trial.world.subscriber(1);
    for seed in 2..=6 {
        let mut thief = trial.world.subscriber(seed);
        let identity = AccountKey::from_bytes([0x80 | seed; 32]).unwrap();
        let (operator, hash) = (trial.world.operator, thief.token.hash());
        let wallet = victim.wallet.address();
        thief.claim = Claim::make(operator, thief.number, wallet, &identity, hash);
        assert_eq!(trial.tell(&thief), Ok(()));
    }
    trial.enrols(&victim);
}

#[test]
fn a_fee_that_is_too_low_is_raised_under_the_same_nonce() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.world.chain.set_automatic(false);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.worker.step().unwrap();
    let (nonce, mut outgoing) = trial.store.outbox().unwrap().remove(0);
    // As if it was signed when gas was nearly free.
    outgoing.variants[0].max_per_gas = 1;
    trial.store.replace(nonce, &outgoing).unwrap();
    let _ = trial.worker.step();
    let (same, outgoing) = trial.store.outbox().unwrap().remove(0);
    assert_eq!((same, outgoing.variants.len()), (nonce, 2));
    trial.world.chain.mine();
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 1);
}

#[test]
fn an_offer_that_the_node_finds_too_low_is_raised_block_by_block() {
    let mut trial = Trial::new(100);
    let person = trial.world.subscriber(1);
    trial.node.set(|faults| faults.underprices = true);
    assert_eq!(trial.tell(&person), Ok(()));
    let offers = |trial: &Trial| trial.store.outbox().unwrap()[0].1.variants.len();
    for _ in 0..3 {
        let _ = trial.worker.step();
    }
    assert_eq!(offers(&trial), 1, "no block has gone by");
    trial.world.chain.mine();
    trial.go_on(4);
    assert_eq!(offers(&trial), 5);
    trial.node.set(|faults| faults.underprices = false);
    trial.go_on(4);
    assert!(trial.is_paid(&person));
    assert_eq!(trial.world.sent(), 1);
}

#[test]
fn an_offer_that_no_block_takes_is_raised_up_to_the_operators_limit() {
    let limit = 30_000_000_000;
    let mut trial = Trial::with_terms(100, |terms| terms.most_per_gas = limit);
    let person = trial.world.subscriber(1);
    trial.node.set(|faults| faults.rejects = true);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.go_on(400);
    let (_, outgoing) = trial.store.outbox().unwrap().remove(0);
    let first = &outgoing.variants[0];
    let newest = outgoing.newest().unwrap();
    assert!(outgoing.variants.len() > 10);
    assert!(newest.max_per_gas > first.max_per_gas && newest.max_per_gas <= limit);
    trial.node.set(|faults| faults.rejects = false);
    trial.go_on(4);
    assert!(trial.is_paid(&person));
}

/// A payment that is mined and not deep in the chain has left the account
/// already.
#[test]
fn what_is_in_a_block_is_not_missed_again() {
    let mut trial = Trial::with_terms(1, |terms| {
        terms.fee_money = 400_000_000_000_000_000;
        terms.depth = 6;
    });
    let (one, two) = (trial.world.subscriber(1), trial.world.subscriber(2));
    assert_eq!(trial.tell(&one), Ok(()));
    trial.worker.step().unwrap();
    assert_eq!(trial.world.sent(), 1);
    assert_eq!(trial.tell(&two), Ok(()));
    trial.worker.step().unwrap();
    assert_eq!(trial.world.sent(), 2);
}

#[test]
fn what_the_account_lacks_is_never_nothing() {
    let mut trial = Trial::new(1);
    let person = trial.world.subscriber(1);
    trial.world.chain.set_automatic(false);
    trial.node.set(|faults| faults.drops = 1);
    assert_eq!(trial.tell(&person), Ok(()));
    trial.worker.step().unwrap();
    // Somebody else has the account pay nearly all that it owns.
    let fees = Fees {
        max_per_gas: 20_000_000_000,
        tip_per_gas: 5,
    };
    let gift = crate::Transfer {
        to: Address::repeat_byte(9),
        wei: U256::from(995_000_000_000_000_000_u64),
    };
    let unsigned = Unsigned::transfer(trial.world.operator.chain_id, 0, fees, gift);
    let raw = unsigned.sign(&trial.world.account).raw;
    trial.world.chain.send_raw(&raw).unwrap();
    trial.world.chain.mine();
    let other = trial.world.subscriber(2);
    assert_eq!(trial.tell(&other), Ok(()));
    let Err(WorkError::Funds { missing, .. }) = trial.worker.step() else {
        panic!("there is no ether");
    };
    let fee_money = U256::from(Terms::default().fee_money);
    assert!(missing > U256::ZERO && missing < fee_money, "{missing}");
}

#[test]
fn records_of_another_operator_are_refused() {
    let trial = Trial::new(1);
    let mut other = trial.world.operator;
    other.chain_id += 1;
    let Err(error) = Store::on(trial.disk.clone(), (), other) else {
        panic!("they are not his");
    };
    assert!(matches!(error, StoreError::OtherOperator { .. }), "{error}");
}
