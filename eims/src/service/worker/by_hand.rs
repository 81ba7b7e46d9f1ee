//! What an operator's people have the account send, out of turn.
//!
//! It goes the way of everything that the service sends: a nonce, the signed
//! transaction stored and synced, then sent. So it takes no nonce that a
//! payment has, and if nobody waits for its end, the service goes on with it.

use alloy_primitives::{Address, B256, Bytes};

use crate::node::{CallEnd, Node};
use crate::service::points::Purpose;
use crate::service::worker::sending::Content;
use crate::service::worker::{WorkError, Worker};
use crate::{TokenHash, contract};

/// A call of the registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Its data.
    pub data: Bytes,
    /// The most gas that it may use; what is left is not charged.
    pub gas_limit: u64,
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
        self.sign_and_send(&head, Purpose::ByHand, &TokenHash([0; 32]), content)
    }

    /// How the order with this nonce has ended, if it has; where not, it is
    /// sent again.
    ///
    /// # Errors
    ///
    /// [`WorkError`].
    pub fn end_of(&mut self, nonce: u64) -> Result<Option<Ended>, WorkError> {
        let head = self.node.head()?;
        let Some(mut outgoing) = self.store.outgoing(nonce)? else {
            return Ok(None);
        };
        let Some((transaction, succeeded)) = self.in_block(&outgoing)? else {
            let next = self.node.nonce(self.account.address())?;
            self.send_again(&head, next, nonce, &mut outgoing)?;
            return Ok(None);
        };
        let is_settled = self.settled(&head, nonce, &outgoing)?;
        Ok(Some(Ended {
            transaction,
            succeeded,
            is_settled,
        }))
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use callseal_devchain::{DevChain, Transaction};
    use callseal_registry_client::operator_keys_digest;

    use super::*;
    use crate::contract::{REVOKE_BY_OPERATOR_GAS, ROTATE_OPERATOR_KEYS_GAS};
    use crate::service::trial::{Disk, NOON, Subscriber, TrialNode, World};
    use crate::service::{Store, StoreError, Terms};
    use crate::{AccountKey, TokenBook as _};

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
        }
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
    fn another_account_begins_when_nothing_of_the_first_is_out() {
        let (world, store, mut worker_before) = begin();
        let to = AccountKey::from_bytes([0x61; 32]).unwrap();
        let ether = Transaction {
            from: world.chain.account(1),
            to: Some(to.address()),
            value: U256::from(10_u64.pow(19)),
            data: Bytes::new(),
        };
        world.chain.transact(ether).unwrap();
        tell(&store, &world.subscriber(1));
        worker_before.step().unwrap();
        let nonce = worker_before.order(&rotation(&world, &to)).unwrap();
        assert_eq!(nonce, Some(1));

        // The payment is in a block that a fork could still take back.
        let mut worker_after = worker(&world, &store, &to);
        let refused = worker_after.step().unwrap_err();
        let WorkError::Store(StoreError::OtherAccount { found, out, .. }) = refused else {
            panic!("{refused}");
        };
        assert_eq!((found, out), (world.account.address(), 2));

        go_on(&mut worker_before, &world.chain, 4);
        let second = world.subscriber(2);
        tell(&store, &second);
        go_on(&mut worker_after, &world.chain, 4);
        world.claim(&second);
        go_on(&mut worker_after, &world.chain, 6);
        assert!(world.is_approved(&second));
        assert_eq!(world.sent(), 2);
        assert_eq!(world.chain.nonce(to.address()), 2);
    }
}
