//! A change of a record is stopped before and after everything of it that
//! lasts; in the end it is made, by one transaction, and no key is lost.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use callseal::enrol::reader::{Reader, Trust};
use callseal::holder::{Change, Effect, Ended, Holder, HolderError, Point, Points, Terms, Watcher};
use callseal::node_faults::NodeFaults;
use callseal::wallet_nodes::WalletNodes;
use callseal_eims::OperatorId;
use callseal_registry_client::light::LightClient;
use callseal_registry_client::{HttpBeacon, Status};

use super::*;

/// Ends a process at the point of this number, and notes all of them.
#[derive(Clone)]
struct StopAt(Rc<RefCell<(Option<usize>, Vec<Point>)>>);

/// The process was killed: nothing of it is there any more.
struct Killed;

impl StopAt {
    /// After so many points; never, if not said.
    fn new(points: Option<usize>) -> Self {
        Self(Rc::new(RefCell::new((points, Vec::new()))))
    }

    fn reached(&self) -> Vec<Point> {
        self.0.borrow().1.clone()
    }
}

impl Points for StopAt {
    fn reach(&self, point: Point) {
        let mut state = self.0.borrow_mut();
        state.1.push(point);
        match &mut state.0 {
            Some(0) => resume_unwind(Box::new(Killed)),
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

/// Time goes by only while a change waits: what is sent gets into a block, and
/// after that becomes final.
struct Time<'a>(&'a World);

impl Watcher for Time<'_> {
    fn waits(&mut self, for_what: &str) {
        match for_what.contains("final") {
            true => self.0.beacon.finalize(),
            false => self.0.chain.mine(),
        };
    }

    fn tries_again(&mut self, error: &HolderError) {
        panic!("{error}");
    }

    fn is_over(&mut self) -> bool {
        false
    }
}

impl World {
    /// What `callseal record` goes on from, as a process that has just begun.
    fn holder(&self, points: &StopAt) -> Holder {
        let config = self.registry.config();
        let beacons = vec![HttpBeacon::new(&self.url).unwrap()];
        let (network, beacon) = (self.beacon.network(), self.beacon.clone());
        let light = LightClient::start(network, self.checkpoint, beacons, beacon.now());
        let (urls, faults) = ([self.url.clone()], NodeFaults::default());
        let trust = Trust::light(light.unwrap().0);
        let now = move || beacon.now();
        let reader = Reader::new(config, &urls, trust, now, faults.clone());
        let holder = Holder::new(Terms {
            keys: self.keys(),
            path: self.alice.clone(),
            passphrase: PASSPHRASE.to_owned().into(),
            work: Work::LEAST,
            number: Number::parse(ALICE).unwrap(),
            operator: OperatorId {
                chain_id: config.chain_id,
                contract: config.contract.into(),
            },
            notes: self.notes(),
            node: WalletNodes::new(&urls, faults).unwrap(),
            reader: reader.unwrap(),
            look_again: Duration::ZERO,
            points: Box::new(points.clone()),
        });
        holder.unwrap()
    }

    /// A process that makes a change, until it is proven or the process killed.
    fn live(&self, change: Change, points: &StopAt) -> Option<()> {
        let life = || {
            let mut holder = self.holder(points);
            let ended = holder.make(change, &mut Time(self)).unwrap();
            assert!(matches!(ended, Ended::Done(_)), "{ended:?}");
        };
        let lived = catch_unwind(AssertUnwindSafe(life));
        let lived = lived.map_err(|ended| match ended.downcast::<Killed>() {
            Ok(killed) => killed,
            Err(failed) => resume_unwind(failed),
        });
        // Whatever has become of it, the phone has the key that it is called by.
        let keys = self.keys();
        let ours = [Some(&keys.identity), keys.next_identity.as_ref()];
        let mut ours = ours.into_iter().flatten();
        assert!(ours.any(|key| *key.public().as_bytes() == self.key()));
        lived.ok()
    }
}

/// A record in force, beside another that is to take its place, and what the
/// wallet has sent for it.
fn begin() -> (World, PhoneKeys, u64) {
    let world = World::new();
    world.approve_thief();
    world.beacon.finalize();
    world.chain.set_automatic(false);
    let (keys, sent) = (world.keys(), world.sent());
    (world, keys, sent)
}

fn assert_made_once(change: Change, (world, before, sent): &(World, PhoneKeys, u64)) {
    assert_eq!(world.sent(), sent + 1, "{change:?}");
    let (after, is_new) = (world.keys(), change == Change::Rotate);
    assert_eq!(after.address(), before.address());
    assert!(after.next_identity.is_none());
    assert_eq!(*after.identity.public().as_bytes(), world.key());
    let is_other = after.identity.public() != before.identity.public();
    assert_eq!(is_other, is_new);
    // Whoever is approved in a revoked record's place stays so.
    assert_eq!(world.has_successor(), change == Change::Revoke);
    let entry = world.registry.client(number_hash(ALICE).unwrap());
    let is_revoked = entry.unwrap().unwrap().status == Status::Revoked;
    assert_eq!(is_revoked, change == Change::Revoke);
}

fn stopped_at_any_point_it_is_made_once(change: Change, effects: &[Effect]) {
    let undisturbed = begin();
    let points = StopAt::new(None);
    undisturbed.0.live(change, &points).unwrap();
    assert_made_once(change, &undisturbed);
    let points = points.reached();
    for effect in effects {
        for point in [Point::Before(*effect), Point::After(*effect)] {
            assert!(points.contains(&point), "{point:?}");
        }
    }
    for (stop, point) in points.iter().enumerate() {
        let begun = begin();
        let killed = begun.0.live(change, &StopAt::new(Some(stop)));
        assert!(killed.is_none(), "{point:?}");
        begun.0.live(change, &StopAt::new(None)).unwrap();
        assert_made_once(change, &begun);
        // Killed before the notes were removed: nothing is done twice.
        if change != Change::Object {
            begun.0.live(change, &StopAt::new(None)).unwrap();
            assert_made_once(change, &begun);
        }
    }
}

#[test]
fn a_rotation_that_is_stopped_at_any_point_is_made_once_and_loses_no_key() {
    let effects = [
        Effect::KeepsNextKey,
        Effect::KeepsCall,
        Effect::Sends,
        Effect::TakesNextKey,
    ];
    stopped_at_any_point_it_is_made_once(Change::Rotate, &effects);
}

#[test]
fn a_revocation_or_objection_that_is_stopped_at_any_point_is_made_once() {
    for change in [Change::Revoke, Change::Object] {
        stopped_at_any_point_it_is_made_once(change, &[Effect::KeepsCall, Effect::Sends]);
    }
}
