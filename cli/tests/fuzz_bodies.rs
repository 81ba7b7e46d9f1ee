//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::{play, seeds};

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/capture_replay.rs"]
mod capture_replay;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/heard_packets.rs"]
mod heard_packets;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/kept_files.rs"]
mod kept_files;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/keys_file.rs"]
mod keys_file;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/sealed_keys.rs"]
mod sealed_keys;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/sip_sdes.rs"]
mod sip_sdes;

#[test]
fn captures_survive_mutation() {
    play("capture_replay", 400, capture_replay::capture_replay);
}

#[test]
fn files_of_keys_survive_mutation() {
    play("keys_file", 400, keys_file::keys_file);
}

#[test]
fn keys_in_sip_survive_mutation() {
    play("sip_sdes", 400, sip_sdes::sip_sdes);
}

#[test]
fn the_programs_small_files_survive_mutation() {
    play("kept_files", 400, kept_files::kept_files);
}

#[test]
fn files_of_sealed_keys_survive_mutation() {
    play("sealed_keys", 200, sealed_keys::sealed_keys);
}

#[test]
fn packets_that_were_heard_survive_mutation() {
    play("heard_packets", 100, heard_packets::heard_packets);
}

/// Else their mutations would try little but the refusal of what is no such file.
#[test]
fn every_seed_of_a_file_is_one_that_is_read() {
    use callseal::operator_keys::OperatorKeys;
    use callseal::phone_keys::PhoneKeys;
    use callseal::{holder, identity_file, known_peers, seen_revisions};

    for seed in seeds("kept_files") {
        let text = core::str::from_utf8(&seed).unwrap();
        let is_read = known_peers::parse(text).is_ok()
            || seen_revisions::parse(text).is_ok()
            || identity_file::IdentityFile::parse(text).is_ok()
            || holder::Notes::parse(text).is_ok();
        assert!(is_read, "{text}");
    }
    for seed in seeds("sealed_keys") {
        let text = core::str::from_utf8(&seed).unwrap();
        let passphrase = "open sesame";
        let is_opened = PhoneKeys::open(text, passphrase).is_ok()
            || OperatorKeys::open(text, passphrase).is_ok();
        assert!(is_opened, "{text}");
    }
}
