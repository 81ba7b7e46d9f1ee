//! Nanoseconds a packet with more and more streams in turn, nobody else on the clock: as a server has them that does
//! nothing but this (`warm`), and as they are found when other work has taken the caches (`cold`).
//!
//! ```text
//! cargo run --release -p callseal-benches --example crowds
//! ```

use std::time::Duration;

use callseal_benches::{Callseal, Duel, Load, Mode, Operation, Pace};
use callseal_srtp::{Backend, Profile};

const CROWDS: [usize; 5] = [1, 100, 1_000, 10_000, 100_000];

fn main() {
    let profile = match std::env::args().any(|argument| argument == "gcm") {
        true => Profile::AeadAes128Gcm,
        false => Profile::AesCm128HmacSha1_80,
    };
    let spread = std::env::args().any(|argument| argument == "sessions");
    println!("{profile}: least of all turns, ns a packet");
    print!("{:42}", "");
    CROWDS.iter().for_each(|crowd| print!("{crowd:>9}"));
    println!();
    for operation in Operation::RTP {
        for mode in [Mode::Single, Mode::Batch(64)] {
            for warm in [true, false] {
                let label = if warm { "warm" } else { "cold" };
                print!("{operation:10} {:18} {label:12}", format!("{mode:?}"));
                for crowd in CROWDS {
                    if spread && crowd > 10_000 {
                        continue;
                    }
                    let load = Load::new(operation, profile, 160);
                    let load = match spread {
                        true => load.with_sessions(crowd),
                        false => load.with_streams(crowd),
                    };
                    print!("{:9.1}", least(load, mode, warm));
                }
                println!();
            }
        }
    }
}

/// One contender: in turns that are as long as it takes to go round all streams twice, or in short ones between which
/// the caches are filled with something else.
fn least(load: Load, mode: Mode, warm: bool) -> f64 {
    let mut duel = Duel::default();
    duel.add(
        load,
        Box::new(Callseal::new(load, Backend::detected(), mode)),
    );
    let mut other = vec![0u8; 64 << 20];
    let (rounds, turn) = match warm {
        true => (
            9,
            Duration::from_nanos(1_000 * load.streams.max(1_000) as u64),
        ),
        false => (15, Duration::from_micros(100)),
    };
    let pace = Pace {
        rounds,
        turn,
        max_crowd: usize::MAX,
    };
    let standing = duel.run(pace, || {
        if !warm {
            other
                .iter_mut()
                .step_by(64)
                .for_each(|octet| *octet = octet.wrapping_add(1));
        }
    });
    standing.rows[0].low_ns
}
