//! `callseal replay` as a tool: where keys come from, what is looked at, what
//! is left behind, and what is said when something does not fit.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use support::{Done, callseal, folder, of_repository, run, text};

fn capture(name: &str) -> PathBuf {
    of_repository("testvectors/captures").join(name)
}

fn replay(name: &str, more: &[&str]) -> Done {
    run(&[&["replay", text(&capture(name))], more].concat())
}

fn summary(done: &Done) -> Value {
    done.json_lines().pop().unwrap()
}

const ROC_1: &str = "roc1_start_cm256_80.srtp.pcap";
const ROC_1_SDES: &str = "a=crypto:1 AES_256_CM_HMAC_SHA1_80 \
    inline:x4YAOovUIc/Zab2LPML6HQBnh+4sCY8roikEWzxeGPltCDmhQvt0iFWoLp4pPw==";

#[test]
fn a_wrong_roc_is_told_with_the_right_one() {
    let done = replay(ROC_1, &["--sdes", ROC_1_SDES]).expect_code(1);
    let last = done.stdout.lines().last().unwrap();
    assert_eq!(
        last,
        "0 of 2047 verified: key, profile or ROC is wrong; with ROC 1: 2047"
    );
    let done = replay(ROC_1, &["--sdes", ROC_1_SDES, "--json"]).expect_code(1);
    let hint = &summary(&done)["hints"][0];
    assert_eq!(
        (&hint["with"], &hint["verified"]),
        (&"ROC 1".into(), &2047.into())
    );
    for roc in ["1", "0x12121212=1"] {
        replay(ROC_1, &["--sdes", ROC_1_SDES, "--roc", roc]).expect_code(0);
    }
    replay(ROC_1, &["--sdes", ROC_1_SDES, "--roc", "0x12121213=1"]).expect_code(1);
}

