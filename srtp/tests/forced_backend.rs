//! A policy's backend does all of a session's work. What is counted is the
//! process', so that this is one test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use callseal_srtp::{
    Backend, BatchPacket, Cryptex, ExtensionIds, KeyDerivationRate, MasterKey, Mki, Policy,
    Profile, Receiver, Sender, testing,
};

fn key(profile: Profile) -> MasterKey {
    let (key, salt) = ([3; 32], [4; 14]);
    MasterKey::new(
        profile,
        &key[..profile.key_len()],
        &salt[..profile.salt_len()],
    )
    .unwrap()
}

/// An RTP packet with a header extension of one element.
fn rtp(seq: u16) -> [u8; 100] {
    let mut packet = [0x5a; 100];
    packet[..4].copy_from_slice(&[0x90, 96, (seq >> 8) as u8, seq as u8]);
    packet[12..20].copy_from_slice(&[0xbe, 0xde, 0, 1, 0x12, 1, 2, 3]);
    packet
}

fn rtcp() -> [u8; 100] {
    let mut packet = [0x5a; 100];
    packet[..4].copy_from_slice(&[0x80, 201, 0, 7]);
    packet
}

/// A call's work: sessions, packets one by one and in batches, SRTCP, another
/// key, and session keys derived anew on the way.
fn work(policy: Policy) {
    let profile = policy.profile();
    let mki = |octet| Mki::new(&[octet; 4]).unwrap();
    let mut sender = Sender::with_mki(policy.clone(), mki(1), key(profile)).unwrap();
    let mut receiver = Receiver::with_mki(policy, mki(1), key(profile)).unwrap();
    for seq in [0x0001, 0x0101, 0x0301] {
        let mut packet = rtp(seq);
        let len = sender.protect_rtp(&mut packet, 40).unwrap();
        receiver.unprotect_rtp(&mut packet, len).unwrap();
        let mut packet = rtcp();
        let len = sender.protect_rtcp(&mut packet, 32).unwrap();
        receiver.unprotect_rtcp(&mut packet, len).unwrap();
    }
    sender.add_key(mki(2), key(profile)).unwrap();
    receiver.add_key(mki(2), key(profile)).unwrap();
    let mut packets = [0x0401, 0x0402, 0x0403].map(rtp);
    let mut batch = packets
        .each_mut()
        .map(|packet| BatchPacket::new(0, packet, 40));
    sender.protect_rtp_batch(&mut batch);
    let lens = batch.map(|packet| packet.result.unwrap().unwrap());
    let mut places = packets.iter_mut().zip(lens);
    let mut batch = [(); 3].map(|()| {
        let (packet, len) = places.next().unwrap();
        BatchPacket::new(0, packet, len)
    });
    receiver.unprotect_rtp_batch(&mut batch);
    assert!(
        batch
            .iter()
            .all(|packet| packet.result.as_ref().unwrap().is_ok())
    );
}

/// What the profile can do of this: headers hidden, elements of them, or none,
/// and session keys derived once or every 256 packets.
fn policies(profile: Profile) -> Vec<Policy> {
    let plain = || Policy::new(profile);
    let anew = KeyDerivationRate::from_exponent(8).unwrap();
    let elements: ExtensionIds = [1].into_iter().collect();
    let mut policies = vec![plain(), plain().with_key_derivation_rate(anew)];
    for policy in policies.clone() {
        policies.push(policy.clone().with_encrypted_extensions(elements));
        policies.push(policy.with_cryptex(Cryptex::Required));
    }
    policies.retain(|policy| Sender::new(policy.clone(), key(profile)).is_ok());
    assert!(policies.len() >= 2, "{profile}");
    policies
}

#[test]
fn a_forced_backend_is_the_only_one_that_works() {
    let all: Vec<Backend> = Backend::available().collect();
    for &forced in &all {
        for policy in Profile::ALL.iter().copied().flat_map(policies) {
            let profile = policy.profile();
            let before: Vec<usize> = all.iter().copied().map(testing::operations_of).collect();
            work(policy.with_backend(forced));
            for (&backend, before) in all.iter().zip(before) {
                let worked = testing::operations_of(backend) > before;
                let (name, forced_name) = (backend.name(), forced.name());
                assert_eq!(
                    worked,
                    backend == forced,
                    "{name} for {forced_name}, {profile}"
                );
            }
        }
    }
}
