//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::play;

#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/handshake_fragments.rs"]
mod handshake_fragments;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/rtcp_compound.rs"]
mod rtcp_compound;

#[test]
fn compound_packets_survive_mutation() {
    play("rtcp_compound", 1_500, rtcp_compound::rtcp_compound);
}

#[test]
fn fragments_survive_mutation() {
    play(
        "handshake_fragments",
        1_500,
        handshake_fragments::handshake_fragments,
    );
}
