//! Whole handshakes with every value, in `testvectors/sts/` and in
//! PROTOCOL.md: recomputed from their inputs by code that is written from
//! PROTOCOL.md alone, and played by the crate.
//!
//! After a change of the protocol:
//! `cargo test -p callseal-sts --test worked_examples -- --ignored`
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

#[path = "worked/example.rs"]
mod example;
#[path = "worked/recompute.rs"]
mod recompute;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use callseal_sts::{
    Admission, Config, Established, Event, Failure, FragmentHead, Handshaker, Identity,
    IdentityKey, Limits, Number, Random, Refusal, Running, SessionHash, Suite, Suites, Transmit,
    VerifiedPeerKey,
};
use example::{Example, Inputs, RunningCall, Side};
use recompute::{array, octets, recompute};

const SOURCE: &str = "computed by sts/tests/worked_examples.rs from the inputs below, \
    which are arbitrary";

/// The examples, by the name of their file.
fn examples() -> [(&'static str, &'static str, Inputs); 3] {
    let plain = Inputs {
        caller: Side {
            number: "+8613800000001".into(),
            identity_secret: filled(0x11),
            session: "0102030405060708".into(),
            ephemeral_secret: filled(0x21),
            address: "192.0.2.1:5005".into(),
            ssrc: "11111111".into(),
            cname: "callerAAAAAAAAAA".into(),
        },
        callee: Side {
            number: "+8613800000002".into(),
            identity_secret: filled(0x12),
            session: "1112131415161718".into(),
            ephemeral_secret: filled(0x22),
            address: "192.0.2.2:5005".into(),
            ssrc: "22222222".into(),
            cname: "calleeBBBBBBBBBB".into(),
        },
        nonce: filled(0x31),
        reveal: filled(0x32),
        suites_offered: vec!["0001".into(), "0002".into()],
        suites_accepted: vec!["0001".into(), "0002".into()],
        running: None,
        renews: false,
        cookie_secret: None,
        status: 0,
    };
    let mut renewal = plain.clone();
    renewal.caller.session = "2102030405060708".into();
    renewal.caller.ephemeral_secret = filled(0x23);
    renewal.callee.session = "3112131415161718".into();
    renewal.callee.ephemeral_secret = filled(0x24);
    renewal.nonce = filled(0x33);
    renewal.reveal = filled(0x34);
    renewal.suites_accepted = vec!["0002".into(), "0001".into()];
    renewal.running = Some(RunningCall {
        session_hash: filled(0x44),
        callers_epoch: 255,
        callees_epoch: 254,
    });
    renewal.renews = true;
    renewal.cookie_secret = Some(filled(0x55));
    let mut refused = plain.clone();
    refused.caller.number = "+10".into();
    refused.callee.number = "+123456789012345".into();
    refused.suites_offered = vec!["0003".into(), "0002".into(), "0005".into()];
    refused.status = 1;
    [
        (
            "plain",
            "A first call: suite 1, no load, nothing lost.",
            plain,
        ),
        (
            "renewal_with_cookie",
            "A renewal of a running call, with a callee that demands a cookie first and prefers \
             suite 2. The new epoch passes over 255, which the caller has in use, and over 0.",
            renewal,
        ),
        (
            "refused",
            "A first call that the callee refuses with status 1. The shortest and the longest \
             number; suites that version 1 does not have are offered, too (the crate's own \
             caller would not).",
            refused,
        ),
    ]
}

fn filled(octet: u8) -> String {
    hex::encode([octet; 32])
}

fn path(name: &str) -> PathBuf {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../testvectors/sts");
    PathBuf::from(directory).join(name).with_extension("json")
}

