//! An operator and its phones over a node that others have written.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::env;
use std::path::Path;

use alloy_primitives::U256;
use callseal_eims::{JsonRpcNode, Node as _};
use callseal_registry_client::{HttpTransport, Registry, RegistryConfig, layout};
use support::anvil::{Anvil, CHAIN_ID};
use support::folder;
use support::operator::{Operator, Subscriber};

const NUMBERS: [&str; 3] = ["+8613800000001", "+8613800000002", "+8613800000003"];

#[test]
#[ignore = "needs a real node: set CALLSEAL_ANVIL to the path of an anvil binary"]
fn a_service_that_is_killed_pays_each_phone_once_and_approves_it_once() {
    let binary = env::var_os("CALLSEAL_ANVIL").expect("CALLSEAL_ANVIL is an anvil binary's path");
    // A block a second, whatever is sent.
    let anvil = Anvil::start_with(Path::new(&binary), &["--block-time", "1"]);
    let (rpc, folder) = (anvil.url.as_str(), folder());
    let operator = Operator::new(folder.path());
    let ether = U256::from(10_u64.pow(18));
    anvil.fund(operator.account, ether);
    let contract = operator.deploy(rpc);
    let people = NUMBERS.map(|number| Subscriber::new(operator.token(number, contract, rpc)));

    let store = folder.path().join("eims.redb");
    let terms = ["--depth", "2", "--from-block", "0", "--poll", "50"];
    let start = || operator.serve(rpc, contract, &store, &terms);
    // Killed as soon as it has promised to pay each.
    for person in &people {
        let service = start();
        person.fund(&service.address, rpc);
        service.kill();
    }
    let service = start();
    for person in &people {
        person.send_claim(rpc);
    }
    // While the claims are on their way into blocks and their approvals are sent: killed again and again.
    service.kill();
    for person in &people {
        let service = start();
        person.await_approval(&service.address, rpc);
        service.kill();
    }
    let service = start();
    for person in &people {
        person.await_end(&service.address, rpc);
    }
    let log = service.interrupt();
    assert!(!log.contains("8613800000"), "{log}");

    // The deployment, a payment and an approval for each: nothing was sent twice, and nothing is missing.
    let mut node = JsonRpcNode::new(rpc).unwrap();
    let sent = node.nonce(operator.account).unwrap();
    assert_eq!(sent, 1 + 2 * NUMBERS.len() as u64);
    let config = RegistryConfig {
        contract,
        code_hash: layout::CODE_HASH,
        chain_id: CHAIN_ID,
    };
    let transport = HttpTransport::new(rpc).unwrap();
    let mut registry = Registry::new(config, anvil.head(), transport);
    for (number, person) in NUMBERS.iter().zip(&people) {
        let record = registry.look_up(number).unwrap().into_record().unwrap();
        assert!(record.is_in_force());
        assert_eq!(record.value().key, person.identity.compressed());
        assert_eq!(record.value().holder, person.wallet.address());
        let left = node.balance(person.wallet.address()).unwrap();
        let paid = U256::from(10_u64.pow(16));
        assert!(left > U256::ZERO && left < paid, "{left}");
    }
    println!(
        "remark: {sent} transactions of the operator for 3 phones, the service killed 7 times"
    );
}
