//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::fs;
use std::path::PathBuf;

use callseal_testkit::SplitMix64;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/enrolment_messages.rs"]
mod enrolment_messages;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/enrolment_token.rs"]
mod enrolment_token;
#[cfg(feature = "net")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/operator_requests.rs"]
mod operator_requests;

#[test]
fn tokens_survive_mutation() {
    let body = enrolment_token::enrolment_token;
    play("enrolment_token", 100, body);
}

#[test]
fn messages_survive_mutation() {
    let body = enrolment_messages::enrolment_messages;
    play("enrolment_messages", 40, body);
}

#[cfg(feature = "net")]
#[test]
fn requests_survive_mutation() {
    let body = operator_requests::operator_requests;
    play("operator_requests", 100, body);
}

/// Every seed, every seed cut short, and so many mutations of each.
fn play(target: &str, mutations: usize, body: fn(&[u8])) {
    let seeds = seeds(target);
    let mut random = SplitMix64::new(1992);
    for seed in &seeds {
        body(seed);
        let step = seed.len() / 64 + 1;
        (0..seed.len())
            .step_by(step)
            .for_each(|len| body(&seed[..len]));
        for _ in 0..mutations {
            let mut mutant = seed.clone();
            for _ in 0..=random.below(3) {
                mutate(&mut mutant, &seeds, &mut random);
            }
            body(&mutant);
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = [env!("CARGO_MANIFEST_DIR"), "..", "fuzz", "corpus", target];
    let corpus: PathBuf = corpus.iter().collect();
    let entries =
        fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", corpus.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn mutate(octets: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut SplitMix64) {
    let at = random.below(octets.len() as u64 + 1) as usize;
    match random.below(5) {
        0 => octets.insert(at, random.next_u32() as u8),
        1 => octets.truncate(at.max(1)),
        2 => {
            // The head of one seed, the tail of another.
            let other = &seeds[random.below(seeds.len() as u64) as usize];
            let from = random.below(other.len() as u64 + 1) as usize;
            octets.truncate(at);
            octets.extend_from_slice(&other[from..]);
        }
        _ => {
            if let Some(octet) = octets.get_mut(at) {
                *octet ^= 1 << random.below(8);
            }
        }
    }
}
