//! The least that a packet can cost on a machine, from what its instructions
//! cost.
//!
//! Counted is what the algorithms cannot do without: AES's rounds, GHASH's
//! multiplications, SHA-1's rounds. Left out is all else, headers, calls, loads,
//! exclusive ors, counters. So no program that does it this way is quicker, and
//! none quite reaches it: but for the chain of one message, which is how long one
//! packet takes, and which the processor lets overlap with the next one's by as
//! much as it looks ahead.

use callseal_srtp::Profile;

use crate::instructions::Costs;
use crate::load::{Load, Operation};

/// What has to be computed for one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Blocks of keystream, with the one that hides GCM's tag.
    pub aes_blocks: usize,
    /// AES's rounds in each of them.
    pub rounds: usize,
    /// Blocks that GHASH multiplies: header, payload and lengths.
    pub ghash_blocks: usize,
    /// Blocks of HMAC-SHA1, padding, ROC and the outer hash's one included, the
    /// key's two not, since they are hashed once.
    pub sha1_blocks: usize,
}

/// The least for one packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Least {
    /// Cycles.
    pub cycles: f64,
    /// What they are spent on.
    pub bound: Bound,
}

/// What cannot be quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A hash waits for itself, four rounds at a time.
    Sha1Chain,
    /// Messages side by side wait for the unit that `sha1rnds4` runs on.
    Sha1Unit,
    /// Messages in a vector's lanes, and the cipher, wait for any unit at all.
    Lanes,
    /// The units that AES runs on.
    Cipher,
    /// The unit that multiplies.
    Multiplier,
    /// AES and multiplications, on units that they share.
    CipherAndMultiplier,
}

impl Work {
    /// For one RTP packet of a sender without CSRCs and extensions, protected or
    /// unprotected.
    #[must_use]
    pub fn new(profile: Profile, payload_len: usize) -> Self {
        let load = Load::new(Operation::Protect, profile, payload_len);
        let payload_blocks = payload_len.div_ceil(16);
        let rounds = profile.key_len() / 4 + 6;
        match profile.rtp_tag_len() {
            16 => Self {
                aes_blocks: payload_blocks + 1,
                rounds,
                ghash_blocks: load.header_len().div_ceil(16) + payload_blocks + 1,
                sha1_blocks: 0,
            },
            _ => Self {
                aes_blocks: payload_blocks,
                rounds,
                ghash_blocks: 0,
                // FIPS 180-4 §5.1.1: one octet and eight of length behind the ROC.
                sha1_blocks: (load.plain_len() + 4 + 9).div_ceil(64) + 1,
            },
        }
    }

    /// The least with a backend's instructions; `batch` is 0 for a single call.
    /// `None` where not all of them were measured.
    #[must_use]
    pub fn least(&self, backend: &str, batch: usize, costs: &Costs) -> Option<Least> {
        let vectors = Vectors::of(backend);
        match self.sha1_blocks {
            0 => self.least_of_gcm(vectors, costs),
            _ => self.least_of_cm(vectors, Hashing::of(backend, batch), costs),
        }
    }

    fn least_of_gcm(&self, vectors: Vectors, costs: &Costs) -> Option<Least> {
        let aes = self.aes_count(vectors) * costs.every(vectors.aes)?;
        let count = KARATSUBA * self.ghash_blocks.div_ceil(vectors.blocks) + REDUCTION;
        let multiplier = count as f64 * costs.every(vectors.multiply)?;
        let both = aes + count as f64 * costs.adds(vectors.multiply, vectors.aes)?;
        greatest([
            (aes, Bound::Cipher),
            (multiplier, Bound::Multiplier),
            (both, Bound::CipherAndMultiplier),
        ])
    }

