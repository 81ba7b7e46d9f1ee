//! Group `set_up`: what it takes before a stream's second packet.
//!
//! `session` is a session made and dropped, with its keys; `key` is one more
//! key for it; `stream` is the first packet of an SSRC, whose state is made
//! then.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use callseal_benches::{Load, Operation, Packets, Source, key_of, session_makers};
use callseal_srtp::{Mki, Policy, Profile, Sender};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

const PROFILES: [Profile; 4] = [
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm256HmacSha1_80,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

/// New streams in one measurement.
const STREAMS: usize = 1_024;

fn set_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("set_up");
    group.sample_size(30);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_millis(600));
    for profile in PROFILES {
        let load = Load::new(Operation::Protect, profile, 160);
        for (name, mut make) in session_makers(load) {
            let id = BenchmarkId::new("session", format!("{profile}/{name}"));
            group.bench_function(id, |bencher| bencher.iter(&mut make));
        }
        group.bench_function(
            BenchmarkId::new("key", format!("{profile}/callseal")),
            |bencher| {
                let mki = |n| Mki::new(&[n]).expect("one octet");
                let sender = || Sender::with_mki(Policy::new(profile), mki(0), key_of(profile, 0));
                bencher.iter_batched_ref(
                    || sender().expect("the policy is sound"),
                    |sender| {
                        let added = sender.add_key(mki(1), key_of(profile, black_box(1)));
                        added.expect("a new key");
                    },
                    BatchSize::SmallInput,
                );
            },
        );
        group.bench_function(
            BenchmarkId::new("stream", format!("{profile}/callseal")),
            |bencher| {
                bencher.iter_custom(|iterations| first_packets(load, iterations));
            },
        );
    }
    group.finish();
}

/// As many first packets, each of a stream of its own.
fn first_packets(load: Load, iterations: u64) -> Duration {
    let load = load.with_streams(STREAMS);
    let mut elapsed = Duration::ZERO;
    let mut done = 0;
    while done < iterations {
        let policy = Policy::new(load.profile).with_max_streams(STREAMS);
        let mut sender = Sender::new(policy, key_of(load.profile, 0)).expect("a sound policy");
        let mut source = Source::new(load);
        let mut packets = Packets::new(load.protected_len());
        while !source.is_settled() {
            source.fill(&mut packets);
            let begin = Instant::now();
            for (room, len) in packets.rooms() {
                sender
                    .protect_rtp(black_box(room), len)
                    .expect("a fresh packet is accepted");
            }
            elapsed += begin.elapsed();
        }
        done += STREAMS as u64;
    }
    elapsed.mul_f64(iterations as f64 / done as f64)
}

criterion_group!(benches, set_up);
criterion_main!(benches);
