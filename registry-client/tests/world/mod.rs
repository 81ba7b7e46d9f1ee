//! A chain on which operators have registries and subscribers, its committee, and how often any node was asked.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]
#![allow(dead_code, reason = "each test file uses what it needs")]

use alloy_primitives::{Address, B256};
use callseal_devchain::{
    Claim, Counted, DevBeacon, DevChain, DevRegistry, Operator, Tally, prove_possession,
    uncompressed_key,
};
use callseal_registry_client::light::{Beacon, LightClient, SharedClient};
use callseal_registry_client::number_hash;

pub(crate) struct World<const OPERATORS: usize> {
    pub(crate) chain: DevChain,
    pub(crate) beacon: DevBeacon,
    pub(crate) registries: [DevRegistry; OPERATORS],
    /// Of before there was any registry.
    pub(crate) checkpoint: B256,
    pub(crate) asked: Tally,
}

impl<const OPERATORS: usize> World<OPERATORS> {
    /// Each operator has approved the [keys](key) of its own numbers.
    pub(crate) fn new(numbers: [&[&str]; OPERATORS]) -> Self {
        let chain = DevChain::new(31337);
        let beacon = DevBeacon::new(&chain).unwrap();
        let checkpoint = beacon.finalize();
        let mut accounts = 0..;
        let registries = numbers.map(|_| deploy(&chain, chain.account(accounts.next().unwrap())));
        let world = Self {
            chain,
            beacon,
            registries,
            checkpoint,
            asked: Tally::default(),
        };
        for (operator, numbers) in numbers.into_iter().enumerate() {
            for number in numbers {
                world.approve(operator, number, &secret(number));
            }
        }
        world.beacon.finalize();
        world
    }

    /// An operator vouches for a key.
    pub(crate) fn approve(&self, operator: usize, number: &str, secret: &[u8; 32]) {
        let account = self.chain.account(operator);
        let wallet = self.chain.account(WALLET);
        approve(&self.registries[operator], account, wallet, number, secret);
    }

    pub(crate) fn counted<N>(&self, node: N) -> Counted<N> {
        Counted::new(node, &self.asked)
    }

    /// At the checkpoint.
    pub(crate) fn light(&self) -> SharedClient<Counted<DevBeacon>> {
        self.light_by(self.counted(self.beacon.clone()))
    }

    /// The same by another node.
    pub(crate) fn light_by<B: Beacon>(&self, beacon: B) -> SharedClient<B> {
        let (network, now) = (self.beacon.network(), self.beacon.now());
        let started = LightClient::start(network, self.checkpoint, vec![beacon], now);
        started.unwrap().0.into()
    }
}

/// No operator's account.
const WALLET: usize = 5;

pub(crate) fn deploy(chain: &DevChain, account: Address) -> DevRegistry {
    let operator = Operator {
        account,
        signing_key: uncompressed_key(&[1; 32]).unwrap(),
        sealing_key: [0; 32],
    };
    DevRegistry::deploy(chain, account, &operator).unwrap()
}

/// The wallet claims a number for a key, and the operator's account approves it.
pub(crate) fn approve(
    registry: &DevRegistry,
    account: Address,
    wallet: Address,
    number: &str,
    secret: &[u8; 32],
) -> Claim {
    let number_hash = number_hash(number).unwrap();
    let digest = registry.proof_of_possession_digest(number_hash, wallet);
    let claim = Claim {
        number_hash,
        key: uncompressed_key(secret).unwrap(),
        token_hash: B256::ZERO,
        proof_of_possession: prove_possession(secret, digest).unwrap(),
    };
    registry.add_client(wallet, &claim).unwrap();
    let record_hash = claim.record_hash(wallet);
    registry
        .approve_client(account, number_hash, wallet, record_hash)
        .unwrap();
    claim
}

/// The identity key of a number's own subscriber.
pub(crate) fn secret(number: &str) -> [u8; 32] {
    [number.as_bytes()[number.len() - 1]; 32]
}

/// The public half of it, compressed.
pub(crate) fn key(number: &str) -> [u8; 33] {
    compressed(&secret(number))
}

pub(crate) fn compressed(secret: &[u8; 32]) -> [u8; 33] {
    let uncompressed = uncompressed_key(secret).unwrap();
    let mut key = [2 + uncompressed[63] % 2; 33];
    key[1..].copy_from_slice(&uncompressed[..32]);
    key
}