    fn least_of_cm(&self, vectors: Vectors, hashing: Hashing, costs: &Costs) -> Option<Least> {
        let count = self.aes_count(vectors);
        let aes = (count * costs.every(vectors.aes)?, Bound::Cipher);
        let blocks = self.sha1_blocks as f64;
        let sha1 = match hashing {
            Hashing::OneMessage => (
                blocks * ROUNDS_OF_FOUR * costs.latency("sha1rnds4")?,
                Bound::Sha1Chain,
            ),
            Hashing::SideBySide => {
                let unit = blocks * ROUNDS_OF_FOUR * costs.every("sha1rnds4")?;
                let cipher = count * costs.adds("aesenc xmm", "sha1rnds4")?;
                (unit + cipher, Bound::Sha1Unit)
            }
            Hashing::Lanes(lanes) => {
                // The outer hash's block is in columns as it is.
                let operations = blocks * lanes.rounds + (blocks - 1.0) * lanes.columns;
                let hash = operations / lanes.count * costs.every(lanes.operation)?;
                let cipher = count * costs.adds(vectors.aes, lanes.operation)?;
                (hash + cipher, Bound::Lanes)
            }
        };
        greatest([aes, sha1])
    }

    /// AES instructions of one packet, whose blocks share vectors with no other
    /// packet's.
    fn aes_count(&self, vectors: Vectors) -> f64 {
        (self.aes_blocks.div_ceil(vectors.blocks) * self.rounds) as f64
    }
}

/// Multiplications of 64 bits for one of 128.
const KARATSUBA: usize = 3;

/// Multiplications for the one reduction that a packet needs.
const REDUCTION: usize = 2;

/// `sha1rnds4` does four of a block's eighty rounds.
pub(crate) const ROUNDS_OF_FOUR: f64 = 20.0;

/// The registers that blocks are in.
#[derive(Clone, Copy)]
struct Vectors {
    blocks: usize,
    aes: &'static str,
    multiply: &'static str,
}

impl Vectors {
    fn of(backend: &str) -> Self {
        match backend {
            "avx512" => Self {
                blocks: 4,
                aes: "vaesenc zmm",
                multiply: "vpclmulqdq zmm",
            },
            _ => Self {
                blocks: 1,
                aes: "aesenc xmm",
                multiply: "pclmulqdq xmm",
            },
        }
    }
}

/// How messages are hashed.
#[derive(Clone, Copy)]
enum Hashing {
    OneMessage,
    SideBySide,
    Lanes(Lanes),
}

impl Hashing {
    fn of(backend: &str, batch: usize) -> Self {
        match (backend, batch) {
            ("avx512", 8..) => Self::Lanes(Lanes::SIXTEEN),
            ("avx2", 3..) => Self::Lanes(Lanes::EIGHT),
            ("avx512" | "ni", 2..) => Self::SideBySide,
            _ => Self::OneMessage,
        }
    }
}

/// Messages in lanes, and the operations on vectors that a block of them takes.
#[derive(Clone, Copy)]
struct Lanes {
    count: f64,
    /// The cheapest operation there is, as which all are counted.
    operation: &'static str,
    /// Of the eighty rounds and the sixty-four words scheduled for them.
    rounds: f64,
    /// To turn rows of words into columns and their octets round.
    columns: f64,
}

impl Lanes {
    /// A round is two rotations, f in one operation, and four additions; a word
    /// two exclusive ors, one of three terms, and a rotation.
    const SIXTEEN: Self = Self {
        count: 16.0,
        operation: "vpaddd zmm",
        rounds: (80 * 7 + 64 * 3) as f64,
        columns: 80.0,
    };

    /// A rotation is three operations, an exclusive or has two terms, and f takes
    /// three, two or four operations.
    const EIGHT: Self = Self {
        count: 8.0,
        operation: "vpaddd ymm",
        rounds: (80 * (2 * 3 + 4) + 20 * 3 + 40 * 2 + 20 * 4 + 64 * 6) as f64,
        columns: 64.0,
    };
}

