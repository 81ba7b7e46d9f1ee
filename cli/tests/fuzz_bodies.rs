//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::play;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/capture_replay.rs"]
mod capture_replay;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/keys_file.rs"]
mod keys_file;
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
