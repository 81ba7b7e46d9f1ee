//! Calls that other stacks encrypted, through the whole command: opened octet
//! for octet, or refused for the stated reason, packet by packet.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callseal::capture::{CaptureReader, udp_in};
use serde_json::Value;
use support::{folder, of_repository, run, text};

const CAPTURES: &str = "testvectors/captures";

#[test]
fn every_capture_is_opened_octet_for_octet_or_refused_as_stated() {
    let names = names_in(&of_repository(CAPTURES));
    assert!(names.len() >= 20);
    for name in names {
        check(&name);
    }
}

#[test]
#[ignore = "needs CALLSEAL_CAPTURES, a folder of further captures in the same form"]
fn every_capture_of_another_folder_is_opened_or_refused_as_stated() {
    let folder = std::env::var_os("CALLSEAL_CAPTURES").unwrap();
    let names = names_in(Path::new(&folder));
    assert!(!names.is_empty());
    for name in names {
        check(&name);
    }
}

#[test]
fn keys_on_the_command_line_give_what_a_file_of_keys_gives() {
    for name in names_in(&of_repository(CAPTURES)) {
        let told = description(&name);
        let field = |name: &str| told[name].as_str().unwrap().to_owned();
        let capture = name.with_extension("srtp.pcap");
        let mut rest = vec![
            "--rtcp-profile".to_owned(),
            field("rtcp_suite"),
            "--window".to_owned(),
            told["replay_window"].to_string(),
        ];
        if !field("mki_hex").is_empty() {
            rest.extend(["--mki".to_owned(), field("mki_hex")]);
        }
        for (ssrc, roc) in told["initial_roc"].as_object().into_iter().flatten() {
            rest.extend(["--roc".to_owned(), format!("0x{ssrc}={roc}")]);
        }
        let apart = [
            "--profile".to_owned(),
            field("suite"),
            "--key".to_owned(),
            field("master_key_hex"),
            "--salt".to_owned(),
            field("master_salt_hex"),
        ];
        let line = [
            "--sdes".to_owned(),
            format!(
                "a=crypto:1 {} inline:{}",
                field("suite"),
                field("sdes_inline")
            ),
        ];
        let keys = name.with_extension("json");
        let of_file = vec!["--keys".to_owned(), text(&keys).to_owned()];
        let summaries = [
            [&apart[..], &rest].concat(),
            [&line[..], &rest].concat(),
            of_file,
        ]
        .map(|keys| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let done = run(&[&["replay", text(&capture), "--json"], &keys[..]].concat());
            let mut lines = done.json_lines();
            for line in &mut lines {
                line["sender"] = Value::Null;
            }
            (done.code, lines)
        });
        assert_eq!(summaries[0], summaries[2], "{}", name.display());
        assert_eq!(summaries[1], summaries[2], "{}", name.display());
    }
}

#[test]
fn a_folder_of_captures_gives_a_line_each_in_order_whatever_the_jobs() {
    let all = folder();
    for name in names_in(&of_repository(CAPTURES)) {
        let file = name.with_extension("srtp.pcap");
        std::fs::copy(&file, all.path().join(file.file_name().unwrap())).unwrap();
    }
    std::fs::write(all.path().join("zz-broken.pcap"), b"RIFF").unwrap();
    let keys = of_repository(CAPTURES);
    let [one, many] = ["1", "3"].map(|jobs| {
        let arguments = ["replay", text(all.path()), "--keys", text(&keys), "--json"];
        // The worst of all: one of them is no capture.
        run(&[&arguments[..], &["--jobs", jobs]].concat())
            .expect_code(2)
            .stdout
    });
    assert_eq!(one, many);
    let lines: Vec<Value> = one
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (broken, files) = lines.split_last().unwrap();
    assert_eq!(broken["kind"], "error");
    assert!(broken["file"].as_str().unwrap().ends_with("zz-broken.pcap"));
    assert_eq!(files.len(), names_in(&of_repository(CAPTURES)).len());
    for (line, name) in files.iter().zip(names_in(&of_repository(CAPTURES))) {
        let told = description(&name);
        assert_eq!(line["verified"], told["n_accepted"], "{}", name.display());
        let streams = line["streams"].as_array().unwrap();
        let verified: u64 = streams
            .iter()
            .map(|s| s["verified"].as_u64().unwrap())
            .sum();
        assert_eq!(line["verified"], verified);
    }
}