fn greatest<const N: usize>(bounds: [(f64, Bound); N]) -> Option<Least> {
    let greatest = bounds.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    greatest.map(|(cycles, bound)| Least { cycles, bound })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::{Beside, Cost};

    const CM: Profile = Profile::AesCm128HmacSha1_80;
    const GCM: Profile = Profile::AeadAes128Gcm;

    fn costs() -> Costs {
        let cost = |name: &str, latency, every| Cost {
            name: name.into(),
            latency: Some(latency),
            every: Some(every),
        };
        let beside = |name: &str, other: &str, adds| Beside {
            name: name.into(),
            other: other.into(),
            adds,
        };
        Costs {
            ghz: 4.0,
            instructions: vec![
                cost("sha1rnds4", 6.0, 2.0),
                cost("aesenc xmm", 4.0, 0.5),
                cost("vaesenc zmm", 4.0, 1.0),
                cost("pclmulqdq xmm", 4.0, 2.0),
                cost("vpclmulqdq zmm", 4.0, 2.0),
                cost("vpaddd zmm", 1.0, 0.5),
                cost("vpaddd ymm", 1.0, 0.25),
            ],
            beside: vec![
                beside("vpclmulqdq zmm", "vaesenc zmm", 1.0),
                beside("pclmulqdq xmm", "aesenc xmm", 0.5),
                beside("vaesenc zmm", "vpaddd zmm", 0.5),
                beside("aesenc xmm", "vpaddd ymm", 0.25),
                beside("aesenc xmm", "sha1rnds4", 0.0),
            ],
            ..Costs::default()
        }
    }

    fn least(profile: Profile, payload_len: usize, backend: &str, batch: usize) -> (f64, Bound) {
        let least = Work::new(profile, payload_len).least(backend, batch, &costs());
        let Least { cycles, bound } = least.expect("all of it is known");
        (cycles, bound)
    }

    #[test]
    fn the_blocks_of_a_packet_are_those_of_the_rfcs() {
        let work = |aes_blocks, rounds, ghash_blocks, sha1_blocks| Work {
            aes_blocks,
            rounds,
            ghash_blocks,
            sha1_blocks,
        };
        assert_eq!(Work::new(CM, 160), work(10, 10, 0, 4));
        assert_eq!(Work::new(CM, 1_200), work(75, 10, 0, 21));
        // 12 + 39 octets, the ROC, and the padding's nine fill a block.
        assert_eq!(Work::new(CM, 39).sha1_blocks, 2);
        assert_eq!(Work::new(CM, 40).sha1_blocks, 3);
        assert_eq!(Work::new(GCM, 160), work(11, 10, 12, 0));
        let work_256 = work(11, 14, 12, 0);
        assert_eq!(Work::new(Profile::AeadAes256Gcm, 160), work_256);
    }

    #[test]
    fn one_message_waits_for_its_own_chain() {
        // Four blocks of twenty instructions, each of which waits six cycles.
        let chain = (480.0, Bound::Sha1Chain);
        assert_eq!(least(CM, 160, "avx512", 0), chain);
        assert_eq!(least(CM, 160, "avx512", 1), chain);
        assert_eq!(least(CM, 160, "soft", 64), chain);
        // A third of it where others fill the pauses.
        assert_eq!(least(CM, 160, "ni", 64), (160.0, Bound::Sha1Unit));
        assert_eq!(least(CM, 160, "avx512", 4), (160.0, Bound::Sha1Unit));
    }

    #[test]
    fn lanes_share_every_unit_with_the_cipher() {
        // (4 * 752 + 3 * 80) / 16 operations at two a cycle are 101.5 cycles, and
        // three vectors of AES are thirty instructions at half a cycle more each.
        assert_eq!(least(CM, 160, "avx512", 16), (116.5, Bound::Lanes));
        // (4 * 1404 + 3 * 64) / 8 at four a cycle; 100 at a quarter.
        assert_eq!(least(CM, 160, "avx2", 16), (206.5, Bound::Lanes));
    }

    #[test]
    fn gcm_waits_for_cipher_and_multiplier_or_for_one_of_them() {
        // Three vectors of AES, 30; three of GHASH, 9 and 2 multiplications.
        let both = Bound::CipherAndMultiplier;
        assert_eq!(least(GCM, 160, "avx512", 64), (41.0, both));
        // 3 blocks are 15 cycles; 4 blocks are 14 multiplications, 28.
        assert_eq!(least(GCM, 20, "ni", 0), (28.0, Bound::Multiplier));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_backend_has_a_limit_where_it_runs() {
        let costs = Costs::here("today".into(), "this one".into());
        for backend in callseal_srtp::Backend::available() {
            for profile in [CM, GCM] {
                let least = Work::new(profile, 160).least(backend.name(), 16, &costs);
                let is_limited = least.is_some_and(|least| least.cycles > 0.0);
                assert!(
                    is_limited || backend.name() == "soft",
                    "{backend:?}: {costs:?}"
                );
            }
        }
    }

    #[test]
    fn what_was_not_measured_has_no_limit() {
        let none = Work::new(CM, 160).least("avx512", 16, &Costs::default());
        assert_eq!(none, None);
    }
}
