//! The service is stopped at every named point, on a disk that drops what was
//! not synced; in the end everybody is paid once and approved once.

use std::collections::BTreeSet;

use callseal_registry_client::Status::Revoked;

use crate::contract;
use crate::service::trial::{Disk, NOON, StopAt, Subscriber, TrialNode, World};
use crate::service::{Order, Point, Purpose, Store, Terms, WorkError, Worker, Write};
use crate::{Approval, Hold, Payment, Standing, TokenBook as _, Wait};

const DEPTH: u64 = 2;

/// How often there is another look after all is done: nothing may come of it.
const IDLE_ROUNDS: usize = 4;

fn terms() -> Terms {
    Terms {
        depth: DEPTH,
        from_block: Some(0),
        ..Terms::default()
    }
}

/// A process of the service, until it is stopped.
fn live(world: &World, people: &[Subscriber], disk: &Disk, points: &StopAt) -> Option<()> {
    let mut store = Store::on(disk.clone(), points.clone(), world.operator).ok()?;
    let mut worker = Worker::new(store.clone(), world.node(), world.account.clone(), terms());
    let mut idle = 0;
    for _ in 0..24 {
        idle += 1;
        for person in people {
            let token = person.token.hash();
            // A phone that has lost its connection comes again, until it is
            // enrolled.
            if store.standing(&token).ok()? == Standing::Used {
                continue;
            }
            idle = 0;
            store.bind(&token, &person.phone_key.public()).ok()?;
            let told = store.tell(&person.claim, NOON, 3).ok()?;
            assert_eq!(told, Ok(()));
            world.claim(person);
        }
        worker.step().ok()?;
        world.chain.mine();
        if !store.outbox().ok()?.is_empty() {
            idle = 0;
        }
        if idle == IDLE_ROUNDS {
            break;
        }
    }
    Some(())
}

fn all_is_well(world: &World, people: &[Subscriber], disk: &Disk) {
    // A payment and an approval for each, in blocks: no transaction more, and
    // none less, since each of them has had its effect.
    assert_eq!(world.sent(), 2 * people.len() as u64);
    let store = Store::on(disk.clone(), (), world.operator).unwrap();
    for person in people {
        assert!(world.is_approved(person));
        let status = store.status(&person.token.hash(), Wait::Turn).unwrap();
        let status = status.unwrap();
        let Payment::Settled(sent) = status.payment else {
            panic!("{status:?}");
        };
        assert_eq!(sent.wei, terms().fee_money);
        let left: u128 = world.chain.balance(person.wallet.address()).to();
        assert!(left > 0 && left < sent.wei, "{left}");
    }
    assert_eq!(
        world.registry.approved_numbers().unwrap().len(),
        people.len()
    );
    assert!(store.outbox().unwrap().is_empty());
}

fn begin(subscribers: u8) -> (World, Vec<Subscriber>, Disk) {
    let world = World::new(100);
    let people = (1..=subscribers)
        .map(|seed| world.subscriber(seed))
        .collect();
    (world, people, Disk::default())
}

fn undisturbed(subscribers: u8) -> (Vec<Point>, usize) {
    let (world, people, disk) = begin(subscribers);
    let points = StopAt::new(None, &disk);
    live(&world, &people, &disk, &points).unwrap();
    all_is_well(&world, &people, &disk);
    (points.reached(), disk.operations())
}

#[test]
fn stopped_at_any_point_it_pays_once_and_approves_once() {
    let (points, _) = undisturbed(2);
    let named: BTreeSet<_> = points
        .iter()
        .filter_map(|point| match point {
            Point::AfterWrite(write) => Some(*write),
            _ => None,
        })
        .collect();
    for write in [
        Write::Bind,
        Write::Tell,
        Write::Sign(Purpose::Pay),
        Write::Sign(Purpose::Approve),
        Write::Settle(Purpose::Pay),
        Write::Settle(Purpose::Approve),
        Write::Scan,
    ] {
        assert!(named.contains(&write), "{write:?}");
    }
    for stop in 0..points.len() {
        let (world, people, disk) = begin(2);
        let stopped = StopAt::new(Some(stop), &disk);
        assert!(live(&world, &people, &disk, &stopped).is_none(), "{stop}");
        live(&world, &people, &disk, &StopAt::new(None, &disk)).unwrap();
        all_is_well(&world, &people, &disk);
    }
}

#[test]
fn stopped_again_and_again_it_pays_once_and_approves_once() {
    for step in [1, 2, 3, 5, 7] {
        let (world, people, disk) = begin(2);
        // Each process gets a little further than the one before.
        let done = (0..400).any(|process| {
            let stopped = StopAt::new(Some(step + process), &disk);
            live(&world, &people, &disk, &stopped).is_some()
        });
        assert!(done);
        all_is_well(&world, &people, &disk);
    }
}

