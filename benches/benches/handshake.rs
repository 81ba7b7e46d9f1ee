//! Group `handshake`: the computation of the Station-to-Station handshake,
//! without network and registry.
//!
//! `both_sides` is everything that two phones compute for one call; the others
//! are what one phone does from receiving a message to having its answer.
//! `stranger_under_load` is what a spoofed first message costs a phone that
//! asks for cookies.

use core::net::SocketAddr;
use core::time::Duration;
use std::hint::black_box;
use std::sync::Arc;

use callseal_sts::initiator::{Answer, AwaitM2, Offer};
use callseal_sts::responder::{Answering, AwaitM3};
use callseal_sts::{
    Config, Established, FragmentHead, Handshaker, IdentityKey, Limits, LocalIdentity, Number,
    Random, Staples, Suites, VerifiedPeerKey,
};
use callseal_testkit::SplitMix64;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

struct Seeded(SplitMix64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// Two phones, what each finds in the registry, and their randomness.
struct Stage {
    alice: Arc<LocalIdentity>,
    bob: Arc<LocalIdentity>,
    alice_vouched: VerifiedPeerKey,
    bob_vouched: VerifiedPeerKey,
    random: Seeded,
}

impl Stage {
    fn new() -> Self {
        let mut random = Seeded(SplitMix64::new(1));
        let mut phone = |number: &str| {
            let number = Number::parse(number).expect("E.164");
            let phone = LocalIdentity::new(number, IdentityKey::generate(&mut random));
            let vouched = VerifiedPeerKey::vouch(phone.identity());
            (Arc::new(phone), vouched)
        };
        let (alice, alice_vouched) = phone("+8613800000001");
        let (bob, bob_vouched) = phone("+8613800000002");
        Self {
            alice,
            bob,
            alice_vouched,
            bob_vouched,
            random,
        }
    }

    fn call(&mut self) -> (AwaitM2, Vec<u8>) {
        let offer = Offer {
            callee: self.bob.identity().number,
            suites: Suites::default(),
            running: None,
            renews: false,
            staples: Staples::default(),
        };
        AwaitM2::begin(self.alice.clone(), offer, &mut self.random)
    }

    fn answer(&mut self, m1: &[u8]) -> (AwaitM3, Vec<u8>) {
        let answering = Answering {
            suites: Suites::default(),
            running: None,
            unconfirmed: None,
            staples: Staples::default(),
        };
        AwaitM3::answer(self.bob.clone(), m1, &answering, &mut self.random).expect("a good M1")
    }

    fn whole(&mut self) -> (Box<Established>, Established) {
        let (await_m2, m1) = self.call();
        let (await_m3, m2) = self.answer(&m1);
        let presented = await_m2.receive(&m2).expect("a good M2");
        let (await_m4, m3) = presented
            .accept(&self.bob_vouched, &mut self.random)
            .expect("the same key");
        let presented = await_m3.receive(&m3).expect("a good M3");
        let (callee, m4) = presented.accept(&self.alice_vouched).expect("the same key");
        match await_m4.receive(&m4) {
            Ok(Answer::Accepted(caller)) => (caller, callee),
            other => panic!("{other:?}"),
        }
    }
}

fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let mut stage = Stage::new();

    group.bench_function("both_sides", |bencher| {
        bencher.iter(|| black_box(stage.whole()));
    });
    group.bench_function("caller_makes_m1", |bencher| {
        bencher.iter(|| black_box(stage.call()));
    });
    let (await_m2, m1) = stage.call();
    group.bench_function("callee_answers_m1_with_m2", |bencher| {
        bencher.iter(|| black_box(stage.answer(&m1)));
    });
    let (await_m3, m2) = stage.answer(&m1);
    group.bench_function("caller_checks_m2", |bencher| {
        bencher.iter(|| black_box(await_m2.receive(&m2)));
    });
    group.bench_function("caller_makes_m3", |bencher| {
        bencher.iter_batched(
            || await_m2.receive(&m2).expect("a good M2"),
            |presented| black_box(presented.accept(&stage.bob_vouched, &mut stage.random)),
            BatchSize::SmallInput,
        );
    });
    let (await_m4, m3) = await_m2
        .receive(&m2)
        .expect("a good M2")
        .accept(&stage.bob_vouched, &mut stage.random)
        .expect("the same key");
    group.bench_function("callee_checks_m3", |bencher| {
        bencher.iter(|| black_box(await_m3.receive(&m3)));
    });
    group.bench_function("callee_makes_m4_and_keys", |bencher| {
        bencher.iter_batched(
            || await_m3.receive(&m3).expect("a good M3"),
            |presented| black_box(presented.accept(&stage.alice_vouched)),
            BatchSize::SmallInput,
        );
    });
    let (_, m4) = await_m3
        .receive(&m3)
        .expect("a good M3")
        .accept(&stage.alice_vouched)
        .expect("the same key");
    group.bench_function("caller_checks_m4_and_makes_keys", |bencher| {
        bencher.iter(|| black_box(await_m4.receive(&m4)));
    });
    group.bench_function("stranger_under_load", |bencher| {
        let key = IdentityKey::from_bytes([2; 32]).expect("in range");
        let config = Config::new(stage.bob.identity().number, key)
            .with_limits(Limits::default().challenge_from(0));
        let random = Box::new(Seeded(SplitMix64::new(2)));
        let mut phone = Handshaker::new(config, random);
        let from = SocketAddr::from(([192, 0, 2, 1], 5005));
        let fragment = FragmentHead {
            index: 0,
            count: 1,
            cookie: None,
            bytes: &m1,
        };
        bencher.iter(|| {
            let _ = black_box(phone.admit(Duration::from_secs(1), from, fragment, 120));
            black_box(phone.poll_transmit())
        });
    });
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
