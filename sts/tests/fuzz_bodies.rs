//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::{play, seeds};

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/handshake_messages.rs"]
mod handshake_messages;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/handshake_sequence.rs"]
mod handshake_sequence;

#[test]
fn messages_survive_mutation() {
    let body = handshake_messages::handshake_messages;
    play("handshake_messages", 1_000, body);
}

#[test]
fn sequences_survive_mutation() {
    let body = handshake_sequence::handshake_sequence;
    play("handshake_sequence", 60, body);
}

/// Whatever octet a length stands in: what is read of a message is built to the
/// same octets again, and so reached neither short of its end nor beyond it.
#[test]
fn zrtpcpp_2013_no_length_field_reaches_beyond_its_message() {
    for seed in seeds("handshake_messages") {
        for at in 0..seed.len() {
            for value in [
                0,
                1,
                2,
                0x7f,
                0x80,
                0xff,
                seed[at].wrapping_add(1),
                seed[at].wrapping_sub(1),
            ] {
                let mut mutant = seed.clone();
                mutant[at] = value;
                handshake_messages::handshake_messages(&mutant);
            }
        }
    }
}