#[test]
fn a_disk_that_fails_at_any_moment_costs_nothing_but_time() {
    let (_, operations) = undisturbed(1);
    // Every few of them, and other ones than multiples of what a change takes.
    for fails_after in (0..operations).step_by(operations / 23 + 1) {
        let (world, people, disk) = begin(1);
        disk.fail_after(Some(fails_after));
        let _ = live(&world, &people, &disk, &StopAt::new(None, &disk));
        disk.lose_power();
        live(&world, &people, &disk, &StopAt::new(None, &disk)).unwrap();
        all_is_well(&world, &people, &disk);
    }
}

/// Blocks that a fork can take.
const UNFINAL: u64 = 12;

/// What goes wrong in a rough world.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// Which transaction the node takes and loses; somebody else uses its nonce.
    lost: usize,
    /// Of so many offers the node finds two in a row too low, at first.
    underprices_every: Option<usize>,
    /// When this has settled for the first time, a fork takes it back.
    forks_after: Purpose,
    /// The node says once that so many transactions are there that are not.
    miscounts: u64,
}

/// Each in turn, until all that the service does is met.
fn troubles() -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for forks_after in [
        Purpose::Approve,
        Purpose::Fill,
        Purpose::Pay,
        Purpose::ByHand,
    ] {
        for lost in 1..=8 {
            for underprices_every in [Some(5), Some(2), None] {
                troubles.push(Trouble {
                    lost,
                    underprices_every,
                    forks_after,
                    miscounts: [0, 2, 1][lost % 3],
                });
            }
        }
    }
    troubles
}

/// What happens to the operator of a rough world, whichever of its processes
/// is there to see it: each of it once.
struct Rough {
    world: World,
    node: TrialNode,
    people: Vec<Subscriber>,
    disk: Disk,
    trouble: Trouble,
    has_stolen: bool,
    has_forked: bool,
    has_miscounted: bool,
}

impl Rough {
    /// The last of the people have a number that is somebody else's already.
    fn begin(trouble: Trouble) -> Self {
        let (world, mut people, disk) = begin(2);
        people.push(world.second_token(&people[0], 3));
        let node = world.node();
        node.set(|faults| {
            faults.loses = Some(trouble.lost);
            faults.unfinal = Some(UNFINAL);
            faults.underprices_every = trouble.underprices_every;
        });
        Self {
            world,
            node,
            people,
            disk,
            trouble,
            has_stolen: false,
            has_forked: false,
            has_miscounted: trouble.miscounts == 0,
        }
    }

    fn live(&mut self, points: &StopAt) -> Option<()> {
        let mut store = Store::on(self.disk.clone(), points.clone(), self.world.operator).ok()?;
        let account = self.world.account.clone();
        let mut worker = Worker::new(store.clone(), self.node.clone(), account, terms());
        let mut idle = 0;
        for _ in 0..80 {
            idle += 1;
            for (index, person) in self.people.iter().enumerate() {
                let token = person.token.hash();
                if store.standing(&token).ok()? != Standing::Used {
                    store.bind(&token, &person.phone_key.public()).ok()?;
                    store.tell(&person.claim, NOON, 3).ok()?.unwrap();
                }
                // Not before the other one has its record.
                if index < 2 || self.world.is_approved(&self.people[0]) {
                    self.world.claim(person);
                }
                let status = store.status(&token, Wait::Turn).ok()??;
                if !matches!(status.payment, Payment::Settled(_)) {
                    idle = 0;
                }
                if matches!(status.payment, Payment::Lost(_)) {
                    let _ = store.pay_again(&token).ok()?;
                }
            }
            self.miscount();
            match worker.step() {
                Err(WorkError::Stopped(_) | WorkError::Store(_)) => return None,
                done => done.unwrap(),
            }
            self.revoke_by_hand(&store, &mut worker)?;
            self.steal(&store)?;
            self.world.chain.mine();
            self.fork(&store)?;
            if !self.is_revoked() || !store.outbox().ok()?.is_empty() {
                idle = 0;
            }
            if idle == IDLE_ROUNDS {
                break;
            }
        }
        Some(())
    }

    fn miscount(&mut self) {
        let wrong = (!self.has_miscounted).then(|| self.world.sent() + self.trouble.miscounts);
        self.has_miscounted = true;
        self.node.set(|faults| {
            (faults.nonce, faults.nonce_with_waiting) = (wrong, wrong);
            if faults.came > 30 {
                faults.underprices_every = None;
            }
        });
    }

