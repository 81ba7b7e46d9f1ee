//! Each number is looked up at its own operator, and nowhere else.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

mod world;

use callseal_devchain::{Claim, DevChain, DevRegistry};
use callseal_registry_client::{LookUpError, NodesError, Operator, Operators, Registries};

use crate::world::{approve, deploy};

const NORTHERN: &str = "+8613800000001";
const SOUTHERN: &str = "+4420000000002";

/// An operator with a chain and a contract of its own.
struct Place {
    chain: DevChain,
    registry: DevRegistry,
}

impl Place {
    fn new(chain_id: u64) -> Self {
        let chain = DevChain::new(chain_id);
        let registry = deploy(&chain, chain.account(0));
        Self { chain, registry }
    }

    /// The operator vouches for this key.
    fn approve(&self, number: &str, secret: &[u8; 32]) -> Claim {
        let [operator, wallet] = [0, 1].map(|index| self.chain.account(index));
        approve(&self.registry, operator, wallet, number, secret)
    }

    fn operator(&self, name: &str) -> Operator {
        Operator {
            name: name.into(),
            registry: self.registry.config(),
        }
    }
}

/// A reader of both, as long as somebody is asked on South's chain.
fn reader(places: &[Place; 2], is_south_asked: bool) -> Registries<DevChain> {
    let operators = Operators::default()
        .with(places[0].operator("North"), ["+86".parse().unwrap()], [])
        .unwrap()
        .with(places[1].operator("South"), ["+44".parse().unwrap()], [])
        .unwrap();
    Registries::new(operators, |operator| {
        let is_south = operator.name == "South";
        let chain = &places[usize::from(is_south)].chain;
        (!is_south || is_south_asked).then(|| (chain.head(), [("node".into(), chain.clone())]))
    })
}

#[test]
fn numbers_of_two_operators_on_two_chains_are_found_by_one_reader() {
    let places = [Place::new(1_001), Place::new(1_002)];
    let claims = [
        places[0].approve(NORTHERN, &[7; 32]),
        places[1].approve(SOUTHERN, &[8; 32]),
    ];
    let mut reader = reader(&places, true);
    for (number, claim) in [NORTHERN, SOUTHERN].into_iter().zip(claims) {
        let found = reader.look_up(number).unwrap().answer;
        let record = found.into_record().unwrap();
        assert!(record.is_in_force());
        assert_eq!(record.value().key, claim.compressed_key());
    }
}

#[test]
fn an_operator_that_vouches_for_anothers_number_is_not_asked() {
    let places = [Place::new(1_001), Place::new(1_002)];
    places[0].approve(SOUTHERN, &[0x66; 32]);
    let found = reader(&places, true).look_up(SOUTHERN).unwrap().answer;
    assert_eq!(found.into_record(), None, "South knows of nobody");
}

#[test]
fn where_nobody_can_be_asked_the_error_says_who_is_missing() {
    let places = [Place::new(1_001), Place::new(1_002)];
    let mut reader = reader(&places, false);
    assert_eq!(
        reader.look_up("+3310000000003").unwrap_err().to_string(),
        "the number belongs to no operator that is configured"
    );
    assert_eq!(
        reader.look_up(SOUTHERN),
        Err(NodesError::Registry(LookUpError::NoNode {
            operator: "South".into(),
            chain_id: 1_002,
        }))
    );
    assert!(matches!(
        reader.look_up("44"),
        Err(NodesError::Registry(LookUpError::Number(_)))
    ));
    let found = reader.look_up(NORTHERN).unwrap().answer;
    assert_eq!(found.into_record(), None);
}