#[test]
fn a_call_that_names_its_keys_in_sip_needs_no_others() {
    let capture = of_repository("testvectors/captures/sip/baresip_sdes_pcmu.pcap");
    let done = run(&["replay", text(&capture), "--json"]).expect_code(0);
    let lines = done.json_lines();
    let (summary, streams) = lines.split_last().unwrap();
    assert_eq!(summary["verdict"], "all verified");
    let mut seen: Vec<_> = streams
        .iter()
        .map(|stream| {
            let name = |name: &str| stream[name].as_str().unwrap().to_owned();
            (
                name("sender"),
                name("protocol"),
                stream["verified"].as_u64().unwrap(),
            )
        })
        .collect();
    seen.sort();
    let sent = |who: &str, protocol: &str, count| (who.to_owned(), protocol.to_owned(), count);
    assert_eq!(
        seen,
        [
            sent("alice audio", "rtcp", 2),
            sent("alice audio", "rtp", 300),
            sent("bob audio", "rtcp", 2),
            sent("bob audio", "rtp", 301),
        ]
    );
}

/// Everything that the description of a capture says has to come out.
fn check(name: &Path) {
    let shown = name.display();
    let told = description(name);
    let capture = name.with_extension("srtp.pcap");
    let keys = name.with_extension("json");
    let out = folder();
    let plain = out.path().join("plain.pcap");
    let arguments = ["replay", text(&capture), "--keys", text(&keys), "--json"];
    let more = ["--packets", "--write", text(&plain)];
    let done = run(&[&arguments[..], &more].concat());

    let accepted = told["n_accepted"].as_u64().unwrap();
    let all = told["n_packets"].as_u64().unwrap();
    assert_eq!(
        done.code,
        i32::from(accepted != all),
        "{shown}: {}",
        done.stderr
    );
    assert_eq!(
        payloads(&plain),
        payloads(&name.with_extension("rtp.pcap")),
        "{shown}"
    );

    let lines = done.json_lines();
    assert_eq!(lines.last().unwrap()["verified"], accepted, "{shown}");
    let packets = lines.iter().filter(|line| line["kind"] == "packet");
    let verdicts: BTreeMap<u64, &str> = packets
        .map(|line| {
            (
                line["packet"].as_u64().unwrap(),
                line["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    for (number, said) in (1..).zip(told["packets"].as_array().into_iter().flatten()) {
        // An empty datagram is none that could fail.
        let verdict = verdicts.get(&number).copied().unwrap_or("empty");
        let status = said["libsrtp_status"].as_str().unwrap();
        let expected: &[&str] = match status {
            "ok" => &["verified"],
            "replay_fail" | "replay_old" => &["replayed"],
            _ => &["failed", "empty"],
        };
        assert!(
            expected.contains(&verdict),
            "{shown}, packet {number}: {verdict}, not {status}"
        );
    }
    for stream in lines.iter().filter(|line| line["kind"] == "stream") {
        if let (Some(roc), "rtp") = (
            told["final_roc"].as_u64(),
            stream["protocol"].as_str().unwrap(),
        ) {
            assert_eq!(stream["roc"], roc, "{shown}");
            let span = told["true_index_last"].as_u64().unwrap() + 1
                - told["true_index_first"].as_u64().unwrap();
            let verified = stream["verified"].as_u64().unwrap();
            assert_eq!(stream["lost"], span - verified, "{shown}");
            assert!(stream["reordered"].as_u64().unwrap() > 0, "{shown}");
        }
    }
}

fn description(name: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(name.with_extension("json")).unwrap()).unwrap()
}

/// The captures of a folder, by their names without an extension.
fn names_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| path.with_extension(""))
        .collect();
    names.sort();
    names
}

fn payloads(capture: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::read(capture).unwrap();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let mut payloads = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        let datagram = udp_in(frame.link_type, frame.bytes).unwrap();
        payloads.push(frame.bytes[datagram.payload].to_vec());
    }
    payloads
}
