//! The command's grammar, its help, and its key files.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use support::{folder, run, text};

#[test]
fn help_at_every_level_has_examples_and_exit_codes() {
    let top = run(&["--help"]).expect_code(0).stdout;
    for command in [
        "demo", "call", "listen", "replay", "keygen", "bench", "operator",
    ] {
        assert!(top.contains(command), "{top}");
        let help = run(&[command, "--help"]).expect_code(0).stdout;
        assert!(help.contains("Examples:"), "{command}: {help}");
        assert!(
            help.contains(&format!("callseal {command}")),
            "{command}: {help}"
        );
        let short = run(&[command, "-h"]).expect_code(0).stdout;
        assert!(short.contains("Usage:"), "{command}: {short}");
    }
    assert!(top.contains("Exit codes:"), "{top}");
    let version = run(&["--version"]).expect_code(0).stdout;
    assert_eq!(
        version.trim(),
        concat!("callseal ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_wrong_command_line_is_explained() {
    run(&[]).expect_code(2);
    let done = run(&["dmeo"]).expect_code(2);
    assert!(done.stderr.contains("demo"), "{}", done.stderr);
    let registry = [
        "--key",
        "alice.key",
        "--rpc",
        "http://127.0.0.1:1",
        "--contract",
        "0x5fbdb2315678afecb367f032d93f642f64180aa3",
    ];
    let block = "0xed67f35b269817490e582f51a00e6046659ea9e58deb7f1dd793fc8a75c467b1";
    for (arguments, named) in [
        (vec!["call", "8613@127.0.0.1:9"], "begins with '+'"),
        (vec!["call", "+8613800000002@127.0.0.1"], "HOST:PORT"),
        (vec!["listen", "--trusted-block", "0x12"], "--trusted-block"),
        (vec!["listen", "--expect", "0138"], "--expect"),
        (vec!["listen", "--bind", "here"], "--bind"),
    ] {
        let block = match arguments.contains(&"--trusted-block") {
            true => vec![],
            false => vec!["--trusted-block", block],
        };
        let done = run(&[&arguments[..], &registry, &block].concat()).expect_code(2);
        assert!(done.stderr.contains(named), "{named}: {}", done.stderr);
    }
}

#[test]
fn a_new_key_is_private_and_not_overwritten() {
    let folder = folder();
    let key = folder.path().join("alice.key");
    let arguments = ["keygen", text(&key), "--number", "+8613800000001"];
    let done = run(&arguments).expect_code(0);
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&key).unwrap()).unwrap();
    let public = file["public_key"].as_str().unwrap();
    let secret = file["secret_key"].as_str().unwrap();
    assert!(done.stdout.contains(public), "{}", done.stdout);
    assert!(!done.stdout.contains(secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = key.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = std::fs::read(&key).unwrap();
    let again = run(&arguments).expect_code(2);
    assert!(
        again.stderr.contains("alice.key exists already"),
        "{}",
        again.stderr
    );
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let forced = run(&[&arguments[..], &["--force", "--json"]].concat()).expect_code(0);
    assert_ne!(forced.json()["public_key"], public);
    assert_ne!(std::fs::read(&key).unwrap(), before);

    let nowhere = folder.path().join("no/such/folder/alice.key");
    let done = run(&["keygen", text(&nowhere)]).expect_code(2);
    assert!(done.stderr.contains("no/such/folder"), "{}", done.stderr);
    let done = run(&["keygen", text(&nowhere), "--number", "0138"]).expect_code(2);
    assert!(done.stderr.contains("begins with '+'"), "{}", done.stderr);
}

#[test]
fn a_phones_keys_are_under_a_passphrase_and_keep_an_identity_that_was_there() {
    let folder = folder();
    let (key, phone) = (
        folder.path().join("alice.key"),
        folder.path().join("alice.phone"),
    );
    run(&["keygen", text(&key), "--number", "+8613800000001"]).expect_code(0);
    let old: serde_json::Value = serde_json::from_slice(&std::fs::read(&key).unwrap()).unwrap();
    let arguments = ["keygen", text(&phone), "--wallet", "--identity", text(&key)];
    // Nobody is there to be asked, and no passphrase is none.
    let refused = run(&arguments).expect_code(2);
    assert!(
        refused.stderr.contains("--passphrase-file"),
        "{}",
        refused.stderr
    );
    assert!(!phone.exists());

    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "open sesame\n").unwrap();
    let with = ["--passphrase-file", text(&passphrase), "--json"];
    let made = run(&[&arguments[..], &with].concat()).expect_code(0).json();
    assert_eq!(made["public_key"], old["public_key"]);
    assert_eq!(made["number"], "+8613800000001");
    let file = std::fs::read_to_string(&phone).unwrap();
    assert!(!file.contains(old["secret_key"].as_str().unwrap()));
    let again = run(&[&arguments[..], &with].concat()).expect_code(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);

    // A call opens it, or says why it does not.
    std::fs::write(&passphrase, "open barley\n").unwrap();
    let listen = [
        "listen",
        "--bind",
        "127.0.0.1:0",
        "--rpc",
        "http://127.0.0.1:1",
        "--contract",
        "0x5fbdb2315678afecb367f032d93f642f64180aa3",
        "--trusted-block",
        "0xed67f35b269817490e582f51a00e6046659ea9e58deb7f1dd793fc8a75c467b1",
        "--wait",
        "0.2",
        "--key",
        text(&phone),
        "--passphrase-file",
        text(&passphrase),
    ];
    let done = run(&listen).expect_code(2);
    assert!(
        done.stderr.contains("the passphrase is wrong"),
        "{}",
        done.stderr
    );
    std::fs::write(&passphrase, "open sesame\n").unwrap();
    let done = run(&listen).expect_code(1);
    assert!(
        done.stderr.contains("+8613800000001 listens on"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_bad_key_file_is_named_before_anything_is_sent() {
    let folder = folder();
    let key = folder.path().join("bad.key");
    std::fs::write(&key, "{}").unwrap();
    let mut arguments = vec![
        "listen",
        "--bind",
        "127.0.0.1:0",
        "--rpc",
        "http://127.0.0.1:1",
        "--contract",
        "0x5fbdb2315678afecb367f032d93f642f64180aa3",
        "--trusted-block",
        "0xed67f35b269817490e582f51a00e6046659ea9e58deb7f1dd793fc8a75c467b1",
        "--key",
        text(&key),
    ];
    let done = run(&arguments).expect_code(2);
    assert!(
        done.stderr.contains("bad.key is not a key file"),
        "{}",
        done.stderr
    );

    // A key without a number, and no number given.
    std::fs::remove_file(&key).unwrap();
    run(&["keygen", text(&key)]).expect_code(0);
    let done = run(&arguments).expect_code(2);
    assert!(done.stderr.contains("--number"), "{}", done.stderr);

    // Speech that is none.
    arguments.extend(["--number", "+8613800000001", "--send", text(&key)]);
    let done = run(&arguments).expect_code(2);
    assert!(done.stderr.contains("cannot send"), "{}", done.stderr);
    assert!(
        done.stderr.contains("neither pcap nor pcapng"),
        "{}",
        done.stderr
    );
}
