//! The fuzz target's body over its seeds and over mutations of these, the same
//! in every run.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use callseal_testkit::SplitMix64;

#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[path = "fuzz/c_calls.rs"]
mod c_calls;

static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn calls_from_c_survive_mutation_and_nothing_panics_inside() {
    // A panic becomes a status at the boundary, so that only the hook sees it.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(info);
    }));
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/c_calls");
    let mut seeds: Vec<_> = fs::read_dir(seeds)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    for (n, seed) in seeds.iter().enumerate() {
        let octets = fs::read(seed).unwrap();
        c_calls::c_calls(&octets);
        let mut random = SplitMix64::new(n as u64);
        for _ in 0..60 {
            c_calls::c_calls(&mutated(&octets, &mut random));
        }
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

/// A few octets changed, cut off, put in or doubled.
fn mutated(seed: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(12) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(8) {
            0 => data.truncate(at.max(60)),
            1 => data.insert(at, random.next_u64() as u8),
            2 if data.len() < 1_000 => data.extend_from_within(at..),
            _ if at < data.len() => data[at] = random.next_u64() as u8,
            _ => {}
        }
    }
    data
}
