//! What an operator's people have the account send, out of turn.
//!
//! It goes the way of everything that the service sends: a nonce, the signed
//! transaction stored and synced, then sent. So it takes no nonce that a
//! payment has, and if nobody waits for its end, the service goes on with it.

use alloy_primitives::{Address, B256, Bytes};

use crate::node::{CallEnd, Node};
use crate::service::points::Purpose;
use crate::service::records::Slot;
use crate::service::store::Due;
use crate::service::worker::sending::{Content, Fate};
use crate::service::worker::{WorkError, Worker};
use crate::{LoggedClaim, TokenHash, contract};

/// A call of the registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Its data.
    pub data: Bytes,
    /// The most gas that it may use; what is left is not charged.
    pub gas_limit: u64,
    /// The claim that it approves, if it is an approval: then the phone is
    /// told of it, and its token is used.
    pub approves: Option<LoggedClaim>,
}

/// How an order has ended, in a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// Its transaction.
    pub transaction: B256,
    /// Whether it did what it says, and was not taken back.
    pub succeeded: bool,
    /// Whether that block is as deep in the chain as the operator's terms ask
    /// for. Until then the order is out, and the service looks after it.
    pub is_settled: bool,
}

impl<N: Node> Worker<N> {
    /// Sends an order, and gives the nonce that it has. What the registry would
    /// take back is not sent.
    ///
    /// # Errors
    ///
    /// [`WorkError`].
    pub fn order(&mut self, order: &Order) -> Result<Option<u64>, WorkError> {
        self.check()?;
        let to = Address::from(self.store.operator().contract);
        let data = order.data.clone();
        if let CallEnd::Reverted(reason) =
            self.node.call(self.account.address(), to, data.clone())?
        {
            let reason = contract::refusal(&reason).unwrap_or("it does not say why");
            return Err(WorkError::Refused { reason });
        }
        let head = self.node.head()?;
        let content = Content {
            to,
            wei: 0,
            data,
            gas_limit: order.gas_limit,
        };
        let due = self.kind_of(order)?;
        let slot = self.sign_and_send(&head, due, content)?;
        Ok(slot.map(|slot| slot.nonce))
    }

    /// The approval of the very claim that a phone has told is its approval,
    /// whoever wants it.
    fn kind_of(&self, order: &Order) -> Result<Due, WorkError> {
        if let Some(claim) = &order.approves {
            let token = claim.token_hash;
            let enrolment = self.store.enrolment(&token)?;
            let told = enrolment.and_then(|enrolment| enrolment.told);
            if told.and_then(|told| told.expected(token)).as_ref() == Some(claim) {
                return Ok(Due {
                    purpose: Purpose::Approve,
                    token,
                    by_hand: true,
                });
            }
        }
        Ok(Due {
            purpose: Purpose::ByHand,
            token: TokenHash([0; 32]),
            by_hand: true,
        })
    }

