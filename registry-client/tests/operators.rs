//! Each number is looked up at its own operator, and nowhere else.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use callseal_devchain::{
    Claim, DevChain, DevRegistry, Operator as Deployed, prove_possession, uncompressed_key,
};
use callseal_registry_client::{LookUpError, Operator, Operators, Registries, number_hash};

const NORTHERN: &str = "+8613800000001";
const SOUTHERN: &str = "+4420000000002";

/// An operator with a chain and a contract of its own.
struct World {
    chain: DevChain,
    registry: DevRegistry,
}

impl World {
    fn new(chain_id: u64) -> Self {
        let chain = DevChain::new(chain_id);
        let terms = Deployed {
            account: chain.account(0),
            signing_key: uncompressed_key(&[0x77; 32]).unwrap(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &terms).unwrap();
        Self { chain, registry }
    }

    /// The operator vouches for this key.
    fn approve(&self, number: &str, secret: &[u8; 32]) -> Claim {
        let (operator, wallet) = (self.chain.account(0), self.chain.account(1));
        let number_hash = number_hash(number).unwrap();
        let digest = self
            .registry
            .proof_of_possession_digest(number_hash, wallet);
        let claim = Claim {
            number_hash,
            key: uncompressed_key(secret).unwrap(),
            token_hash: [1; 32].into(),
            proof_of_possession: prove_possession(secret, digest).unwrap(),
        };
        self.registry.add_client(wallet, &claim).unwrap();
        let record_hash = claim.record_hash(wallet);
        self.registry
            .approve_client(operator, number_hash, wallet, record_hash)
            .unwrap();
        claim
    }

    fn operator(&self, name: &str) -> Operator {
        Operator {
            name: name.into(),
            registry: self.registry.config(),
        }
    }
}

/// A reader of both, as long as somebody is asked on South's chain.
fn reader(worlds: &[World; 2], is_south_asked: bool) -> Registries<DevChain> {
    let operators = Operators::default()
        .with(worlds[0].operator("North"), ["+86".parse().unwrap()], [])
        .unwrap()
        .with(worlds[1].operator("South"), ["+44".parse().unwrap()], [])
        .unwrap();
    Registries::new(operators, |operator| {
        let is_south = operator.name == "South";
        let chain = &worlds[usize::from(is_south)].chain;
        (!is_south || is_south_asked).then(|| (chain.head(), chain.clone()))
    })
}

#[test]
fn numbers_of_two_operators_on_two_chains_are_found_by_one_reader() {
    let worlds = [World::new(1_001), World::new(1_002)];
    let claims = [
        worlds[0].approve(NORTHERN, &[7; 32]),
        worlds[1].approve(SOUTHERN, &[8; 32]),
    ];
    let mut reader = reader(&worlds, true);
    for (number, claim) in [NORTHERN, SOUTHERN].into_iter().zip(claims) {
        let record = reader.look_up(number).unwrap().into_record().unwrap();
        assert!(record.is_in_force());
        assert_eq!(record.value().key, claim.compressed_key());
    }
}

#[test]
fn an_operator_that_vouches_for_anothers_number_is_not_asked() {
    let worlds = [World::new(1_001), World::new(1_002)];
    worlds[0].approve(SOUTHERN, &[0x66; 32]);
    let found = reader(&worlds, true).look_up(SOUTHERN).unwrap();
    assert_eq!(found.into_record(), None, "South knows of nobody");
}

#[test]
fn where_nobody_can_be_asked_the_error_says_who_is_missing() {
    let worlds = [World::new(1_001), World::new(1_002)];
    let mut reader = reader(&worlds, false);
    assert_eq!(
        reader.look_up("+3310000000003").unwrap_err().to_string(),
        "the number belongs to no operator that is configured"
    );
    assert_eq!(
        reader.look_up(SOUTHERN),
        Err(LookUpError::NoNode {
            operator: "South".into(),
            chain_id: 1_002,
        })
    );
    assert!(matches!(reader.look_up("44"), Err(LookUpError::Number(_))));
    let found = reader.look_up(NORTHERN).unwrap();
    assert_eq!(found.into_record(), None);
}
