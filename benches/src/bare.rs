//! Bare kernels from RustCrypto, which do no SRTP work.

use std::hint::black_box;

use aes::cipher::StreamCipher;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::contender::Contender;
use crate::load::{Load, Operation};
use crate::packets::Packets;

/// Those that can do the load.
pub(crate) fn all(load: Load) -> Vec<Box<dyn Contender>> {
    let is_cm = load.profile.rtp_tag_len() < 16;
    if load.operation != Operation::Protect || load.streams > 1 || !is_cm {
        return Vec::new();
    }
    let mut all: Vec<Box<dyn Contender>> = vec![Box::new(ShaBlocks::new(load))];
    all.extend(RustCrypto::new(load).map(|contender| Box::new(contender) as _));
    all
}

/// The blocks of a packet's HMAC one after another and nothing else, by
/// RustCrypto's SHA-1 (SHA-NI where the machine has it): what one packet at a
/// time cannot go below.
#[derive(Debug)]
pub struct ShaBlocks {
    blocks: Vec<[u8; 64]>,
}

impl ShaBlocks {
    /// The inner message with ROC and padding, and one block for the outer hash.
    #[must_use]
    pub fn new(load: Load) -> Self {
        let inner_len = load.plain_len() + 4 + 9;
        Self {
            blocks: vec![[7; 64]; inner_len.div_ceil(64) + 1],
        }
    }
}

impl Contender for ShaBlocks {
    fn name(&self) -> String {
        "sha1-blocks".into()
    }

    fn batch(&self) -> usize {
        0
    }

    fn is_srtp(&self) -> bool {
        false
    }

    fn run(&mut self, packets: &mut Packets) {
        for _ in &packets.all {
            let mut state = black_box([1; 5]);
            sha1::block_api::compress(&mut state, black_box(&self.blocks));
            black_box(state);
        }
    }
}

/// AES-CTR and HMAC-SHA1 as the RustCrypto crates' own examples use them, with
/// both keys expanded before.
enum Ctr {
    Aes128(aes::Aes128),
    Aes256(aes::Aes256),
}

struct RustCrypto {
    load: Load,
    cipher: Ctr,
    auth: Hmac<Sha1>,
}

impl RustCrypto {
    fn new(load: Load) -> Option<Self> {
        let cipher = match load.profile.key_len() {
            16 => Ctr::Aes128(aes::Aes128::new(&[7; 16].into())),
            32 => Ctr::Aes256(aes::Aes256::new(&[7; 32].into())),
            _ => return None,
        };
        let auth = Hmac::new_from_slice(&[9; 20]).ok()?;
        Some(Self { load, cipher, auth })
    }
}

impl Contender for RustCrypto {
    fn name(&self) -> String {
        "rustcrypto".into()
    }

    fn batch(&self) -> usize {
        0
    }

    fn is_srtp(&self) -> bool {
        false
    }

    fn run(&mut self, packets: &mut Packets) {
        let (plain_len, done_len) = (self.load.plain_len(), self.load.protected_len());
        let header_len = self.load.header_len();
        let iv = black_box([3; 16].into());
        for packet in &mut packets.all {
            let room = black_box(packet.room());
            let payload = &mut room[header_len..plain_len];
            match &self.cipher {
                Ctr::Aes128(aes) => {
                    use ctr::cipher::InnerIvInit;
                    let core = ctr::CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(aes, &iv);
                    ctr::cipher::StreamCipherCoreWrapper::from_core(core).apply_keystream(payload);
                }
                Ctr::Aes256(aes) => {
                    use ctr::cipher::InnerIvInit;
                    let core = ctr::CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(aes, &iv);
                    ctr::cipher::StreamCipherCoreWrapper::from_core(core).apply_keystream(payload);
                }
            }
            let mut auth = self.auth.clone();
            auth.update(&room[..plain_len]);
            auth.update(&[0; 4]);
            let tag = auth.finalize().into_bytes();
            room[plain_len..done_len].copy_from_slice(&tag[..done_len - plain_len]);
        }
    }
}
