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
#[path = "fuzz/handshake_messages.rs"]
mod handshake_messages;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/handshake_sequence.rs"]
mod handshake_sequence;

#[test]
fn messages_survive_mutation() {
    let body = handshake_messages::handshake_messages;
    play("handshake_messages", 1_000, body);
}

#[test]
fn sequences_survive_mutation() {
    let body = handshake_sequence::handshake_sequence;
    play("handshake_sequence", 60, body);
}

/// Whatever octet a length stands in: what is read of a message is built to the
/// same octets again, and so reached neither short of its end nor beyond it.
#[test]
fn zrtpcpp_2013_no_length_field_reaches_beyond_its_message() {
    for seed in seeds("handshake_messages") {
        for at in 0..seed.len() {
            for value in [
                0,
                1,
                2,
                0x7f,
                0x80,
                0xff,
                seed[at].wrapping_add(1),
                seed[at].wrapping_sub(1),
            ] {
                let mut mutant = seed.clone();
                mutant[at] = value;
                handshake_messages::handshake_messages(&mutant);
            }
        }
    }
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
