//! Calls that other stacks encrypted: opened octet for octet, by this crate
//! and by the reference, or refused for the stated reason.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod packets;

use callseal_srtp::{
    DtlsKeys, DtlsRole, Malformed, MasterKey, Mki, Policy, Profile, Receiver, Sender,
    UnprotectError,
};
use callseal_testvectors::captures::{self, Capture};
use packets::*;

#[test]
fn every_capture_is_opened_octet_for_octet_or_refused_as_stated() {
    for capture in captures::all() {
        check(&capture);
    }
}

#[test]
#[ignore = "needs CALLSEAL_CAPTURES, a folder of further captures in the same form"]
fn every_capture_of_another_folder_is_opened_or_refused_as_stated() {
    let folder = std::env::var_os("CALLSEAL_CAPTURES").unwrap();
    let captures = captures::of_folder(folder.as_ref());
    assert!(!captures.is_empty());
    for capture in captures {
        check(&capture);
    }
}

#[test]
fn what_a_capture_opens_to_is_protected_to_the_capture_again() {
    // Only where the sender is one that loses nothing and repeats nothing, and
    // starts SRTCP with an index that can be read off the capture.
    for capture in captures::all() {
        let ordered = ["br_", "ff_", "gst_", "rtpe_", "shapes_"];
        if !ordered.iter().any(|start| capture.name.starts_with(start)) {
            continue;
        }
        let (policy, key) = (policy_of(&capture), key_of(&capture));
        let mut sender = match capture.mki.as_slice() {
            [] => Sender::new(policy, key).unwrap(),
            name => Sender::with_mki(policy, mki(name), key).unwrap(),
        };
        let mut receiver = receiver_of(&capture);
        for packet in &capture.packets {
            let plain = packet.verdict.as_ref().unwrap();
            let again = if packet.is_rtcp {
                let (_, opened) = opened_rtcp(&mut receiver, &packet.octets).unwrap();
                let set = sender.set_next_rtcp_index(opened.ssrc, opened.index);
                set.unwrap();
                protect_rtcp(&mut sender, plain)
            } else {
                protect_rtp(&mut sender, plain)
            };
            assert_eq!(again.unwrap(), packet.octets, "{}", capture.name);
        }
    }
}

#[test]
fn a_dtls_handshakes_export_holds_the_keys_of_both_directions() {
    let mut seen = 0;
    for capture in captures::all() {
        let Some(dtls) = &capture.dtls else { continue };
        seen += 1;
        let profile = Profile::from_name(&capture.suite).unwrap();
        for role in [DtlsRole::Client, DtlsRole::Server] {
            let keys = DtlsKeys::split(profile, role, &dtls.exported).unwrap();
            let sends = (role == DtlsRole::Client) == (dtls.this_direction == "client_write");
            let key = if sends { keys.local } else { keys.remote };
            let mut receiver = Receiver::new(policy_of(&capture), key).unwrap();
            let mut packets = capture.packets.iter();
            let packet = packets.find(|packet| !packet.is_rtcp).unwrap();
            let opened = unprotect_rtp(&mut receiver, &packet.octets);
            assert_eq!(opened.unwrap(), *packet.verdict.as_ref().unwrap());
        }
    }
    assert_eq!(seen, 2);
}

fn check(capture: &Capture) {
    let mut receiver = receiver_of(capture);
    for (i, packet) in capture.packets.iter().enumerate() {
        let opened = match packet.is_rtcp {
            true => unprotect_rtcp(&mut receiver, &packet.octets),
            false => unprotect_rtp(&mut receiver, &packet.octets),
        };
        let name = &capture.name;
        match (&packet.verdict, opened) {
            (Ok(plain), Ok(opened)) => assert_eq!(opened, *plain, "{name}, packet {i}"),
            (Err(status), Err(error)) => {
                let called = is_called(status, error, receiver.policy().rtcp_profile());
                assert!(called, "{name}, packet {i}: {error}, not {status}");
            }
            (said, opened) => panic!("{name}, packet {i}: {opened:?} where {said:?} is said"),
        }
    }
}

/// Whether libsrtp has this name for the error. It does not look at the
/// version, and in AEAD profiles takes the E bit as it comes: such packets
/// fail by their tag.
fn is_called(status: &str, error: UnprotectError, rtcp_profile: Profile) -> bool {
    match status {
        "auth_fail" => match error {
            UnprotectError::EncryptFlag => rtcp_profile.is_aead(),
            error => matches!(
                error,
                UnprotectError::AuthenticationFailed
                    | UnprotectError::Malformed(Malformed::Version(_))
            ),
        },
        "replay_fail" => error == UnprotectError::Replayed,
        "replay_old" => error == UnprotectError::TooOld,
        "cant_check" => error == UnprotectError::EncryptFlag,
        "bad_param" | "parse_err" | "cipher_fail" => {
            matches!(error, UnprotectError::Malformed(_))
        }
        _ => false,
    }
}

fn policy_of(capture: &Capture) -> Policy {
    let profile = |name: &str| Profile::from_name(name).unwrap();
    let rtcp = capture.rtcp_suite.strip_suffix("_FULL");
    let policy = policy(profile(&capture.suite))
        .with_rtp_window(capture.replay_window)
        .with_rtcp_window(capture.replay_window);
    match rtcp {
        Some(rtcp) => policy
            .with_rtcp_profile(profile(rtcp))
            .with_short_rtcp_tag(),
        None => policy.with_rtcp_profile(profile(&capture.rtcp_suite)),
    }
}

fn key_of(capture: &Capture) -> MasterKey {
    let profile = Profile::from_name(&capture.suite).unwrap();
    MasterKey::new(profile, &capture.master_key, &capture.master_salt).unwrap()
}

fn receiver_of(capture: &Capture) -> Receiver {
    let (policy, key) = (policy_of(capture), key_of(capture));
    let mut receiver = match capture.mki.as_slice() {
        [] => Receiver::new(policy, key).unwrap(),
        name => Receiver::with_mki(policy, Mki::new(name).unwrap(), key).unwrap(),
    };
    for (&ssrc, &roc) in &capture.initial_rocs {
        receiver.set_roc(ssrc, roc).unwrap();
    }
    receiver
}