    /// How the order with this nonce has ended, if it has; where not, it is
    /// sent again.
    ///
    /// # Errors
    ///
    /// [`WorkError`]; [`WorkError::Lost`] where another transaction has the
    /// nonce.
    pub fn end_of(&mut self, nonce: u64) -> Result<Option<Ended>, WorkError> {
        let head = self.node.head()?;
        let account = self.account.address();
        let slot = Slot { account, nonce };
        let Some(mut outgoing) = self.store.outgoing(slot)? else {
            return match self.store.is_lost(slot)? {
                true => Err(WorkError::Lost { account, nonce }),
                false => Ok(None),
            };
        };
        let next = self.node.nonce(account)?;
        let ended = |transaction, succeeded, is_settled| Ended {
            transaction,
            succeeded,
            is_settled,
        };
        match self.look_after(&head, next, slot, &mut outgoing)? {
            Fate::Out => Ok(None),
            Fate::Lost => Err(WorkError::Lost { account, nonce }),
            Fate::InBlock {
                transaction,
                succeeded,
            } => Ok(Some(ended(transaction, succeeded, false))),
            Fate::Settled {
                transaction,
                succeeded,
            } => Ok(Some(ended(transaction, succeeded, true))),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use callseal_devchain::{DevChain, Transaction};
    use callseal_registry_client::operator_keys_digest;

    use super::*;
    use crate::contract::{APPROVE_CLIENT_GAS, REVOKE_BY_OPERATOR_GAS, ROTATE_OPERATOR_KEYS_GAS};
    use crate::service::trial::{Disk, NOON, Subscriber, TrialNode, World};
    use crate::service::{Store, Terms};
    use crate::{AccountKey, Payment, TokenBook as _};

    fn worker(world: &World, store: &Store, account: &AccountKey) -> Worker<TrialNode> {
        let terms = Terms {
            depth: 2,
            from_block: Some(0),
            ..Terms::default()
        };
        Worker::new(store.clone(), world.node(), account.clone(), terms)
    }

    fn begin() -> (World, Store, Worker<TrialNode>) {
        let world = World::new(100);
        let store = Store::on(Disk::default(), (), world.operator).unwrap();
        let worker = worker(&world, &store, &world.account);
        (world, store, worker)
    }

    fn tell(store: &Store, person: &Subscriber) {
        let (token, phone_key) = (person.token.hash(), person.phone_key.public());
        store.clone().bind(&token, &phone_key).unwrap();
        assert_eq!(store.tell(&person.claim, NOON, 3).unwrap(), Ok(()));
    }

    fn go_on(worker: &mut Worker<TrialNode>, chain: &DevChain, steps: usize) {
        for _ in 0..steps {
            worker.step().unwrap();
            chain.mine();
        }
    }

    fn revocation(person: &Subscriber) -> Order {
        Order {
            data: contract::revoke_by_operator(person.claim.number_hash),
            gas_limit: REVOKE_BY_OPERATOR_GAS,
            approves: None,
        }
    }

    fn give_ether(world: &World, to: Address) {
        let ether = Transaction {
            from: world.chain.account(1),
            to: Some(to),
            value: U256::from(10_u64.pow(19)),
            data: Bytes::new(),
        };
        world.chain.transact(ether).unwrap();
    }

    /// Hands the registry to another account with the same other keys.
    fn rotation(world: &World, to: &AccountKey) -> Order {
        let signing = AccountKey::from_bytes(*world.signing.to_bytes()).unwrap();
        let (signing, sealing) = (signing.uncompressed(), world.sealing.public().0);
        let id = world.operator;
        let digest = operator_keys_digest(
            id.chain_id,
            id.contract.into(),
            to.address(),
            &signing,
            &sealing,
            2,
        );
        Order {
            data: contract::rotate_operator_keys(to, &signing, sealing, 0, digest),
            gas_limit: ROTATE_OPERATOR_KEYS_GAS,
            approves: None,
        }
    }

    #[test]
    fn an_order_is_carried_out_between_payments_and_takes_nobodys_nonce() {
        let (world, store, mut worker) = begin();
        let (first, second) = (world.subscriber(1), world.subscriber(2));
        tell(&store, &first);
        go_on(&mut worker, &world.chain, 4);
        world.claim(&first);
        go_on(&mut worker, &world.chain, 6);
        assert!(world.is_approved(&first));
        // What the registry would not do is not sent.
        let refused = worker.order(&revocation(&second)).unwrap_err();
        assert!(matches!(refused, WorkError::Refused { .. }), "{refused}");

        tell(&store, &second);
        worker.step().unwrap();
        let nonce = worker.order(&revocation(&first)).unwrap().unwrap();
        tell(&store, &world.subscriber(3));
        go_on(&mut worker, &world.chain, 1);
        let ended = worker.end_of(nonce).unwrap().unwrap();
        assert!(ended.succeeded);
        let record = world.registry.client(first.claim.number_hash).unwrap();
        assert_eq!(
            record.unwrap().status,
            callseal_registry_client::Status::Revoked
        );
        // Nobody waits for it any more: it settles by itself, as payments do.
        go_on(&mut worker, &world.chain, 4);
        assert!(store.outbox().unwrap().is_empty());
        assert_eq!(world.sent(), 5);
    }

    #[test]
    fn an_order_that_the_node_drops_is_sent_again() {
        let (world, _, mut worker) = begin();
        let to = AccountKey::from_bytes([0x61; 32]).unwrap();
        worker.node.set(|faults| faults.drops = 2);
        let nonce = worker.order(&rotation(&world, &to)).unwrap().unwrap();
        assert_eq!(worker.end_of(nonce).unwrap(), None);
        assert_eq!(worker.end_of(nonce).unwrap(), None);
        let ended = worker.end_of(nonce).unwrap().unwrap();
        assert!(ended.succeeded && !ended.is_settled);
        world.chain.mine();
        world.chain.mine();
        assert!(worker.end_of(nonce).unwrap().unwrap().is_settled);
        assert_eq!(world.sent(), 1);
    }

    #[test]
    fn another_account_goes_on_with_what_is_out_of_the_first() {
        let (world, store, mut worker_before) = begin();
        let to = AccountKey::from_bytes([0x61; 32]).unwrap();
        give_ether(&world, to.address());
        let first = world.subscriber(1);
        worker_before.node.set(|faults| faults.drops = 1);
        tell(&store, &first);
        worker_before.step().unwrap();
        let nonce = worker_before.order(&rotation(&world, &to)).unwrap();
        assert_eq!(nonce, Some(1));
        assert_eq!(worker_before.end_of(1).unwrap(), None);
        // The payment was dropped; until it comes, the rotation waits behind it.
        let second = world.subscriber(2);
        tell(&store, &second);
        worker_before.step().unwrap();
        let mut worker_after = worker(&world, &store, &to);
        go_on(&mut worker_after, &world.chain, 4);
        assert!(store.outbox().unwrap().is_empty());
        for (person, nonce) in [(&first, 2), (&second, 3)] {
            world.claim(person);
            go_on(&mut worker_after, &world.chain, 6);
            assert!(world.is_approved(person), "{nonce}");
        }
        // Nobody was paid by both.
        assert_eq!((world.sent(), world.chain.nonce(to.address())), (3, 2));
    }

    /// Somebody with the keys sends two transactions while a payment is out.
    #[test]
    fn keys_that_a_thief_uses_are_rotated_away() {
        let (world, store, mut worker_before) = begin();
        let to = AccountKey::from_bytes([0x61; 32]).unwrap();
        give_ether(&world, to.address());
        let (first, second) = (world.subscriber(1), world.subscriber(2));
        worker_before.node.set(|faults| faults.drops = 1);
        tell(&store, &first);
        worker_before.step().unwrap();
        world.steal_nonces(2);
        let nonce = worker_before
            .order(&rotation(&world, &to))
            .unwrap()
            .unwrap();
        assert_eq!(nonce, 2);
        assert!(worker_before.end_of(nonce).unwrap().unwrap().succeeded);
        world.chain.mine();
        world.chain.mine();
        assert!(worker_before.end_of(nonce).unwrap().unwrap().is_settled);

        tell(&store, &second);
        let mut worker_after = worker(&world, &store, &to);
        go_on(&mut worker_after, &world.chain, 6);
        let status = |person: &Subscriber| {
            let status = store.status(&person.token.hash(), crate::Wait::Turn);
            status.unwrap().unwrap().payment
        };
        assert!(matches!(status(&first), Payment::Lost(_)));
        assert!(matches!(status(&second), Payment::Settled(_)));
        assert!(store.outbox().unwrap().is_empty());
    }

    #[test]
    fn an_order_whose_nonce_goes_to_another_transaction_is_lost_by_name() {
        let (world, _, mut worker) = begin();
        let to = AccountKey::from_bytes([0x61; 32]).unwrap();
        worker.node.set(|faults| faults.drops = 1);
        let nonce = worker.order(&rotation(&world, &to)).unwrap().unwrap();
        world.steal_nonces(1);
        let mut lost = None;
        for _ in 0..6 {
            world.chain.mine();
            lost = worker.end_of(nonce).err().or(lost);
        }
        assert!(
            matches!(lost, Some(WorkError::Lost { nonce: 0, .. })),
            "{lost:?}"
        );
        // Given again, it is carried out.
        let nonce = worker.order(&rotation(&world, &to)).unwrap().unwrap();
        assert!(worker.end_of(nonce).unwrap().unwrap().succeeded);
    }

    #[test]
    fn a_claim_approved_by_hand_is_approved_as_any_other() {
        let (world, store, mut worker) = begin();
        let person = world.subscriber(1);
        tell(&store, &person);
        go_on(&mut worker, &world.chain, 4);
        world.claim(&person);
        let token = person.token.hash();
        let hold = Some(crate::Hold::TakenBack);
        store.hold(&token, hold).unwrap();
        let order = Order {
            data: person.claim.as_logged().approve_client(),
            gas_limit: APPROVE_CLIENT_GAS,
            approves: Some(person.claim.as_logged()),
        };
        let nonce = worker.order(&order).unwrap();
        assert_eq!(nonce, Some(1));
        let status = || {
            let status = store.status(&token, crate::Wait::Turn);
            status.unwrap().unwrap().approval
        };
        assert!(matches!(status(), crate::Approval::Sent(_)));
        go_on(&mut worker, &world.chain, 4);
        assert!(matches!(status(), crate::Approval::Settled(_)));
        assert_eq!(store.standing(&token).unwrap(), crate::Standing::Used);
        assert_eq!(world.sent(), 2);
    }
}
