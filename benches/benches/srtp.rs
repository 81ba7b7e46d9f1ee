//! Group `srtp`: one packet, one stream, `operation/profile/payload/backend/batch`.
//!
//! Every packet has a sequence number of its own, so that nothing measured is
//! a replay; a refused packet would stop the run.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use callseal_srtp::{Backend, MasterKey, Policy, Profile, Receiver, Sender};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Octets of payload: a comfort noise packet, 20 ms of G.711, 60 ms of it, video.
const PAYLOADS: [usize; 4] = [20, 160, 480, 1_200];

const HEADER_LEN: usize = 12;

/// Packets protected ahead, to be unprotected on the clock; few enough to stay
/// in the second-level cache.
const AHEAD: usize = 128;

fn packets(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp");
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    for backend in Backend::available() {
        for &profile in Profile::ALL {
            for payload_len in PAYLOADS {
                let name = format!("{profile}/{payload_len}/{}/1", backend.name());
                group.throughput(Throughput::ElementsAndBytes {
                    elements: 1,
                    bytes: payload_len as u64,
                });
                group.bench_function(BenchmarkId::new("protect", &name), |bencher| {
                    let mut sender = sender(profile, backend);
                    let mut packet = Packet::new(payload_len);
                    bencher.iter(|| packet.protect(&mut sender));
                });
                group.bench_function(BenchmarkId::new("unprotect", &name), |bencher| {
                    let mut sender = sender(profile, backend);
                    let mut receiver = receiver(profile, backend);
                    let mut packet = Packet::new(payload_len);
                    bencher.iter_custom(|iterations| {
                        let mut elapsed = Duration::ZERO;
                        let mut left = iterations as usize;
                        while left > 0 {
                            let count = left.min(AHEAD);
                            let mut ahead: Vec<_> = (0..count)
                                .map(|_| {
                                    packet.protect(&mut sender);
                                    packet.buf.clone()
                                })
                                .collect();
                            let begin = Instant::now();
                            for buf in &mut ahead {
                                let len = buf.len();
                                let opened = receiver.unprotect_rtp(black_box(buf), len);
                                black_box(opened.expect("a fresh packet is accepted"));
                            }
                            elapsed += begin.elapsed();
                            left -= count;
                        }
                        elapsed
                    });
                });
            }
        }
    }
    group.finish();
}

/// What it takes before the first packet: two sets of session keys and tables.
fn sessions(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp-session");
    for backend in Backend::available() {
        for &profile in Profile::ALL {
            let name = format!("{profile}/{}", backend.name());
            group.bench_function(BenchmarkId::new("sender", name), |bencher| {
                bencher.iter(|| sender(black_box(profile), backend));
            });
        }
    }
    group.finish();
}

/// One stream's packets, one after another in one buffer.
struct Packet {
    buf: Vec<u8>,
    len: usize,
    seq: u16,
}

impl Packet {
    fn new(payload_len: usize) -> Self {
        let len = HEADER_LEN + payload_len;
        let mut buf: Vec<u8> = (0..len).map(|n| n as u8).collect();
        buf[0] = 0x80;
        Self { buf, len, seq: 0 }
    }

    /// Protects the next packet; its payload is whatever the last one left.
    fn protect(&mut self, sender: &mut Sender) {
        self.seq = self.seq.wrapping_add(1);
        self.buf.resize(self.len + sender.max_trailer_len(), 0);
        self.buf[2..4].copy_from_slice(&self.seq.to_be_bytes());
        let len = sender.protect_rtp(black_box(&mut self.buf), self.len);
        self.buf.truncate(len.expect("a fresh number is accepted"));
    }
}

fn sender(profile: Profile, backend: Backend) -> Sender {
    let policy = Policy::new(profile).with_backend(backend);
    Sender::new(policy, key(profile)).expect("the policy is sound")
}

fn receiver(profile: Profile, backend: Backend) -> Receiver {
    let policy = Policy::new(profile).with_backend(backend);
    Receiver::new(policy, key(profile)).expect("the policy is sound")
}

fn key(profile: Profile) -> MasterKey {
    let (key, salt) = (
        vec![0x42; profile.key_len()],
        vec![0x17; profile.salt_len()],
    );
    MasterKey::new(profile, &key, &salt).expect("the lengths are the profile's")
}

criterion_group!(benches, packets, sessions);
criterion_main!(benches);
