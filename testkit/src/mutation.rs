//! A fuzz target's body over its seeds and over mutations of these, the same
//! in every run.

use std::fs;
use std::path::PathBuf;

use crate::SplitMix64;

/// Plays every seed in `fuzz/corpus/<target>`, each cut short at up to 256
/// places, and so many mutations of each, in an order that never changes.
///
/// ```no_run
/// fn handshake_messages(data: &[u8]) {
///     // Whatever the octets are, this returns.
/// }
/// callseal_testkit::play("handshake_messages", 1_000, handshake_messages);
/// ```
///
/// # Panics
///
/// Where the body does, and where there are no seeds.
pub fn play(target: &str, mutations_per_seed: usize, body: impl Fn(&[u8])) {
    let seeds = seeds(target);
    let mut random = SplitMix64::new(1992);
    for seed in &seeds {
        body(seed);
        let step = seed.len() / 256 + 1;
        for len in (0..seed.len()).step_by(step) {
            body(&seed[..len]);
        }
        for _ in 0..mutations_per_seed {
            body(&mutated(seed, &seeds, &mut random));
        }
    }
}

/// The seeds of a fuzz target, in the order of their names.
///
/// # Panics
///
/// Where there are none, or one cannot be read.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = [env!("CARGO_MANIFEST_DIR"), "..", "fuzz", "corpus", target];
    let corpus: PathBuf = corpus.iter().collect();
    let unread = |error: std::io::Error| -> ! { panic!("{}: {error}", corpus.display()) };
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| unread(error));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap_or_else(|error| unread(error)).path())
        .collect();
    // The order in a directory is nobody's promise.
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", corpus.display());
    let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| unread(error));
    paths.iter().map(read).collect()
}

/// Values at which lengths, counts and tags turn: RTCP's and RTP's, RLP's and
/// the flags of a trie's paths among them.
const EDGES: [u8; 20] = [
    0, 1, 3, 4, 0x10, 0x1f, 0x20, 0x30, 0x7f, 0x80, 0xa0, 0xb7, 0xb8, 0xbf, 0xc0, 0xf7, 0xf8, 0xfd,
    0xfe, 0xff,
];

/// One to five changes: a bit or an octet changed, an octet put in, the tail
/// cut off, doubled, or that of another seed.
fn mutated(seed: &[u8], seeds: &[Vec<u8>], random: &mut SplitMix64) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(data.len() as u64 + 1) as usize;
        match random.below(8) {
            0 => data.truncate(at),
            1 => data.insert(at, random.next_u64() as u8),
            2 => data.extend_from_within(at..),
            3 => {
                let other = &seeds[random.below(seeds.len() as u64) as usize];
                let from = random.below(other.len() as u64 + 1) as usize;
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            change if at < data.len() => {
                data[at] = match change {
                    4 => EDGES[random.below(EDGES.len() as u64) as usize],
                    5 => random.next_u64() as u8,
                    _ => data[at] ^ (1 << random.below(8)),
                };
            }
            _ => {}
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    const TARGET: &str = "handshake_messages";

    #[test]
    fn plays_every_seed_its_prefixes_and_so_many_mutations() {
        let played = RefCell::new(Vec::new());
        play(TARGET, 10, |data| played.borrow_mut().push(data.to_vec()));
        let played = played.into_inner();
        let seeds = seeds(TARGET);
        let cuts: usize = seeds
            .iter()
            .map(|seed| seed.len().div_ceil(seed.len() / 256 + 1))
            .sum();
        assert_eq!(played.len(), cuts + 11 * seeds.len());
        assert!(seeds.iter().all(|seed| played.contains(seed)));
    }

    #[test]
    fn mutations_differ_and_are_the_same_in_every_run() {
        let seeds = seeds(TARGET);
        let made = |n| -> Vec<Vec<u8>> {
            let mut random = SplitMix64::new(n);
            (0..100)
                .map(|_| mutated(&seeds[0], &seeds, &mut random))
                .collect()
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        let different: BTreeSet<_> = made(1).into_iter().collect();
        assert!(different.len() > 80, "{}", different.len());
    }
}