#[test]
fn a_capture_without_keys_says_where_they_could_come_from() {
    let done = replay(ROC_1, &[]).expect_code(2);
    for part in [ROC_1, "no SIP", "--keys", "--key with --salt", "--sdes"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
}

#[test]
fn standard_input_is_a_capture_too() {
    let run = |more: &[&str]| {
        let file = std::fs::File::open(capture(ROC_1)).unwrap();
        let mut command = callseal();
        command
            .args(["replay", "-"])
            .args(more)
            .stdin(Stdio::from(file));
        Done::of(&command.output().unwrap())
    };
    run(&["--sdes", ROC_1_SDES, "--roc", "1"]).expect_code(0);
    // It cannot be read twice: the sample has to do.
    let done = run(&["--sdes", ROC_1_SDES]).expect_code(1);
    let last = done.stdout.lines().last().unwrap();
    assert!(
        last.ends_with("a sample of them verifies with ROC 1"),
        "{last}"
    );
    let done = run(&[]).expect_code(2);
    assert!(done.stderr.contains("no keys"), "{}", done.stderr);
}

#[test]
fn the_keys_of_both_directions_may_stand_in_two_files() {
    let [client, server] = ["br_dtls_opus_client.json", "br_dtls_opus_server.json"].map(capture);
    let whole = "br_dtls_opus.full.pcap";
    let one = replay(whole, &["--keys", text(&client), "--json"]).expect_code(1);
    assert_eq!(summary(&one)["verified"], 352);
    let both = ["--keys", text(&client), "--keys", text(&server), "--json"];
    let both = summary(&replay(whole, &both).expect_code(0));
    assert_eq!((&both["verified"], &both["dtls"]), (&704.into(), &7.into()));
}

#[test]
fn what_is_asked_for_is_all_that_is_looked_at() {
    let call = "sip/baresip_sdes_pcmu.pcap";
    let counted = |more: &[&str]| {
        let done = replay(call, &[more, &["--json"]].concat());
        let summary = summary(&done);
        (done.code, summary["verified"].as_u64().unwrap())
    };
    assert_eq!(counted(&["--port", "21000"]), (0, 601));
    assert_eq!(
        counted(&["--port", "21000", "--port", "22007"]),
        (0, 605 - 2 + 2)
    );
    assert_eq!(counted(&["--ssrc", "0xbe522f13"]), (0, 302));
    assert_eq!(counted(&["--port", "9"]), (2, 0));
}

#[test]
fn recordings_and_captures_in_clear_are_private_and_kept() {
    let out = folder();
    let (plain, heard) = (out.path().join("plain.pcapng"), out.path().join("heard"));
    let arguments = ["--write", text(&plain), "--wav", text(&heard)];
    let call = "sip/baresip_sdes_pcmu.pcap";
    replay(call, &arguments).expect_code(0);
    let wavs: Vec<_> = ["be522f13.wav", "bb74f7dc.wav"]
        .iter()
        .map(|name| std::fs::read(heard.join(name)).unwrap())
        .collect();
    for wav in &wavs {
        // Some six seconds, which are not silent.
        assert!((90_000..110_000).contains(&wav.len()), "{}", wav.len());
        assert!(wav[44..].iter().filter(|octet| **octet != 0).count() > 40_000);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [&plain, &heard.join("be522f13.wav")] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let done = replay(call, &arguments).expect_code(2);
    assert!(
        done.stderr.contains("plain.pcapng exists already"),
        "{}",
        done.stderr
    );
    replay(call, &[&arguments[..], &["--force"]].concat()).expect_code(0);
}

#[test]
fn several_captures_are_written_side_by_side() {
    let out = folder();
    let names = ["rtpe_gcm256.srtp.pcap", "rtpe_f8_128_80.srtp.pcap"].map(capture);
    let keys = of_repository("testvectors/captures");
    let arguments = [
        "replay",
        text(&names[0]),
        text(&names[1]),
        "--keys",
        text(&keys),
    ];
    let done = run(&[
        &arguments[..],
        &["--write", text(out.path()), "--jobs", "2"],
    ]
    .concat());
    let done = done.expect_code(0);
    assert_eq!(done.stdout.lines().count(), 2);
    assert!(
        done.stdout
            .lines()
            .all(|line| line.ends_with("305 of 305 verified"))
    );
    for name in names {
        assert!(out.path().join(name.file_name().unwrap()).is_file());
    }
    let nowhere = folder();
    let done = run(&["replay", text(nowhere.path()), "--keys", text(&keys)]).expect_code(2);
    assert!(done.stderr.contains("no .pcap"), "{}", done.stderr);
}

#[test]
fn a_key_that_cannot_be_is_told_before_anything_is_read() {
    let key = "000102030405060708090a0b0c0d0e0f";
    let salt = "000102030405060708090a0b0c0d";
    for (arguments, named) in [
        (vec!["--key", key], "--salt"),
        (
            vec!["--key", key, "--salt", salt, "--profile", "ROT13"],
            "F8_128_HMAC_SHA1_80",
        ),
        (
            vec![
                "--key",
                key,
                "--salt",
                salt,
                "--profile",
                "AEAD_AES_128_GCM",
            ],
            "14 octets where the profile takes 12",
        ),
        (
            vec![
                "--key",
                key,
                "--salt",
                salt,
                "--rtcp-profile",
                "AEAD_AES_128_GCM",
            ],
            "one key cannot serve",
        ),
        (
            vec!["--key", key, "--salt", salt, "--mki", ""],
            "1 to 128 octets",
        ),
        (
            vec!["--key", key, "--salt", salt, "--window", "7"],
            "64 to 32768 packets",
        ),
        (vec!["--sdes", "inline:AAAA"], "3 octets of key and salt"),
        (
            vec!["--sdes", "1 ROT13 inline:AAAA"],
            "crypto-suite is not known",
        ),
        (
            vec!["--roc", "x", "--key", key, "--salt", salt],
            "not a number of 32 bits",
        ),
    ] {
        let done = replay(ROC_1, &arguments).expect_code(2);
        assert!(done.stderr.contains(named), "{named}: {}", done.stderr);
        assert!(!done.stderr.contains(&key[8..24]), "{}", done.stderr);
        assert!(done.stdout.is_empty());
    }
}
