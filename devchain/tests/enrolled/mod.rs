//! A registry on a chain, and subscribers who claim numbers in it.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_primitives::{Address, B256, keccak256};
use callseal_devchain::{
    Claim, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_registry_client::number_hash;

pub(crate) const CHAIN_ID: u64 = 31337;

/// A fresh registry; account 0 is its operator.
pub(crate) fn registry() -> (DevChain, DevRegistry) {
    let chain = DevChain::new(CHAIN_ID);
    let registry = deploy(&chain);
    (chain, registry)
}

/// Another registry of the same operator.
pub(crate) fn deploy(chain: &DevChain) -> DevRegistry {
    DevRegistry::deploy(chain, chain.account(0), &operator(chain)).unwrap()
}

pub(crate) fn operator(chain: &DevChain) -> Operator {
    Operator {
        account: chain.account(0),
        signing_key: uncompressed_key(&[0x51; 32]).unwrap(),
        sealing_key: [0x5e; 32],
    }
}

/// Somebody with an identity key and a wallet.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) number: String,
    pub(crate) identity: [u8; 32],
    pub(crate) wallet: Address,
    pub(crate) token_hash: B256,
}

impl Subscriber {
    /// The subscriber number `index`, with one of the chain's funded wallets but the operator's.
    pub(crate) fn new(chain: &DevChain, index: usize) -> Self {
        Self {
            number: format!("+86138{index:08}"),
            identity: keccak256(format!("identity of subscriber {index}")).0,
            wallet: chain.account(1 + index % 9),
            token_hash: keccak256(format!("token of subscriber {index}")),
        }
    }

    pub(crate) fn number_hash(&self) -> B256 {
        number_hash(&self.number).unwrap()
    }

    /// What this subscriber sends to a registry.
    pub(crate) fn claim(&self, registry: &DevRegistry) -> Claim {
        let digest = registry.proof_of_possession_digest(self.number_hash(), self.wallet);
        self.claim_with(digest)
    }

    /// The same, but the identity key signs something else.
    pub(crate) fn claim_with(&self, digest: B256) -> Claim {
        Claim {
            number_hash: self.number_hash(),
            key: uncompressed_key(&self.identity).unwrap(),
            token_hash: self.token_hash,
            proof_of_possession: prove_possession(&self.identity, digest).unwrap(),
        }
    }

    /// Claims the number and has it approved.
    pub(crate) fn enrol(&self, chain: &DevChain, registry: &DevRegistry) -> Claim {
        let claim = self.claim(registry);
        registry.add_client(self.wallet, &claim).unwrap();
        let record_hash = claim.record_hash(self.wallet);
        registry
            .approve_client(
                chain.account(0),
                claim.number_hash,
                self.wallet,
                record_hash,
            )
            .unwrap();
        claim
    }
}
