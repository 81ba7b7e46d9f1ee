//! What is left in memory that a session gives back.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use callseal_srtp::{
    Backend, KeyDerivationRate, Label, MasterKey, Mki, PacketIndex, Policy, Profile, Receiver,
    Sender,
};
use callseal_testkit::{WatchingAllocator, freed_blocks_holding, on_a_clean_stack};

#[global_allocator]
static ALLOCATOR: WatchingAllocator = WatchingAllocator;

const KEY: [u8; 32] = *b"a master key that no one can see";

fn key(profile: Profile) -> MasterKey {
    let salt = [0x31; 14];
    let key = &KEY[..profile.key_len()];
    MasterKey::new(profile, key, &salt[..profile.salt_len()]).unwrap()
}

/// The master key, and the keys derived from it.
fn secrets(profile: Profile) -> Vec<[u8; 16]> {
    let labels = [
        Label::RtpEncryption,
        Label::RtpAuthentication,
        Label::RtcpEncryption,
        Label::RtcpAuthentication,
    ];
    let key = key(profile);
    let derived = labels.map(|label| *key.derive::<16>(label, PacketIndex::ZERO));
    [[*KEY.first_chunk().unwrap()].as_slice(), &derived].concat()
}

fn mki(octet: u8) -> Mki {
    Mki::new(&[octet]).unwrap()
}

/// A life of sessions with several keys.
fn live(policy: &Policy) {
    let profile = policy.profile();
    let mut sender =
        on_a_clean_stack(|| Sender::with_mki(policy.clone(), mki(0), key(profile)).unwrap());
    let mut receiver =
        on_a_clean_stack(|| Receiver::with_mki(policy.clone(), mki(0), key(profile)).unwrap());
    for n in 1..9 {
        on_a_clean_stack(|| sender.add_key(mki(n), key(profile)).unwrap());
        on_a_clean_stack(|| receiver.add_key(mki(n), key(profile)).unwrap());
    }
    for seq in 0..8 {
        on_a_clean_stack(|| {
            let mut packet = [0x80; 100];
            packet[3] = seq;
            let len = sender.protect_rtp(&mut packet, 40).unwrap();
            receiver.unprotect_rtp(&mut packet, len).unwrap();
            let len = sender.protect_rtcp(&mut packet, 40).unwrap();
            receiver.unprotect_rtcp(&mut packet, len).unwrap();
        });
    }
    sender.switch_to(&mki(5)).unwrap();
    sender.remove_key(&mki(0)).unwrap();
    drop((sender, receiver));
    let mut chosen = on_a_clean_stack(|| {
        let others = [key(profile)];
        Sender::with_chosen_keys(policy.clone(), key(profile), others).unwrap()
    });
    on_a_clean_stack(|| {
        let replaced = chosen.replace_keys(policy.clone(), key(profile), []);
        replaced.unwrap();
    });
}

#[test]
fn no_key_is_left_in_memory_that_is_given_back() {
    let rate = KeyDerivationRate::from_exponent(1).unwrap();
    for profile in [
        Profile::AesCm128HmacSha1_80,
        Profile::AesCm256HmacSha1_80,
        Profile::AeadAes128Gcm,
    ] {
        let secrets = secrets(profile);
        for backend in Backend::available() {
            let policy = Policy::new(profile).with_backend(backend);
            for policy in [policy.clone().with_key_derivation_rate(rate), policy] {
                let found = freed_blocks_holding(&secrets, || live(&policy));
                assert_eq!(found, 0, "{profile} on {}", backend.name());
            }
        }
    }
}
