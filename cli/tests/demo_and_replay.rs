//! The demonstration, and what can be done with the files that it leaves.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::PathBuf;

use callseal::capture::{CaptureReader, CaptureWriter, Format, LinkType, udp_in};
use callseal::speech::{Codec, Speaker, embedded};
use serde_json::{Value, json};
use support::{Done, callseal, folder, of_repository, run, text};

/// The folder of one call, which all tests of this file look at.
fn call() -> &'static (tempfile::TempDir, Value) {
    static CALL: std::sync::OnceLock<(tempfile::TempDir, Value)> = std::sync::OnceLock::new();
    CALL.get_or_init(|| {
        let folder = folder();
        let done = run(&["demo", "--fast", "--json", "--out", text(folder.path())]);
        let outcome = done.expect_code(0).json();
        (folder, outcome)
    })
}

fn of_call(name: &str) -> PathBuf {
    call().0.path().join(name)
}

fn replay(capture: &str, more: &[&str]) -> Done {
    replay_with(of_call(capture), of_call("keys.json"), more)
}

fn replay_with(capture: PathBuf, keys: PathBuf, more: &[&str]) -> Done {
    let arguments = ["replay", text(&capture), "--keys", text(&keys)];
    run(&[&arguments, more].concat())
}

/// A copy of the call's capture, changed.
fn changed(folder: &tempfile::TempDir, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut file = std::fs::read(of_call("call.pcapng")).unwrap();
    change(&mut file);
    let path = folder.path().join("changed.pcapng");
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn every_payload_arrives_and_every_lie_and_forgery_is_caught() {
    let (_, outcome) = call();
    assert_eq!(outcome["ok"], true);
    assert_eq!(outcome["problems"], json!([]));
    assert_eq!(outcome["lies_told"], 4);
    assert_eq!(outcome["lies_caught"], 4);
    let directions = outcome["directions"].as_array().unwrap();
    for (direction, packets) in directions.iter().zip([2 * 867, 2 * 896]) {
        assert_eq!(direction["packets"], packets);
        for name in [
            "lost",
            "replayed",
            "rejected",
            "ignored",
            "differences",
            "missing",
        ] {
            assert_eq!(direction[name], 0, "{name}");
        }
        assert!(direction["forged"].as_u64().unwrap() >= 7);
        assert_eq!(direction["forged"], direction["forged_refused"]);
    }
    let name = |index: usize, name: &str| directions[index][name].as_str().unwrap();
    assert_eq!((name(0, "sender"), name(0, "receiver")), ("Alice", "Bob"));
    assert_eq!((name(1, "sender"), name(1, "receiver")), ("Bob", "Alice"));
}

#[test]
fn two_phones_enrol_at_two_operators_and_call_each_other_without_a_question_to_a_node() {
    let folder = folder();
    let arguments = ["demo", "--full", "--fast", "--json", "--out"];
    let done = run(&[&arguments[..], &[text(folder.path())]].concat());
    let outcome = done.expect_code(0).json();
    assert_eq!(outcome["ok"], true, "{outcome}");
    assert_eq!(outcome["nodes_asked_during"], 0);
    assert_eq!(outcome["lies_caught"], 4);
    let enrolments = outcome["enrolments"].as_array().unwrap();
    let field = |name: &str| enrolments.iter().map(|it| it[name].clone()).collect();
    let numbers: Vec<_> = field("number");
    assert_eq!(numbers, ["+8613800000001", "+8613800000002"]);
    for name in ["operator", "contract", "wallet"] {
        let [one, other] = <[Value; 2]>::try_from(field(name)).unwrap();
        assert_ne!(one, other, "{name}");
    }
    for enrolment in enrolments {
        let steps = enrolment["steps"].as_array().unwrap();
        let last = steps.last().unwrap()["step"].as_str().unwrap();
        assert!(last.starts_with("own record read"), "{enrolment}");
    }
    // Without it, nobody enrols.
    assert_eq!(call().1["enrolments"], Value::Null);
}

#[test]
fn the_capture_replays_with_the_same_numbers() {
    let (_, outcome) = call();
    let lines = replay("call.pcapng", &["--json"])
        .expect_code(0)
        .json_lines();
    let streams: Vec<&Value> = lines
        .iter()
        .filter(|line| line["protocol"] == "rtp")
        .collect();
    assert_eq!(streams.len(), 4);
    for direction in outcome["directions"].as_array().unwrap() {
        for stream in direction["streams"].as_array().unwrap() {
            let replayed = streams
                .iter()
                .find(|line| line["ssrc"] == stream["ssrc"])
                .unwrap();
            let sender = replayed["sender"].as_str().unwrap();
            assert!(sender.starts_with(direction["sender"].as_str().unwrap()));
            assert_eq!(replayed["verified"], stream["packets"]);
            for name in ["packets", "bytes", "lost", "jitter_ms"] {
                assert_eq!(replayed[name], stream[name], "{name}");
            }
        }
    }
    let summary = lines.last().unwrap();
    assert_eq!(summary["verdict"], "all verified");
    // M1, a challenge, M1 again, M4, and at least three fragments of each staple's message.
    let handshake = summary["handshake"].as_u64().unwrap();
    assert!(handshake >= 10, "{handshake}");
    assert_eq!(
        (&summary["failed"], &summary["replayed"]),
        (&json!(0), &json!(0))
    );
}

#[test]
fn the_capture_with_the_forgeries_shows_each_of_them() {
    let (_, outcome) = call();
    let done = replay("call-and-forgeries.pcapng", &["--json"]).expect_code(1);
    let summary = done.json_lines().pop().unwrap();
    let forged: u64 = outcome["directions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|direction| direction["forged"].as_u64().unwrap())
        .sum();
    let count = |name: &str| summary[name].as_u64().unwrap();
    // The BYEs in clear are no SRTCP.
    assert_eq!(
        count("failed") + count("replayed") + count("clear_rtcp"),
        forged
    );
    assert_eq!(count("clear_rtcp"), 2);
}

#[test]
fn the_capture_is_as_unreadable_as_its_keys_are_private() {
    let wire = std::fs::read(of_call("call.pcapng")).unwrap();
    for packet in embedded(Speaker::Alice, &[Codec::Pcmu])
        .unwrap()
        .iter()
        .step_by(50)
    {
        let payload = &packet.packet[12..];
        assert!(!wire.windows(payload.len()).any(|window| window == payload));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = of_call("keys.json")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn the_decrypted_capture_is_the_speech_that_was_said() {
    let folder = folder();
    for name in ["plain.pcap", "plain.pcapng"] {
        let plain = folder.path().join(name);
        replay("call.pcapng", &["--write", text(&plain)]).expect_code(0);
        let file = std::fs::read(&plain).unwrap();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        let mut heard = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            let datagram = udp_in(frame.link_type, frame.bytes).unwrap();
            heard.push(frame.bytes[datagram.payload].to_vec());
        }
        for speaker in [Speaker::Alice, Speaker::Bob] {
            for codec in [Codec::Pcmu, Codec::AmrWb] {
                let said = embedded(speaker, &[codec]).unwrap();
                let ssrc = &said[0].packet[8..12];
                let of_stream = heard
                    .iter()
                    .filter(|packet| !callseal_rtcp_ext::is_rtcp(packet) && &packet[8..12] == ssrc);
                assert!(of_stream.eq(said.iter().map(|packet| &packet.packet)));
            }
        }
    }
}

#[test]
fn what_each_side_heard_is_as_long_as_what_was_said() {
    for (name, packets) in [("alice-heard.wav", 896), ("bob-heard.wav", 867)] {
        let wav = std::fs::read(of_call(name)).unwrap();
        assert_eq!(&wav[..4], b"RIFF");
        // Twenty milliseconds a packet, but for the last of a talk spurt.
        let samples = (wav.len() - 44) / 2;
        assert!(samples.abs_diff(packets * 160) < 320, "{samples}");
    }
}

#[test]
fn a_flipped_byte_is_found_and_its_packet_named() {
    let folder = folder();
    let (mut at, mut number) = (0, 0);
    let capture = changed(&folder, |file| {
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        for _ in 0..2_000 {
            let frame = reader.next_frame().unwrap().unwrap();
            // The octets begin 28 into an enhanced packet block.
            at = frame.offset as usize + 28 + frame.bytes.len() - 20;
            number = frame.number;
        }
        file[at] ^= 0x01;
    });
    let done = replay_with(capture.clone(), of_call("keys.json"), &[]).expect_code(1);
    let named = format!("packet {number} at offset ");
    assert!(done.stdout.contains(&named), "{}", done.stdout);
    assert!(done.stdout.contains("1 failed"), "{}", done.stdout);
    let summary = replay_with(capture, of_call("keys.json"), &["--json"])
        .expect_code(1)
        .json_lines()
        .pop()
        .unwrap();
    assert_eq!(summary["failed"], 1);
    assert_eq!(summary["failures"][0]["packet"], number);
}

#[test]
fn a_wrong_key_says_so() {
    let folder = folder();
    let keys = std::fs::read_to_string(of_call("keys.json")).unwrap();
    let mut keys: Value = serde_json::from_str(&keys).unwrap();
    for key in keys["keys"].as_array_mut().unwrap() {
        key["master_key"] = json!("00112233445566778899aabbccddeeff");
    }
    let path = folder.path().join("wrong.json");
    std::fs::write(&path, keys.to_string()).unwrap();
    let done = replay_with(of_call("call.pcapng"), path, &[]).expect_code(1);
    assert!(
        done.stdout
            .contains("verified: key, profile or ROC is wrong"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_capture_that_ends_inside_a_packet_is_read_up_to_there() {
    let folder = folder();
    let capture = changed(&folder, |file| file.truncate(file.len() / 2));
    let plain = folder.path().join("plain.pcap");
    let done = replay_with(
        capture.clone(),
        of_call("keys.json"),
        &["--write", text(&plain)],
    );
    // What is there verifies; the recorder was stopped in the middle of a packet.
    let done = done.expect_code(1);
    assert!(done.stdout.contains("0 failed"), "{}", done.stdout);
    for part in ["changed.pcapng: cut short", "packet ", "at offset"] {
        assert!(done.stdout.contains(part), "{part}: {}", done.stdout);
    }
    let summary = replay_with(capture, of_call("keys.json"), &["--json"]).expect_code(1);
    let summary = summary.json_lines().pop().unwrap();
    assert!(summary["cut_short"].as_str().unwrap().contains("at offset"));
    let written = std::fs::read(&plain).unwrap();
    let mut reader = CaptureReader::new(&written[..]).unwrap();
    let mut count = 0;
    while reader.next_frame().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(summary["verified"], count);
}

#[test]
fn a_damaged_capture_shows_what_stands_before_and_writes_nothing() {
    let folder = folder();
    let capture = changed(&folder, |file| {
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        for _ in 0..1_000 {
            reader.next_frame().unwrap().unwrap();
        }
        let length_at = reader.offset() as usize + 4;
        file[length_at] ^= 1;
    });
    let plain = folder.path().join("plain.pcap");
    let arguments = ["--write", text(&plain)];
    let done = replay_with(capture, of_call("keys.json"), &arguments).expect_code(2);
    assert!(done.stdout.contains(" verified"), "{}", done.stdout);
    for part in ["changed.pcapng", "damaged at packet 1001, offset "] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    assert!(!plain.exists());
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn unusable_input_is_named() {
    let folder = folder();
    let path = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let keys = || of_call("keys.json");
    let capture = || of_call("call.pcapng");
    let missing = folder.path().join("missing.pcap");
    let other = CaptureWriter::new(Format::Pcap, Vec::new())
        .and_then(|mut writer| {
            writer.write(LinkType::ETHERNET, std::time::Duration::ZERO, &[0; 60])?;
            writer.finish()
        })
        .unwrap();
    let good_keys = std::fs::read_to_string(keys()).unwrap();
    let short_key = good_keys.replacen("\"master_salt\": \"", "\"master_salt\": \"00", 1);
    let profile = good_keys.replace("AES_CM_128_HMAC_SHA1_80", "ROT13");
    for (capture, keys, named) in [
        (missing, keys(), "missing.pcap"),
        (
            path("empty.pcap", b""),
            keys(),
            "empty.pcap: the file is empty",
        ),
        (
            path("a.wav", b"RIFF1234WAVE"),
            keys(),
            "a.wav: neither pcap nor pcapng",
        ),
        (
            capture(),
            path("keys.txt", b"hello"),
            "keys.txt is not a file of keys",
        ),
        (capture(), path("short.json", short_key.as_bytes()), "key 1"),
        (capture(), path("rot.json", profile.as_bytes()), "ROT13"),
        (path("arp.pcap", &other), keys(), ""),
    ] {
        let done = replay_with(capture, keys, &[]).expect_code(2);
        assert!(done.stderr.contains(named), "{named}: {}", done.stderr);
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    }
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let folder = folder();
    let plain = folder.path().join("plain.pcap");
    std::fs::write(&plain, b"mine").unwrap();
    let done = replay("call.pcapng", &["--write", text(&plain)]).expect_code(2);
    assert!(done.stderr.contains("--force"), "{}", done.stderr);
    assert_eq!(std::fs::read(&plain).unwrap(), b"mine");
    replay("call.pcapng", &["--write", text(&plain), "--force"]).expect_code(0);
    assert_ne!(std::fs::read(&plain).unwrap(), b"mine");

    let out = text(call().0.path());
    let done = run(&["demo", "--fast", "--out", out]).expect_code(2);
    assert!(
        done.stderr.contains("not an empty folder"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_story_is_told_in_seven_steps_and_without_a_key() {
    let folder = folder();
    let out = folder.path().join("new/folder");
    let done = callseal()
        .args([
            "-vvv", "demo", "--fast", "--mux", "--codec", "pcmu", "--out",
        ])
        .arg(&out)
        .output()
        .unwrap();
    let done = Done::of(&done).expect_code(0);
    for step in 1..=7 {
        let begins = |line: &str| line.starts_with(&format!("{step}  "));
        assert!(done.stdout.lines().any(begins), "{step}: {}", done.stdout);
    }
    for said in [
        "M1 sent",
        "M4 accepted",
        "SRTP keys derived",
        "first protected packet received",
        "both sides secure after",
        "every payload arrived byte for byte",
    ] {
        assert!(done.stdout.contains(said), "{said}: {}", done.stdout);
    }
    let keys: Value =
        serde_json::from_slice(&std::fs::read(out.join("keys.json")).unwrap()).unwrap();
    for key in keys["keys"].as_array().unwrap() {
        for name in ["master_key", "master_salt"] {
            let secret = key[name].as_str().unwrap();
            assert!(secret.len() >= 28);
            assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret));
        }
    }
    assert!(done.stderr.contains("secured with"), "{}", done.stderr);
}

#[test]
fn speech_in_clear_is_not_taken_for_srtp() {
    // The embedded speech is in clear: no key opens it, and nothing panics.
    let capture = of_repository("testvectors/media/alice_pcmu.pcap");
    let done = replay_with(capture, of_call("keys.json"), &[]).expect_code(1);
    assert!(done.stdout.contains("0 of 867 verified"), "{}", done.stdout);
}