fn load(name: &str) -> Example {
    let path = path(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
#[ignore = "writes the examples anew; for after a change of the protocol"]
fn write_the_worked_examples() {
    for (name, about, inputs) in examples() {
        let example = recompute(about, SOURCE, inputs);
        let mut text = serde_json::to_string_pretty(&example).unwrap();
        text.push('\n');
        std::fs::write(path(name), text).unwrap();
    }
    let protocol = std::fs::read_to_string(PROTOCOL).unwrap();
    let (before, after) = around_the_block(&protocol);
    let block = block(&recompute("", "", examples()[0].2.clone()));
    std::fs::write(PROTOCOL, [before, &block, after].concat()).unwrap();
}

#[test]
fn the_files_follow_from_their_inputs() {
    for (name, about, inputs) in examples() {
        let example = load(name);
        assert_eq!(example.inputs, inputs, "{name}");
        assert_eq!(example, recompute(about, SOURCE, inputs), "{name}");
    }
}

#[test]
fn the_document_shows_the_first_example() {
    let protocol = std::fs::read_to_string(PROTOCOL).unwrap();
    let (_, rest) = protocol.split_once(BEGIN).unwrap();
    let (shown, _) = rest.split_once(END).unwrap();
    let shown: Vec<(String, String)> = read_block(shown);
    let expected = values(&load("plain"));
    assert_eq!(shown.len(), expected.len());
    for ((name, value), (expected_name, expected_value)) in shown.iter().zip(&expected) {
        assert_eq!(name, expected_name);
        assert_eq!(value, expected_value, "{name}");
    }
}

#[test]
fn the_crate_plays_the_plain_example() {
    play(&load("plain"), false);
}

#[test]
fn the_crate_plays_the_renewal() {
    play(&load("renewal_with_cookie"), false);
}

#[test]
fn the_crate_plays_the_refusal() {
    play(&load("refused"), true);
}

/// Gives octets out in the order in which they were put in.
struct Script(VecDeque<Vec<u8>>);

impl Random for Script {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.pop_front().unwrap());
    }
}

/// Lets two handshakers have the example's handshake, and compares every
/// datagram and the end. Where the crate would not make this M1 itself, it
/// plays the callee only.
fn play(example: &Example, callee_only: bool) {
    let inputs = &example.inputs;
    let now = Duration::ZERO;
    let script = |values: &[&String]| {
        let octets = values.iter().map(|value| octets(value));
        Box::new(Script(octets.collect()))
    };
    let caller_draws = [
        &inputs.caller.session,
        &inputs.caller.ephemeral_secret,
        &inputs.nonce,
    ];
    let mut callee_draws: Vec<_> = inputs.cookie_secret.iter().collect();
    callee_draws.extend([
        &inputs.callee.session,
        &inputs.callee.ephemeral_secret,
        &inputs.reveal,
    ]);
    let mut callee_config = config(&inputs.callee).with_suites(suites(&inputs.suites_accepted));
    if inputs.cookie_secret.is_some() {
        callee_config = callee_config.with_limits(Limits::default().challenge_from(0));
    }
    let mut caller = Handshaker::new(config(&inputs.caller), script(&caller_draws));
    let mut callee = Handshaker::new(callee_config, script(&callee_draws));
    if let Some(running) = &inputs.running {
        let call = |epoch, peer: &Side| Running {
            session_hash: SessionHash::from_bytes(array(&running.session_hash)),
            epoch,
            peer: identity(peer),
        };
        caller.set_running(Some(call(running.callers_epoch, &inputs.callee)));
        callee.set_running(Some(call(running.callees_epoch, &inputs.caller)));
    }
    let callee_address = inputs.callee.address.parse().unwrap();
    if callee_only {
        return play_callee(example, &mut callee);
    }
    let session = match inputs.renews {
        true => caller.call_again(now, callee_address),
        false => caller.call(now, callee_address, number(&inputs.callee)),
    };
    session.unwrap();

    let mut ends = Vec::new();
    for expected in &example.datagrams {
        let (from, to, source) = match expected.from.as_str() {
            "caller" => (&mut caller, &mut callee, &inputs.caller),
            _ => (&mut callee, &mut caller, &inputs.callee),
        };
        let transmit = from.poll_transmit().unwrap();
        assert_eq!(from.poll_transmit(), None);
        check_transmit(&transmit, example, expected);
        deliver(&transmit, source, to);
        while let Some(event) = to.poll_event() {
            match event {
                Event::PeerPresented {
                    session, identity, ..
                } => {
                    let key = VerifiedPeerKey::vouch(identity);
                    to.accept(now, session, key).unwrap();
                }
                Event::Established { established, .. } => ends.push(established),
                _ => {}
            }
        }
    }
    assert_eq!(ends.len(), 2);
    for end in ends {
        check_end(&end, example);
    }
}

