//! Group `crypto`: the bulk operations, `operation/profile/payload/backend/batch`.
//!
//! Each packet of a batch has a header of 12 octets and keys of its own. Beside
//! the backends stands what they are measured by: `bare-sha1`, the blocks of one
//! packet's HMAC one after another and nothing else, by RustCrypto's SHA-1.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::Duration;

use callseal_srtp_crypto::{
    AesCmKey, AesGcmKey, Backend, Cipher, GcmPacketJob, GcmPortions, HmacPacketJob, HmacPortions,
    HmacSha1Key,
};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

/// Octets of payload: a comfort noise packet, 20 ms of G.711, 60 ms of it, video.
const PAYLOADS: [usize; 4] = [20, 160, 480, 1_200];

const BATCHES: [usize; 4] = [1, 4, 16, 64];

const HEADER_LEN: usize = 12;

/// What stands behind the payload at most: a tag, or the ROC.
const TRAILER_LEN: usize = 16;

fn crypto(c: &mut Criterion) {
    let mut group = c.benchmark_group("crypto");
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_millis(400));
    for payload_len in PAYLOADS {
        bare_sha1(&mut group, payload_len);
        for batch in BATCHES {
            group.throughput(Throughput::ElementsAndBytes {
                elements: batch as u64,
                bytes: (batch * payload_len) as u64,
            });
            for backend in Backend::available() {
                for key_len in [16, 32] {
                    cm_hmac(&mut group, backend, key_len, payload_len, batch);
                    gcm(&mut group, backend, key_len, payload_len, batch);
                }
            }
        }
    }
    group.finish();
}

/// One packet's inner message with ROC and padding, and the outer hash.
fn bare_sha1(group: &mut BenchmarkGroup<'_, WallTime>, payload_len: usize) {
    let blocks = (HEADER_LEN + payload_len + 4 + 9).div_ceil(64) + 1;
    let blocks = vec![[7; 64]; blocks];
    let id = BenchmarkId::new("hash", format!("sha1-blocks/{payload_len}/bare-sha1/1"));
    group.throughput(Throughput::ElementsAndBytes {
        elements: 1,
        bytes: payload_len as u64,
    });
    group.bench_function(id, |bencher| {
        let mut state = [1; 5];
        bencher.iter(|| sha1::block_api::compress(&mut state, black_box(&blocks)));
    });
}

fn cm_hmac(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: Backend,
    key_len: usize,
    payload_len: usize,
    batch: usize,
) {
    let ciphers: Vec<_> = (0..batch)
        .map(|n| AesCmKey::for_backend(backend, &vec![n as u8; key_len]))
        .collect::<Result<_, _>>()
        .expect("the length is AES's");
    let auths: Vec<_> = (0..batch)
        .map(|n| HmacSha1Key::new(&[n as u8; 20]))
        .collect();
    let end = HEADER_LEN + payload_len;
    let portions = HmacPortions {
        encrypted: HEADER_LEN..end,
        authenticated: 0..end,
        tag: end..end + 10,
    };
    let mut packets = vec![vec![0; end + TRAILER_LEN]; batch];
    let profile = format!("cm{}-sha1-80", 8 * key_len);
    let name = format!("{profile}/{payload_len}/{}/{batch}", backend.name());
    let mut iv = 0u64;
    group.bench_function(BenchmarkId::new("seal", name), |bencher| {
        bencher.iter(|| {
            iv += 1;
            let mut full_iv = [0; 14];
            full_iv[6..].copy_from_slice(&iv.to_be_bytes());
            let jobs = packets.iter_mut().zip(&ciphers).zip(&auths);
            let jobs = jobs.map(|((packet, cipher), auth)| {
                let cipher = Cipher::AesCm(cipher, full_iv);
                HmacPacketJob::new(cipher, auth, packet, portions.clone(), Some([0; 4]))
                    .expect("the portions fit")
            });
            with_jobs(jobs, |jobs| backend.seal_hmac(jobs));
        });
    });
}

fn gcm(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: Backend,
    key_len: usize,
    payload_len: usize,
    batch: usize,
) {
    let keys: Vec<_> = (0..batch)
        .map(|n| AesGcmKey::for_backend(backend, &vec![n as u8; key_len]))
        .collect::<Result<_, _>>()
        .expect("the length is GCM's");
    let end = HEADER_LEN + payload_len;
    let portions = GcmPortions {
        associated: 0..HEADER_LEN,
        encrypted: HEADER_LEN..end,
        tag: end..end + 16,
    };
    let mut packets = vec![vec![0; end + TRAILER_LEN]; batch];
    let profile = format!("gcm{}", 8 * key_len);
    let name = format!("{profile}/{payload_len}/{}/{batch}", backend.name());
    let mut iv = 0u64;
    group.bench_function(BenchmarkId::new("seal", name), |bencher| {
        bencher.iter(|| {
            iv += 1;
            let mut full_iv = [0; 12];
            full_iv[4..].copy_from_slice(&iv.to_be_bytes());
            let jobs = packets.iter_mut().zip(&keys).map(|(packet, key)| {
                GcmPacketJob::new(key, full_iv, packet, portions.clone(), None)
                    .expect("the portions fit")
            });
            with_jobs(jobs, |jobs| backend.seal_gcm(jobs));
        });
    });
}

/// Runs a single job from the stack, and more from a vector; making the jobs is
/// measured too.
fn with_jobs<J>(mut jobs: impl ExactSizeIterator<Item = J>, run: impl FnOnce(&mut [J])) {
    if jobs.len() == 1 {
        if let Some(job) = jobs.next() {
            run(black_box(&mut [job]));
        }
    } else {
        run(black_box(&mut jobs.collect::<Vec<_>>()));
    }
}

criterion_group!(benches, crypto);
criterion_main!(benches);