    /// Once the node has lost a transaction, its nonce is used.
    fn steal(&mut self, store: &Store) -> Option<()> {
        let has_lost = self.node.faults.lock().unwrap().came >= self.trouble.lost;
        if !self.has_stolen && has_lost && !store.outbox().ok()?.is_empty() {
            self.has_stolen = true;
            self.world.steal_nonces(1);
        }
        Some(())
    }

    /// Takes back what has settled, and all that came after it.
    fn fork(&mut self, store: &Store) -> Option<()> {
        let kept = store.kept().ok()?;
        let settled = kept
            .iter()
            .find(|(_, kept)| !kept.is_lost && kept.outgoing.purpose == self.trouble.forks_after);
        if let (false, Some((_, settled))) = (self.has_forked, settled) {
            self.has_forked = true;
            let blocks = self.world.chain.head_number() + 1 - settled.block_number;
            self.world.chain.rewind(usize::try_from(blocks).unwrap());
        }
        Some(())
    }

    /// The second of the people has lost its phone.
    fn revoke_by_hand(&self, store: &Store, worker: &mut Worker<TrialNode>) -> Option<()> {
        let number = self.people[1].claim.number_hash;
        let is_out = store
            .outbox()
            .ok()?
            .iter()
            .any(|(_, out)| out.purpose == Purpose::ByHand);
        let record = self.world.registry.client(number).unwrap();
        let is_early = !self.has_forked && self.trouble.forks_after == Purpose::Approve;
        if is_early || is_out || record.is_none() || self.is_revoked() {
            return Some(());
        }
        let order = Order {
            data: contract::revoke_by_operator(number),
            gas_limit: contract::REVOKE_BY_OPERATOR_GAS,
            approves: None,
        };
        match worker.order(&order) {
            Err(WorkError::Stopped(_) | WorkError::Store(_)) => None,
            done => {
                done.unwrap();
                Some(())
            }
        }
    }

    fn is_revoked(&self) -> bool {
        let number = self.people[1].claim.number_hash;
        let record = self.world.registry.client(number).unwrap();
        record.is_some_and(|record| record.status == Revoked)
    }

    fn all_is_well(&self) {
        let store = Store::on(self.disk.clone(), (), self.world.operator).unwrap();
        assert!(store.outbox().unwrap().is_empty());
        for person in &self.people {
            let status = store.status(&person.token.hash(), Wait::Turn).unwrap();
            assert!(
                matches!(status.unwrap().payment, Payment::Settled(_)),
                "{status:?}"
            );
            let left: u128 = self.world.chain.balance(person.wallet.address()).to();
            assert!(left > 0 && left < terms().fee_money, "{left}");
        }
        assert!(self.world.is_approved(&self.people[0]));
        assert!(self.is_revoked());
        let held = store
            .status(&self.people[2].token.hash(), Wait::Turn)
            .unwrap();
        assert_eq!(held.unwrap().approval, Approval::Held(Hold::HasRecord));
    }
}

/// Every moment that there is.
fn every_point() -> Vec<Point> {
    let purposes = [
        Purpose::Pay,
        Purpose::Approve,
        Purpose::ByHand,
        Purpose::Fill,
    ];
    let of_each = [
        Write::Sign,
        Write::Replace,
        Write::Settle,
        Write::Lose,
        Write::Reopen,
    ];
    let mut writes = vec![
        Write::Bind,
        Write::Tell,
        Write::Forget,
        Write::Scan,
        Write::Judge,
        Write::PayAgain,
    ];
    let mut points = Vec::new();
    for purpose in purposes {
        writes.extend(of_each.map(|write| write(purpose)));
        points.extend([Point::BeforeSend(purpose), Point::AfterSend(purpose)]);
    }
    for write in writes {
        points.extend([Point::BeforeWrite(write), Point::AfterWrite(write)]);
    }
    points
}

#[test]
fn stopped_at_any_point_of_thefts_forks_and_orders_it_pays_once_and_approves_once() {
    let mut left = every_point();
    for trouble in troubles() {
        let mut undisturbed = Rough::begin(trouble);
        let points = StopAt::new(None, &undisturbed.disk);
        undisturbed.live(&points).unwrap();
        undisturbed.all_is_well();
        for (stop, point) in points.reached().iter().enumerate() {
            let Some(place) = left.iter().position(|left| left == point) else {
                continue;
            };
            left.swap_remove(place);
            let mut rough = Rough::begin(trouble);
            let stopped = StopAt::new(Some(stop), &rough.disk);
            assert!(rough.live(&stopped).is_none(), "{point:?}, {trouble:?}");
            rough.live(&StopAt::new(None, &rough.disk)).unwrap();
            rough.all_is_well();
        }
        if left.is_empty() {
            return;
        }
    }
    assert_eq!(left, [], "nothing stopped it there");
}