fn play_callee(example: &Example, callee: &mut Handshaker) {
    let message = |name: &str| match name {
        "m1" => &example.messages.m1,
        _ => &example.messages.m3,
    };
    for expected in &example.datagrams {
        if expected.from == "caller" {
            let transmit = Transmit {
                to: example.inputs.callee.address.parse().unwrap(),
                message: octets(message(&expected.message)).into(),
                message_tag: 0,
                cookie: None,
            };
            deliver(&transmit, &example.inputs.caller, callee);
        } else {
            let transmit = callee.poll_transmit().unwrap();
            check_transmit(&transmit, example, expected);
        }
        while let Some(event) = callee.poll_event() {
            match event {
                Event::PeerPresented { session, .. } => {
                    let why = Refusal::from_status(example.inputs.status).unwrap();
                    callee.refuse(Duration::ZERO, session, why);
                }
                Event::Failed { why, .. } => {
                    assert_eq!(why, Failure::RefusedHere(Refusal::NotVouched));
                }
                Event::Established { .. } => panic!("refused"),
                _ => {}
            }
        }
    }
}

fn deliver(transmit: &Transmit, source: &Side, to: &mut Handshaker) {
    let from: SocketAddr = source.address.parse().unwrap();
    let head = FragmentHead {
        index: 0,
        count: 1,
        cookie: transmit.cookie,
        bytes: &transmit.message,
    };
    let len = transmit.message.len() + 56;
    if to.admit(Duration::ZERO, from, head, len) != Admission::Drop {
        to.handle_message(Duration::ZERO, from, &transmit.message, len);
    }
}

fn check_transmit(transmit: &Transmit, example: &Example, expected: &example::Datagram) {
    let messages = &example.messages;
    let message = match expected.message.as_str() {
        "challenge" => messages.challenge.as_ref().unwrap(),
        "m1" => &messages.m1,
        "m2" => &messages.m2,
        "m3" => &messages.m3,
        _ => &messages.m4,
    };
    assert_eq!(&hex::encode(&transmit.message), message);
    assert_eq!(
        hex::encode(transmit.message_tag.to_be_bytes()),
        expected.message_tag
    );
    assert_eq!(transmit.cookie.map(hex::encode), expected.cookie);
}

fn check_end(established: &Established, example: &Example) {
    let call = example.outcome.call.as_ref().unwrap();
    let keys = established.media_keys();
    assert_eq!(
        hex::encode(&keys.caller_to_callee.key),
        call.caller_to_callee_key
    );
    assert_eq!(
        hex::encode(&keys.caller_to_callee.salt),
        call.caller_to_callee_salt
    );
    assert_eq!(
        hex::encode(&keys.callee_to_caller.key),
        call.callee_to_caller_key
    );
    assert_eq!(
        hex::encode(&keys.callee_to_caller.salt),
        call.callee_to_caller_salt
    );
    assert_eq!(
        hex::encode(established.session_hash().as_bytes()),
        call.session_hash
    );
    assert_eq!(established.sas().to_string(), call.authentication_string);
    assert_eq!(established.epoch(), example.outcome.epoch);
    assert_eq!(
        hex::encode(established.suite().id().to_be_bytes()),
        example.outcome.suite
    );
}

fn number(side: &Side) -> Number {
    side.number.parse().unwrap()
}

fn key(side: &Side) -> IdentityKey {
    IdentityKey::from_bytes(array(&side.identity_secret)).unwrap()
}

