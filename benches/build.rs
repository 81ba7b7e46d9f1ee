//! Builds the peers that are written in C, where their features ask for them.

fn main() {
    #[cfg(feature = "ipsec-mb")]
    {
        println!("cargo:rerun-if-changed=peers/ipsec_mb.c");
        cc::Build::new()
            .file("peers/ipsec_mb.c")
            .opt_level(2)
            .compile("callseal_peer_ipsec_mb");
    }
}
