//! Group `srtp`: packets through the whole walk,
//! `operation/profile/payload/backend/batch`; a batch of 0 is a single call.
//!
//! Every packet has a sequence number of its own, so that nothing measured is
//! a replay; making the packets and checking each result is off the clock. Who
//! is compared here one after another takes turns in `bench-report`, whose
//! ratios are the ones to trust.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::Duration;

use callseal_benches::{Duel, Load, Operation, PASS, PAYLOAD_LENS, PROFILES, contenders};
use callseal_srtp::Profile;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

fn packets(c: &mut Criterion) {
    let mut group = quick(c, "srtp");
    for operation in Operation::RTP {
        for profile in PROFILES {
            for payload_len in PAYLOAD_LENS {
                everybody(&mut group, Load::new(operation, profile, payload_len));
            }
        }
    }
    for operation in Operation::RTCP {
        for profile in [Profile::AesCm128HmacSha1_80, Profile::AeadAes128Gcm] {
            everybody(&mut group, Load::new(operation, profile, 24));
        }
    }
    group.finish();
}

/// Streams of one session that take turns.
fn streams(c: &mut Criterion) {
    let mut group = quick(c, "streams");
    for streams in [1, 100, 1_000, 10_000, 100_000] {
        let load = Load::new(Operation::Protect, Profile::AesCm128HmacSha1_80, 160);
        everybody(&mut group, load.with_streams(streams));
    }
    group.finish();
}

fn everybody(group: &mut BenchmarkGroup<'_, WallTime>, load: Load) {
    let Load {
        operation,
        profile,
        payload_len,
        streams,
        ..
    } = load;
    for contender in contenders(load) {
        let (name, batch) = (contender.name(), contender.batch());
        let crowd = match streams {
            1 => String::new(),
            streams => format!("{streams}-streams/"),
        };
        let name = format!("{profile}/{payload_len}/{crowd}{name}/{batch}");
        let given = batch.max(1) as u64;
        group.throughput(Throughput::ElementsAndBytes {
            elements: given,
            bytes: given * payload_len as u64,
        });
        let mut duel = Duel::default();
        let mut contender = Some(contender);
        group.bench_function(BenchmarkId::new(operation.to_string(), name), |bencher| {
            if let Some(contender) = contender.take() {
                duel.add(load, contender);
            }
            bencher.iter_custom(|iterations| {
                let wanted = iterations * given;
                let passes = wanted.div_ceil(PASS as u64);
                let elapsed = duel.time_passes(passes);
                elapsed.mul_f64(wanted as f64 / (passes * PASS as u64) as f64)
            });
        });
    }
}

fn quick<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_millis(300));
    group
}

criterion_group!(benches, packets, streams);
criterion_main!(benches);
