//! The service is stopped at every named point, on a disk that drops what was
//! not synced; in the end everybody is paid once and approved once.

use std::collections::BTreeSet;

use crate::service::trial::{Disk, NOON, StopAt, Subscriber, World};
use crate::service::{Point, Purpose, Store, Terms, Worker, Write};
use crate::{Payment, Standing, TokenBook as _, Wait};

const DEPTH: u64 = 2;

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
    for _ in 0..24 {
        for person in people {
            let token = person.token.hash();
            // A phone that has lost its connection comes again, until it is
            // enrolled.
            if store.standing(&token).ok()? == Standing::Used {
                continue;
            }
            store.bind(&token, &person.phone_key.public()).ok()?;
            let told = store.tell(&person.claim, NOON, 3).ok()?;
            assert_eq!(told, Ok(()));
            world.claim(person);
        }
        worker.step().ok()?;
        world.chain.mine();
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
