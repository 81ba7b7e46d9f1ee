//! How much memory a session and each of its streams take, counted at the
//! allocator: the same on every machine of one word size.

use callseal_benches::report::Memory;
use callseal_benches::{Load, Operation, PROFILES, Packets, Source, key_of};
use callseal_srtp::{Policy, Profile, Receiver, Sender};
use callseal_testkit::{Allocations, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Enough that a table's spare room is told from what is in it.
const STREAMS: usize = 10_000;

fn main() {
    for profile in PROFILES {
        for (half, memory) in [("sender", sender(profile)), ("receiver", receiver(profile))] {
            let json = serde_json::to_string(&memory).expect("figures");
            println!("memory/{profile}/{half}: {json}");
        }
    }
}

/// A sender's own octets with those that it holds, and what each stream adds.
fn sender(profile: Profile) -> Memory {
    let policy = Policy::new(profile).with_max_streams(STREAMS);
    let (mut sender, made) = Allocations::during(|| {
        Sender::new(policy, key_of(profile, 0)).expect("the policy is sound")
    });
    let load = Load::new(Operation::Protect, profile, 160).with_streams(STREAMS);
    let mut grown = 0;
    each_pass(load, |room, len| {
        let (done, seen) = Allocations::during(|| sender.protect_rtp(room, len));
        done.expect("a fresh packet is accepted");
        grown += seen.live_len();
    });
    Memory {
        session: size_of::<Sender>() as i64 + made.live_len(),
        stream: grown / STREAMS as i64,
    }
}

fn receiver(profile: Profile) -> Memory {
    let policy = Policy::new(profile).with_max_streams(STREAMS);
    let (mut receiver, made) = Allocations::during(|| {
        Receiver::new(policy, key_of(profile, 0)).expect("the policy is sound")
    });
    let load = Load::new(Operation::Unprotect, profile, 160).with_streams(STREAMS);
    let mut grown = 0;
    each_pass(load, |room, len| {
        let (done, seen) = Allocations::during(|| receiver.unprotect_rtp(room, len));
        done.expect("a fresh packet is accepted");
        grown += seen.live_len();
    });
    Memory {
        session: size_of::<Receiver>() as i64 + made.live_len(),
        stream: grown / STREAMS as i64,
    }
}

fn each_pass(load: Load, mut packet: impl FnMut(&mut [u8], usize)) {
    let mut source = Source::new(load);
    let mut packets = Packets::new(load.protected_len());
    while !source.is_settled() {
        source.fill(&mut packets);
        packets.rooms().for_each(|(room, len)| packet(room, len));
    }
}
