//! `callseal operator` where the chain does not do what is wanted: payments
//! whose nonce is another transaction's, and registries that are in no block.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};
use callseal::loopback_node::LoopbackNode;
use callseal::operator_keys::OperatorKeys;
use callseal_devchain::{DevBeacon, DevChain, Transaction};
use callseal_eims::service::{Store, Terms, Worker};
use callseal_eims::{JsonRpcNode, OperatorId, Payment};
use support::operator::{Operator, Subscriber};
use support::{Done, folder, run, text};
use tempfile::TempDir;

const ALICE: &str = "+8613800000077";
const BOB: &str = "+8613800000078";

/// An operator with ether, on a chain whose blocks the test makes.
struct Trouble {
    chain: DevChain,
    rpc: String,
    operator: Operator,
    /// Holds the operator's files.
    folder: TempDir,
}

impl Trouble {
    fn new() -> Self {
        let chain = DevChain::new(31_337);
        let beacon = DevBeacon::new(&chain).unwrap();
        let folder = folder();
        let operator = Operator::new(folder.path());
        let ether = Transaction {
            value: U256::from(10_u64.pow(18)),
            ..Transaction::call(chain.account(0), operator.account, [])
        };
        chain.transact(ether).unwrap();
        Self {
            rpc: LoopbackNode::serve(&chain, &beacon, 0).unwrap().url(),
            chain,
            operator,
            folder,
        }
    }

    fn deploy(&self, arguments: &[&str]) -> Done {
        let arguments = [&["--rpc", &self.rpc], arguments].concat();
        self.operator.run("deploy", &arguments)
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("eims.redb")
    }

    /// Somebody else who has the account's keys sends something.
    fn steal_nonce(&self) {
        let theft = Transaction {
            value: U256::from(1),
            ..Transaction::call(self.operator.account, self.chain.account(1), [])
        };
        self.chain.transact(theft).unwrap();
    }

    fn pay_again(&self, token: &str, contract: Address) -> Done {
        let (contract, store) = (contract.to_string(), self.store());
        let registry = ["--contract", &contract, "--rpc", &self.rpc];
        let store = ["--store", text(&store)];
        run(&[&["operator", "pay-again", token], &registry[..], &store].concat())
    }

    /// What the service does, by the test's own clock.
    fn worker(&self, contract: Address) -> Worker<JsonRpcNode> {
        let id = OperatorId {
            chain_id: self.chain.id(),
            contract: contract.into_array(),
        };
        let store = Store::open(&self.store(), id).unwrap();
        let node = JsonRpcNode::new(&self.rpc).unwrap();
        let keys = OperatorKeys::read(&self.operator.keys, "open sesame").unwrap();
        let terms = Terms {
            depth: 1,
            ..Terms::default()
        };
        Worker::new(store, node, keys.account, terms)
    }
}

