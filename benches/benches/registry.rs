//! Group `registry`: reading one number on the embedded chain, by how many subscribers the registry has.
//!
//! `look_up` is all of it: the header is asked for and hashed, the proofs are made by the chain and
//! verified by the reader. `verify` is the reader's part alone, from the state root on.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::Duration;

use alloy_primitives::{Address, B256, keccak256};
use callseal_devchain::{
    Claim, DevBeacon, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_registry_client::light::{
    Beacon, Fork, LightClient, Preset, Store, verify_bootstrap, verify_update,
};
use callseal_registry_client::{
    LiveRegistry, Policy, Registry, Transport, layout, number_hash, record_at, verify_account,
    verify_header, verify_slots,
};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

const SUBSCRIBERS: [usize; 3] = [1, 100, 1_000];
const NOBODY: &str = "+8613999999999";

fn look_ups(c: &mut Criterion) {
    let mut group = c.benchmark_group("registry");
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    for subscribers in SUBSCRIBERS {
        let (chain, registry) = enrolled(subscribers);
        let (config, head) = (registry.config(), chain.head());
        let somebody = number(subscribers / 2);
        for (name, number) in [("look_up", &somebody[..]), ("look_up_absent", NOBODY)] {
            let id = BenchmarkId::new(name, subscribers);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let mut reader = Registry::new(config, head, chain.clone());
                    reader.look_up(number).expect("an honest chain")
                });
            });
        }

        let mut node = chain.clone();
        let header = node.header(head).expect("the head is kept");
        let header = verify_header(head, &header).expect("an honest chain");
        let number_hash = number_hash(&somebody).expect("a number");
        let slots = layout::number_slots(number_hash);
        let raw = node
            .proof(config.contract, &slots, head)
            .expect("the head is kept");
        let octets = |nodes: &[Vec<u8>]| nodes.iter().map(Vec::len).sum::<usize>();
        let proof_len =
            octets(&raw.account) + raw.slots.iter().map(|nodes| octets(nodes)).sum::<usize>();
        println!("registry/proof_len/{subscribers}: {proof_len} octets");
        group.bench_function(BenchmarkId::new("verify", subscribers), |bencher| {
            bencher.iter(|| {
                let account = verify_account(header.state_root(), config.contract, &raw.account)
                    .expect("an honest chain")
                    .expect("the registry is there");
                let words = verify_slots(&account, &slots, &raw.slots).expect("an honest chain");
                let words = words.try_into().expect("as many as were asked for");
                record_at(header.timestamp(), words).expect("the registry's own words")
            });
        });
    }
    group.finish();
}

/// A registry with this many approved subscribers.
fn enrolled(subscribers: usize) -> (DevChain, DevRegistry) {
    let chain = DevChain::new(31337);
    let registry = enrolled_on(&chain, subscribers);
    (chain, registry)
}

fn enrolled_on(chain: &DevChain, subscribers: usize) -> DevRegistry {
    let operator = chain.account(0);
    let keys = Operator {
        account: operator,
        signing_key: uncompressed_key(&[1; 32]).expect("a secret key"),
        sealing_key: [2; 32],
    };
    let registry = DevRegistry::deploy(chain, operator, &keys).expect("good keys");
    let claims: Vec<_> = (0..subscribers)
        .map(|index| claim(chain, &registry, index))
        .collect();
    let by_sender = || claims.iter().map(|(sender, claim)| (*sender, claim));
    registry.add_clients(by_sender()).expect("good claims");
    registry
        .approve_clients(operator, by_sender())
        .expect("pending claims");
    registry
}

fn claim(chain: &DevChain, registry: &DevRegistry, index: usize) -> (Address, Claim) {
    let identity = keccak256(format!("identity {index}")).0;
    let sender = chain.account(1 + index % 9);
    let number_hash = number_hash(&number(index)).expect("a number");
    let digest = registry.proof_of_possession_digest(number_hash, sender);
    let claim = Claim {
        number_hash,
        key: uncompressed_key(&identity).expect("a secret key"),
        token_hash: B256::ZERO,
        proof_of_possession: prove_possession(&identity, digest).expect("a secret key"),
    };
    (sender, claim)
}

