//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::fs;
use std::path::Path;

use callseal_testkit::SplitMix64;

#[cfg(feature = "http")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/json_rpc_response.rs"]
mod json_rpc_response;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/light_objects.rs"]
mod light_objects;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/light_state.rs"]
mod light_state;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/operators_file.rs"]
mod operators_file;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/proof_walk.rs"]
mod proof_walk;
#[cfg(feature = "json")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/staple.rs"]
mod staple;

#[test]
fn two_walkers_agree_on_mutated_proofs() {
    run("proof_walk", 400, proof_walk::proof_walk);
}

#[cfg(feature = "http")]
#[test]
fn mutated_responses_are_read_or_refused() {
    run(
        "json_rpc_response",
        1_000,
        json_rpc_response::json_rpc_response,
    );
}

#[cfg(feature = "json")]
#[test]
fn mutated_light_client_objects_are_read_or_refused_and_never_believed() {
    run("light_objects", 150, light_objects::light_objects);
}

#[cfg(feature = "json")]
#[test]
fn mutated_files_of_operators_are_read_or_refused() {
    run("operators_file", 1_000, operators_file::operators_file);
}

#[test]
fn mutated_states_are_read_or_refused() {
    run("light_state", 500, light_state::light_state);
}

#[cfg(feature = "json")]
#[test]
fn mutated_staples_are_read_or_refused_and_never_believed() {
    run("staple", 400, staple::staple);
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
        for len in 0..seed.len().min(128) {
            body(&seed[..len]);
        }
        for _ in 0..mutations_per_seed {
            body(&mutated(seed, &seeds, &mut random));
        }
    }
}

fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(6) {
            0 if at < data.len() => data[at] ^= 1 << random.below(8),
            1 if at < data.len() => data[at] = random.next_u64() as u8,
            2 => data.truncate(at),
            3 => data.insert(at, random.next_u64() as u8),
            4 => {
                let other = &seeds[random.below(seeds.len() as u64) as usize];
                let from = random.below(other.len() as u64 + 1) as usize;
                data.truncate(at);
                data.extend(&other[from..]);
            }
            _ if at < data.len() => {
                // Values at which RLP's heads and the paths' flags turn.
                let edges = [
                    0, 0x10, 0x20, 0x30, 0x7f, 0x80, 0xa0, 0xb7, 0xb8, 0xc0, 0xf7, 0xf8, 0xff,
                ];
                data[at] = edges[random.below(edges.len() as u64) as usize];
            }
            _ => {}
        }
    }
    data
}
