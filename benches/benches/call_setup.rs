//! How long it takes to secure a call, in virtual time: two whole legs over a
//! simulated network, a node that answers late, no computation counted.
//!
//! The figures depend on the protocol alone, so they are the same on every
//! machine; what the computation adds is in the group `handshake`.

#[allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "shared with the tests of callseal-endpoint"
)]
#[path = "../../endpoint/tests/phones/mod.rs"]
mod phones;

use core::time::Duration;

use callseal_benches::report::CallSetUp;
use callseal_endpoint::Answering;
use callseal_testkit::{Conditions, Link, Pair};
use phones::{A, ALICE, B, BOB, MANY, MS, Phone, World};

/// What Kfoury & Khoury publish for securing a call.
const PUBLISHED: Duration = Duration::from_millis(1_218);

const NODE_LATENCY: Duration = Duration::from_millis(100);

fn main() {
    let as_json = std::env::args().any(|argument| argument == "--json");
    if as_json {
        for call in all() {
            println!("{}", serde_json::to_string(&call).expect("figures"));
        }
        return;
    }
    println!(
        "Call set-up in virtual time, node latency {} ms; published: {} ms\n",
        NODE_LATENCY.as_millis(),
        PUBLISHED.as_millis()
    );
    println!(
        "| round trip | loss | callee has keys | caller has keys | caller, callee's number not known before | datagrams, octets |"
    );
    println!("|---|---|---|---|---|---|");
    for call in all() {
        println!(
            "| {} ms | {:.0} % | {} ms | {} ms | {} ms | {}, {} |",
            call.round_trip_ms,
            call.loss * 100.0,
            call.callee_ms,
            call.caller_ms,
            call.caller_serial_ms,
            call.datagrams,
            call.octets,
        );
    }
}

fn all() -> impl Iterator<Item = CallSetUp> {
    let losses = [0.0, 0.05].into_iter();
    losses.flat_map(|loss| [50, 100, 200].map(|round_trip| measure(round_trip * MS, loss)))
}

/// The median over seeds; without loss all are equal.
fn measure(round_trip: Duration, loss: f64) -> CallSetUp {
    let seeds = if loss > 0.0 { 101 } else { 1 };
    let mut rows: Vec<CallSetUp> = (0..seeds)
        .map(|seed| call(round_trip, loss, seed))
        .collect();
    rows.sort_by_key(|row| row.caller_ms);
    rows.swap_remove(rows.len() / 2)
}

fn call(round_trip: Duration, loss: f64, seed: u64) -> CallSetUp {
    let (callee, caller, pair) = run(round_trip, loss, seed, NODE_LATENCY);
    // A look-up that begins with M2 ends a round trip later than one that
    // begins with M1.
    let (_, caller_serial, _) = run(round_trip, loss, seed, NODE_LATENCY + round_trip);
    let tally = pair.link.tally();
    CallSetUp {
        round_trip_ms: round_trip.as_millis(),
        loss,
        callee_ms: callee.as_millis(),
        caller_ms: caller.as_millis(),
        caller_serial_ms: caller_serial.as_millis(),
        datagrams: tally.sent,
        octets: tally.sent_len,
    }
}

fn run(
    round_trip: Duration,
    loss: f64,
    seed: u64,
    caller_latency: Duration,
) -> (Duration, Duration, Pair<Phone, Phone>) {
    let conditions = Conditions::perfect().delay(round_trip / 2).loss(loss);
    let mut pair = {
        let world = World::new();
        Pair::new(
            Link::new(seed, conditions),
            world.phone(ALICE, A, Answering::Nobody),
            world.phone(BOB, B, Answering::Anyone),
        )
    };
    pair.a.node_latency = caller_latency;
    pair.b.node_latency = NODE_LATENCY;
    pair.a.call(pair.now, BOB, B);
    let (mut callee, mut caller) = (None, None);
    let both = pair.run_until(MANY, |pair| {
        callee = callee.or(pair.b.leg.is_secured().then_some(pair.now));
        caller = caller.or(pair.a.leg.is_secured().then_some(pair.now));
        callee.is_some() && caller.is_some()
    });
    match (both, callee, caller) {
        (Ok(_), Some(callee), Some(caller)) => (callee, caller, pair),
        (error, ..) => panic!("no call at {round_trip:?} with loss {loss}: {error:?}"),
    }
}