fn number(index: usize) -> String {
    format!("+86138{index:08}")
}

/// A committee's update with the main network's 512 keys, and a phone's first minute: checkpoint to record.
fn light_client(c: &mut Criterion) {
    let mut group = c.benchmark_group("registry");
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));

    let chain = DevChain::new(1);
    let beacon =
        DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).expect("a network of Fulu");
    let checkpoint = beacon.finalize();
    let mut node = beacon.clone();
    let bootstrap = node.bootstrap(checkpoint).expect("it is there");
    beacon.finalize();
    let update = node.update(0).expect("it is there");
    let now = beacon.now();
    let fresh = || {
        let verified = verify_bootstrap(beacon.network(), checkpoint, &bootstrap, now);
        Store::new(verified.expect("an honest chain"))
    };
    group.bench_function("committee_update/cold", |bencher| {
        let verify = |store: Store| verify_update(&store, &update, now).expect("an honest chain");
        bencher.iter_batched(fresh, verify, BatchSize::SmallInput);
    });
    let store = fresh();
    group.bench_function("committee_update/warm", |bencher| {
        bencher.iter(|| verify_update(&store, &update, now).expect("an honest chain"));
    });
    let finality = node.finality_update().expect("it is there");
    group.bench_function("finality_update/warm", |bencher| {
        bencher.iter(|| verify_update(&store, &finality, now).expect("an honest chain"));
    });

    let (chain, registry) = enrolled(100);
    let beacon = DevBeacon::new(&chain).expect("a network of Fulu");
    let checkpoint = beacon.finalize();
    beacon.pass_periods(2);
    let now = beacon.now();
    group.bench_function("checkpoint_to_record/32_keys_2_periods", |bencher| {
        bencher.iter(|| {
            let beacons = vec![beacon.clone()];
            let (client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now)
                .expect("an honest chain");
            let nodes = [("embedded".to_owned(), chain.clone())];
            let mut live = LiveRegistry::new(registry.config(), client, nodes, Policy::default());
            live.look_up(&number(50), now).expect("an honest chain")
        });
    });
    group.finish();
}

/// What another phone hands over, with the main network's committees.
fn staples(c: &mut Criterion) {
    let mut group = c.benchmark_group("registry");
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));

    let chain = DevChain::new(1);
    let beacon =
        DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).expect("a network of Fulu");
    let checkpoint = beacon.finalize();
    let registry = enrolled_on(&chain, 100);
    beacon.finalize();
    let now = beacon.now();
    let (number, key) = (number(50), claim(&chain, &registry, 50).1.compressed_key());
    let phone = || {
        let beacons = vec![beacon.clone()];
        let (client, _) = LightClient::start(beacon.network(), checkpoint, beacons, now)
            .expect("an honest chain");
        let nodes = [("embedded".to_owned(), chain.clone())];
        LiveRegistry::new(registry.config(), client, nodes, Policy::default())
    };
    let own = phone()
        .own_staple(&number, &key, now)
        .expect("an approved record");
    println!("registry/staple_len/100: {} octets", own.octets.len());
    let verify = |phone: &mut LiveRegistry<_, _>| {
        phone
            .verify_staple(&number, &key, &own.octets, now)
            .expect("an honest staple")
    };
    let mut knowing = phone();
    verify(&mut knowing);
    group.bench_function("staple/known", |bencher| {
        bencher.iter(|| verify(&mut knowing));
    });
    let unpacked = || {
        let mut phone = phone();
        phone.sync(now).expect("an honest chain");
        phone
    };
    group.bench_function("staple/warm", |bencher| {
        bencher.iter_batched_ref(unpacked, verify, BatchSize::SmallInput);
    });
    group.bench_function("staple/cold", |bencher| {
        bencher.iter_batched_ref(phone, verify, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(registry, look_ups, light_client, staples);
criterion_main!(registry);
