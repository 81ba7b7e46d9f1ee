//! aws-lc's AES-GCM, sealing in place, without SRTP.

use std::hint::black_box;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use callseal_srtp::Profile;

use crate::contender::Contender;
use crate::load::{Load, Operation};
use crate::packets::Packets;

pub(super) fn all(load: Load) -> Vec<Box<dyn Contender>> {
    let algorithm = match load.profile {
        Profile::AeadAes128Gcm => &AES_128_GCM,
        Profile::AeadAes256Gcm => &AES_256_GCM,
        _ => return Vec::new(),
    };
    if load.operation != Operation::Protect || load.streams > 1 {
        return Vec::new();
    }
    let key = UnboundKey::new(algorithm, &vec![7; load.profile.key_len()]);
    let key = LessSafeKey::new(key.expect("the length is the algorithm's"));
    vec![Box::new(AwsLc { load, key })]
}

struct AwsLc {
    load: Load,
    key: LessSafeKey,
}

impl Contender for AwsLc {
    fn name(&self) -> String {
        "aws-lc".into()
    }

    fn batch(&self) -> usize {
        0
    }

    fn is_srtp(&self) -> bool {
        false
    }

    fn run(&mut self, packets: &mut Packets) {
        let (header_len, plain_len) = (self.load.header_len(), self.load.plain_len());
        for packet in &mut packets.all {
            let room = black_box(packet.room());
            let (plain, tag_room) = room.split_at_mut(plain_len);
            let (header, payload) = plain.split_at_mut(header_len);
            let nonce = Nonce::assume_unique_for_key([3; 12]);
            let tag = self
                .key
                .seal_in_place_separate_tag(nonce, Aad::from(header), payload);
            tag_room[..16].copy_from_slice(tag.expect("a sealed packet").as_ref());
        }
    }
}
