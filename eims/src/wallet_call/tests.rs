//! A wallet's call is stopped before and after everything that lasts; in the end
//! it is made, once.

use alloy_primitives::{Address, Bytes, U256};
use callseal_devchain::{DevChain, DevRegistry, Operator, Transaction};
use callseal_registry_client::Status;

use super::*;
use crate::dev_chain::DevNode;
use crate::{Claim, TokenHash, contract};

const NUMBER: &str = "+8613800000001";

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// What was signed is kept: a new call.
    KeepsNew,
    /// The same call for more.
    KeepsReplacement,
    /// It is forgotten, since it can be made no more.
    Forgets,
    /// It is sent.
    Sends,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Before(Effect),
    After(Effect),
}

/// The process was stopped.
#[derive(Debug)]
struct Stopped;

/// Stops a process at the point of this number, and notes all of them.
struct Stops {
    left: Option<usize>,
    reached: Vec<Point>,
}

impl Stops {
    /// After so many points; never, if not said.
    fn new(left: Option<usize>) -> Self {
        let reached = Vec::new();
        Self { left, reached }
    }

    fn reach(&mut self, point: Point) -> Result<(), Stopped> {
        self.reached.push(point);
        match &mut self.left {
            Some(0) => Err(Stopped),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What happens to a wallet that calls.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    /// A block comes only while the call waits for one.
    is_slow: bool,
    /// So many offers are too low.
    underpriced: usize,
    /// So often the node takes what is sent, and its answer is lost.
    loses_answers: usize,
    /// Once something is signed, another of the wallet's transactions gets
    /// into a block with its nonce.
    is_overtaken: bool,
}

struct World {
    chain: DevChain,
    registry: DevRegistry,
    wallet: AccountKey,
    node: DevNode,
    /// Whether another transaction is still to take the call's nonce.
    is_overtaken: bool,
    /// All that a process finds of the ones before it.
    kept: Option<String>,
    /// The wallet's transactions before.
    nonce: u64,
}

impl World {
    /// With a record that is the wallet's, and another that is to take its place.
    fn new(weather: Weather) -> Self {
        let chain = DevChain::new(31_337);
        let account = chain.account(0);
        let terms = Operator {
            account,
            signing_key: key(1).uncompressed(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, account, &terms).unwrap();
        let mut world = Self {
            node: DevNode {
                underpriced: weather.underpriced,
                loses_answers: weather.loses_answers,
                ..DevNode::of(&chain)
            },
            chain,
            registry,
            wallet: key(0x11),
            is_overtaken: weather.is_overtaken,
            kept: None,
            nonce: 0,
        };
        let holder = world.wallet.address();
        let gift = Transaction {
            value: U256::from(10_u64.pow(17)),
            ..Transaction::call(account, holder, [])
        };
        world.chain.transact(gift).unwrap();
        world.approve(holder, &key(0x22));
        world.approve(world.chain.account(5), &key(0x66));
        world.nonce = world.chain.nonce(holder);
        world.chain.set_automatic(!weather.is_slow);
        world
    }

    fn approve(&self, holder: Address, identity: &AccountKey) {
        let number = NUMBER.parse().unwrap();
        let claim = Claim::make(
            self.operator(),
            number,
            holder,
            identity,
            TokenHash([3; 32]),
        );
        let add = Transaction::call(holder, self.registry.address(), claim.add_client());
        assert!(self.chain.transact(add).unwrap().succeeded());
        let record_hash = claim.as_logged().record_hash();
        let account = self.chain.account(0);
        let approved =
            self.registry
                .approve_client(account, claim.number_hash, holder, record_hash);
        approved.unwrap();
    }

    fn operator(&self) -> OperatorId {
        let config = self.registry.config();
        OperatorId {
            chain_id: config.chain_id,
            contract: config.contract.into(),
        }
    }

    /// A process, until the call is made, or it is stopped.
    fn live(&mut self, data: &Bytes, stops: &mut Stops) -> Option<()> {
        let kept = self.kept.as_ref();
        let kept = kept.map(|kept| serde_json::from_str(kept).unwrap());
        let gas = contract::HOLDER_GAS;
        let mut call = WalletCall::new(self.operator(), data.clone(), gas).resumed(kept);
        for _ in 0..40 {
            let was_kept = self.kept.is_some();
            if was_kept && core::mem::take(&mut self.is_overtaken) {
                let other = Transaction::call(self.wallet.address(), Address::ZERO, []);
                self.chain.transact(other).unwrap();
            }
            if was_kept {
                stops.reach(Point::Before(Effect::Sends)).ok()?;
            }
            let disk = &mut self.kept;
            let mut keep = |signed: Option<&SignedCall>| {
                let effect = match signed {
                    None => Effect::Forgets,
                    Some(_) if was_kept => Effect::KeepsReplacement,
                    Some(_) => Effect::KeepsNew,
                };
                stops.reach(Point::Before(effect))?;
                *disk = signed.map(|signed| serde_json::to_string(signed).unwrap());
                stops.reach(Point::After(effect))
            };
            let advanced = call.advance(&self.wallet, &mut self.node, &mut keep);
            if was_kept {
                stops.reach(Point::After(Effect::Sends)).ok()?;
            }
            match advanced {
                Ok(CallAdvance::InBlock(_)) => return Some(()),
                Ok(CallAdvance::Moved) => {}
                Ok(CallAdvance::Waiting { .. }) => {
                    self.chain.mine();
                }
                Err(CallError::Send(SendError::Transport(_))) => {}
                Err(CallError::Keep(Stopped)) => return None,
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("it runs in circles, with {:?}", self.kept);
    }
}

/// What a holder says to the registry, and what comes of it.
#[derive(Clone, Copy, Debug)]
enum Change {
    Object,
    Revoke,
    Rotate,
}

impl Change {
    fn data(self, world: &World) -> Bytes {
        let (operator, number) = (world.operator(), contract::hash_of(NUMBER.parse().unwrap()));
        let (holder, present, next) = (world.wallet.address(), key(0x22), key(0x33));
        match self {
            Self::Object => contract::drop_successor(number),
            Self::Revoke => contract::revoke_client(operator, number, 1, &present),
            Self::Rotate => contract::rotate_client(operator, number, holder, 1, &present, &next),
        }
    }

    /// It is so, and by one transaction of the call's.
    fn assert_made_once(self, world: &World, weather: Weather) {
        let number = contract::hash_of(NUMBER.parse().unwrap());
        let entry = world.registry.client(number).unwrap().unwrap();
        let successor = world.registry.successor(number).unwrap();
        assert_eq!(entry.holder, world.wallet.address());
        let (status, key, revision) = match self {
            Self::Object => (Status::Approved, key(0x22), 1),
            Self::Revoke => (Status::Revoked, key(0x22), 2),
            Self::Rotate => (Status::Approved, key(0x33), 2),
        };
        assert_eq!(
            (entry.status, entry.revision),
            (status, revision),
            "{self:?}"
        );
        assert_eq!(entry.key, key.compressed());
        // Whoever is approved in a revoked record's place stays so.
        assert_eq!(successor.is_some(), matches!(self, Self::Revoke));
        let sent = world.chain.nonce(world.wallet.address()) - world.nonce;
        assert_eq!(sent, 1 + u64::from(weather.is_overtaken), "{weather:?}");
    }
}

const WEATHERS: [Weather; 5] = {
    let calm = Weather {
        is_slow: false,
        underpriced: 0,
        loses_answers: 0,
        is_overtaken: false,
    };
    [
        calm,
        Weather {
            is_slow: true,
            ..calm
        },
        Weather {
            underpriced: 2,
            ..calm
        },
        Weather {
            loses_answers: 2,
            is_slow: true,
            ..calm
        },
        Weather {
            is_overtaken: true,
            underpriced: 1,
            ..calm
        },
    ]
};

fn undisturbed(change: Change, weather: Weather) -> Vec<Point> {
    let mut world = World::new(weather);
    let (data, mut stops) = (change.data(&world), Stops::new(None));
    world.live(&data, &mut stops).unwrap();
    change.assert_made_once(&world, weather);
    stops.reached
}

#[test]
fn stopped_at_any_point_a_call_is_made_once() {
    let mut named = Vec::new();
    for (change, weathers) in [
        (Change::Object, &WEATHERS[..1]),
        (Change::Revoke, &WEATHERS[..1]),
        (Change::Rotate, &WEATHERS[..]),
    ] {
        for &weather in weathers {
            let points = undisturbed(change, weather);
            for stop in 0..points.len() {
                let mut world = World::new(weather);
                let data = change.data(&world);
                let ended = world.live(&data, &mut Stops::new(Some(stop)));
                assert!(ended.is_none(), "{stop} of {points:?}");
                world.live(&data, &mut Stops::new(None)).unwrap();
                change.assert_made_once(&world, weather);
            }
            named.extend(points);
        }
    }
    for effect in [
        Effect::KeepsNew,
        Effect::KeepsReplacement,
        Effect::Forgets,
        Effect::Sends,
    ] {
        for point in [Point::Before(effect), Point::After(effect)] {
            assert!(named.contains(&point), "{point:?}");
        }
    }
}

#[test]
fn stopped_again_and_again_a_call_is_made_once() {
    for weather in WEATHERS {
        let mut world = World::new(weather);
        let data = Change::Rotate.data(&world);
        // Each process gets a little further than the one before.
        let done = (0..40).any(|process| {
            let mut stops = Stops::new(Some(process));
            world.live(&data, &mut stops).is_some()
        });
        assert!(done, "{weather:?}");
        Change::Rotate.assert_made_once(&world, weather);
    }
}

fn key(octet: u8) -> AccountKey {
    AccountKey::from_bytes([octet; 32]).unwrap()
}
