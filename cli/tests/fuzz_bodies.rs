//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.
#![expect(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::fs;
use std::path::Path;

use callseal_testkit::SplitMix64;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/capture_replay.rs"]
mod capture_replay;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/keys_file.rs"]
mod keys_file;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/sip_sdes.rs"]
mod sip_sdes;

#[test]
fn captures_survive_mutation() {
    run("capture_replay", 400, capture_replay::capture_replay);
}

#[test]
fn files_of_keys_survive_mutation() {
    run("keys_file", 400, keys_file::keys_file);
}

#[test]
fn keys_in_sip_survive_mutation() {
    run("sip_sdes", 400, sip_sdes::sip_sdes);
}

fn run(target: &str, mutations_per_seed: usize, body: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    // The order in a directory is nobody's promise.
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", directory.display());
    let mut random = SplitMix64::new(0x5eed);
    for seed in &seeds {
        body(seed);
        for len in 0..seed.len().min(256) {
            body(&seed[..len]);
        }
        for _ in 0..mutations_per_seed {
            body(&mutated(seed, &mut random));
        }
    }
}

fn mutated(seed: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(5) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next_u64() as u8,
            2 => data.truncate(at),
            3 => data.insert(at, random.next_u64() as u8),
            _ if at < data.len() => {
                // Values at which lengths and counts turn.
                let edges = [0, 1, 3, 4, 0x0f, 0x11, 0x7f, 0x80, 0xfe, 0xff];
                data[at] = edges[random.below(edges.len() as u64) as usize];
            }
            _ => {}
        }
    }
    data
}