#[test]
fn a_lost_payment_is_made_again_once_and_no_other_is() {
    let trouble = Trouble::new();
    let (chain, rpc, operator) = (&trouble.chain, &trouble.rpc, &trouble.operator);
    let contract = operator.deploy(rpc);
    let person = Subscriber::new(operator.token(ALICE, contract, rpc));
    let other = Subscriber::new(operator.token(BOB, contract, rpc));
    let tokens = [&person, &other].map(|person| person.token.hash().to_string());
    let [token, others] = tokens.each_ref().map(String::as_str);
    let is_not_lost = |done: Done| {
        let said = done.expect_code(2).stderr;
        assert!(
            said.contains("no payment with this token is lost"),
            "{said}"
        );
    };

    let none = trouble.pay_again(token, contract).expect_code(2).stderr;
    assert!(none.contains("there are no records at"), "{none}");
    assert!(!trouble.store().exists());

    // Signed and sent, and in no block.
    chain.set_automatic(false);
    let terms = ["--poll", "50", "--depth", "1"];
    let service = operator.serve(rpc, contract, &trouble.store(), &terms);
    for phone in [&person, &other] {
        phone.fund(&service.address, rpc);
        phone.await_status(&service.address, rpc, |status| {
            matches!(status.payment, Payment::Sent(_))
        });
    }
    let running = trouble.pay_again(token, contract).expect_code(2).stderr;
    assert!(running.contains("eims.redb"), "{running}");
    service.interrupt();
    for known in [token, others] {
        is_not_lost(trouble.pay_again(known, contract));
    }
    is_not_lost(trouble.pay_again(&B256::repeat_byte(7).to_string(), contract));
    let foreign = trouble.pay_again(token, Address::repeat_byte(7));
    let foreign = foreign.expect_code(2).stderr;
    assert!(foreign.contains("are of operator"), "{foreign}");

    // The first of the two loses its nonce; the other's is not touched.
    trouble.steal_nonce();
    let mut worker = trouble.worker(contract);
    for _ in 0..3 {
        worker.step().unwrap();
        chain.mine();
    }
    drop(worker);
    let early = trouble.pay_again(token, contract).expect_code(2).stderr;
    assert!(early.contains("a fork could still bring"), "{early}");
    // Until no fork is deep enough.
    for _ in 0..128 {
        chain.mine();
    }
    trouble.worker(contract).step().unwrap();
    let owned = |phone: &Subscriber| chain.balance(phone.wallet.address());
    assert_eq!(owned(&person), U256::ZERO);
    is_not_lost(trouble.pay_again(others, contract));
    let done = trouble.pay_again(token, contract).expect_code(0).stdout;
    assert!(
        done.contains("to be paid") && done.contains(token),
        "{done}"
    );
    is_not_lost(trouble.pay_again(token, contract));

    // The service makes it, and so it is lost no more.
    chain.set_automatic(true);
    let service = operator.serve(rpc, contract, &trouble.store(), &["--depth", "0"]);
    service.await_line(&["purpose=Pay", "settled", token]);
    service.interrupt();
    let fee_money = U256::from(Terms::default().fee_money);
    assert_eq!([&person, &other].map(owned), [fee_money; 2]);
    is_not_lost(trouble.pay_again(token, contract));
    // The registry, the theft, and a payment for each.
    assert_eq!(chain.nonce(operator.account), 4);
}

#[test]
fn a_registry_that_no_block_takes_is_not_deployed_twice() {
    let trouble = Trouble::new();
    trouble.chain.set_automatic(false);
    let late = trouble.deploy(&["--patience", "0"]).expect_code(2).stderr;
    assert!(late.contains("is in no block after 0 s"), "{late}");
    let again = trouble.deploy(&["--patience", "0"]).expect_code(2).stderr;
    assert!(
        again.contains("1 transactions of the account") && again.contains("in no block yet"),
        "{again}"
    );
    // It was the first one that came.
    trouble.chain.mine();
    let account = trouble.operator.account;
    assert_eq!(trouble.chain.nonce(account), 1);
    let contract = account.create(0);
    trouble.operator.token(ALICE, contract, &trouble.rpc);
}

#[test]
fn a_deployment_that_is_refused_sends_nothing() {
    let trouble = Trouble::new();
    let poor = trouble.folder.path().join("poor");
    std::fs::create_dir(&poor).unwrap();
    let poor = Operator::new(&poor);
    let wrong = trouble.folder.path().join("wrong");
    std::fs::write(&wrong, "open barley\n").unwrap();
    let wrong = Operator {
        keys: trouble.operator.keys.clone(),
        passphrase: wrong,
        account: trouble.operator.account,
    };
    let blocks = trouble.chain.head_number();
    for (operator, rpc, named) in [
        (&poor, &*trouble.rpc, "owns 0 wei; up to"),
        (&wrong, &*trouble.rpc, "the passphrase is wrong"),
        (&trouble.operator, "http://127.0.0.1:1", "127.0.0.1:1"),
        (&trouble.operator, "no node", "no node"),
    ] {
        let refused = operator.run("deploy", &["--rpc", rpc]).expect_code(2);
        assert!(
            refused.stderr.contains(named),
            "{named}: {}",
            refused.stderr
        );
    }
    assert_eq!(trouble.chain.head_number(), blocks);
}