fn identity(side: &Side) -> Identity {
    Identity {
        number: number(side),
        key: key(side).public(),
    }
}

fn config(side: &Side) -> Config {
    Config::new(number(side), key(side))
}

fn suites(ids: &[String]) -> Suites {
    let suite = |id: &String| Suite::from_id(u16::from_be_bytes(array(id))).unwrap();
    Suites::new(&ids.iter().map(suite).collect::<Vec<_>>()).unwrap()
}

const PROTOCOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/PROTOCOL.md");
const BEGIN: &str =
    "<!-- A test compares what follows with testvectors/sts/plain.json. -->\n\n```text\n";
const END: &str = "```\n";

/// The document up to the block and from its end.
fn around_the_block(protocol: &str) -> (&str, &str) {
    let (before, rest) = protocol.split_once(BEGIN).unwrap();
    let begin = before.len() + BEGIN.len();
    let end = begin + rest.find(END).unwrap();
    (&protocol[..begin], &protocol[end..])
}

/// What the document shows of an example, in its order.
fn values(example: &Example) -> Vec<(String, String)> {
    let serde_json::Value::Object(all) = serde_json::to_value(example).unwrap() else {
        panic!("an object");
    };
    let part = |name: &str, of: &str| all[name][of].as_str().map(str::to_owned);
    let side = |of: &str, name: &str| all["inputs"][of][name].as_str().unwrap().to_owned();
    let mut values = Vec::new();
    for of in ["caller", "callee"] {
        for name in ["number", "identity_secret", "session", "ephemeral_secret"] {
            values.push((format!("{of}'s {}", name.replace('_', " ")), side(of, name)));
        }
    }
    for name in ["nonce", "reveal"] {
        values.push((name.to_owned(), part("inputs", name).unwrap()));
    }
    let order = [
        "callers_identity callees_identity callers_share callees_share z",
        "m1 th_1",
        "commitment th_2 prk k2 n2 m2_signed m2_signature m2_plaintext m2",
        "th_3 k3 n3 m3_signed m3_signature m3_plaintext m3",
        "th_4 k4 n4 km mac m4_plaintext m4",
    ];
    for name in order.iter().flat_map(|names| names.split(' ')) {
        let value = part("intermediate", name).or_else(|| part("messages", name));
        let shown = name
            .replace("callers_", "caller's ")
            .replace("callees_", "callee's ")
            .replace("_signed", " signed octets")
            .replace("_signature", " signature")
            .replace("_plaintext", " plaintext");
        values.push((shown, value.unwrap()));
    }
    let call = example.outcome.call.as_ref().unwrap();
    for (name, value) in [
        ("caller-to-callee key", &call.caller_to_callee_key),
        ("caller-to-callee salt", &call.caller_to_callee_salt),
        ("callee-to-caller key", &call.callee_to_caller_key),
        ("callee-to-caller salt", &call.callee_to_caller_salt),
        ("session hash", &call.session_hash),
        ("authentication string", &call.authentication_string),
    ] {
        values.push((name.to_owned(), value.clone()));
    }
    let datagram = example.datagrams[0].octets.clone();
    values.push(("m1 in its datagram".to_owned(), datagram));
    values
}

/// Name, colon, value; a long value goes on in lines that begin with spaces.
fn block(example: &Example) -> String {
    const WIDTH: usize = 96;
    let mut block = String::new();
    for (name, value) in values(example) {
        let rows: Vec<_> = value
            .as_bytes()
            .chunks(WIDTH)
            .map(|row| std::str::from_utf8(row).unwrap())
            .collect();
        writeln!(
            block,
            "{:<28}{}",
            format!("{name}:"),
            rows.join(&format!("\n{:28}", ""))
        )
        .unwrap();
    }
    block
}

fn read_block(block: &str) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match line.split_once(':') {
            Some((name, value)) => values.push((name.to_owned(), value.trim().to_owned())),
            None => values.last_mut().unwrap().1.push_str(line.trim()),
        }
    }
    values
}
