//! Which backends may be trusted: those that answer as [`Backend::Soft`] does.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::{
    AesCmKey, AesGcmKey, Backend, Cipher, GcmPacketJob, GcmPortions, HmacPacketJob, HmacPortions,
    HmacSha1Key,
};

/// What the machine's backends were found to be, a bit each.
#[derive(Clone, Copy)]
pub(crate) struct Trust {
    verdicts: u8,
}

impl Trust {
    /// The verdicts on this machine, reached when they are first asked for.
    pub(crate) fn of_this_machine() -> Self {
        static VERDICTS: AtomicU8 = AtomicU8::new(0);

        // Threads that come at once all reach the same verdicts.
        let mut verdicts = VERDICTS.load(Ordering::Relaxed);
        if verdicts & REACHED == 0 {
            verdicts = verdicts_on(candidates(), answers);
            VERDICTS.store(verdicts, Ordering::Relaxed);
        }
        Self { verdicts }
    }

    /// The backends that answered rightly, the fastest first.
    pub(crate) fn trusted(self) -> impl Iterator<Item = Backend> {
        self.with_bit(0)
    }

    /// The backends that answered wrongly.
    pub(crate) fn distrusted(self) -> impl Iterator<Item = Backend> {
        self.with_bit(CANDIDATES)
    }

    fn with_bit(self, first: usize) -> impl Iterator<Item = Backend> {
        let candidates = candidates().into_iter().enumerate();
        let chosen = candidates.filter(move |(n, _)| self.verdicts & (1 << (first + n)) != 0);
        chosen.filter_map(|(_, backend)| backend)
    }
}

/// How many backends there are besides `Soft`.
const CANDIDATES: usize = 3;

/// Set once the other bits mean something: first one for each candidate that
/// is right, then one for each that is wrong.
const REACHED: u8 = 1 << 7;

/// The backends whose instructions the machine has, the fastest first.
#[cfg(target_arch = "x86_64")]
fn candidates() -> [Option<Backend>; CANDIDATES] {
    use crate::backends::x86::{avx2::Avx2, avx512::Avx512, ni::Ni};
    [
        Avx512::detect().map(Backend::Avx512),
        Ni::detect().map(Backend::Ni),
        Avx2::detect().map(Backend::Avx2),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn candidates() -> [Option<Backend>; CANDIDATES] {
    [None; CANDIDATES]
}

fn verdicts_on(
    candidates: [Option<Backend>; CANDIDATES],
    answers: impl Fn(Backend) -> Answers,
) -> u8 {
    let known = answers(Backend::Soft);
    let mut verdicts = REACHED;
    for (n, backend) in candidates.into_iter().enumerate() {
        if let Some(backend) = backend {
            let right = answers(backend) == known;
            verdicts |= 1 << if right { n } else { n + CANDIDATES };
        }
    }
    verdicts
}

/// What a backend makes of the same packets.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answers {
    sealed: Vec<u8>,
    opened: Vec<u8>,
    authentic: Vec<bool>,
}

/// Lengths of batches: a single packet, a few, and more than any backend has
/// lanes, so that some of these are taken anew.
const BATCHES: [usize; 3] = [1, 3, 18];

/// Runs `backend` over packets of many lengths, under keys of every size; the
/// first of each batch arrives damaged.
fn answers(backend: Backend) -> Answers {
    let mut answers = Answers::default();
    for len in BATCHES {
        let mut packets: Vec<[u8; PACKET_LEN]> = (0..len)
            .map(|n| core::array::from_fn(|k| (17 * n + k) as u8))
            .collect();
        run_hmac(backend, &mut packets, Backend::seal_hmac);
        answers.sealed.extend_from_slice(packets.as_flattened());
        packets[0][13] ^= 1;
        answers
            .authentic
            .extend(run_hmac(backend, &mut packets, Backend::open_hmac));
        answers.opened.extend_from_slice(packets.as_flattened());

        run_gcm(backend, &mut packets, Backend::seal_gcm);
        answers.sealed.extend_from_slice(packets.as_flattened());
        packets[0][13] ^= 1;
        answers
            .authentic
            .extend(run_gcm(backend, &mut packets, Backend::open_gcm));
        answers.opened.extend_from_slice(packets.as_flattened());
    }
    answers
}

const PACKET_LEN: usize = 300;

const KEY: [u8; 32] = *b"the known questions for backends";

/// Where the packet that is `n`th of its batch ends: each length modulo a
/// block's is met by some of them.
fn end(n: usize) -> usize {
    PACKET_LEN - 20 - 13 * n
}

fn run_hmac(
    backend: Backend,
    packets: &mut [[u8; PACKET_LEN]],
    operation: fn(Backend, &mut [HmacPacketJob<'_>]),
) -> Vec<bool> {
    let keys = [16, 24, 32].map(|len| AesCmKey::for_backend(backend, &KEY[..len]));
    let auth_key = HmacSha1Key::new(&KEY[..20]);
    let jobs = packets.iter_mut().enumerate().filter_map(|(n, packet)| {
        let key = keys[n % keys.len()].as_ref().ok()?;
        let portions = HmacPortions {
            encrypted: 12..end(n),
            authenticated: 0..end(n),
            tag: end(n)..end(n) + 20,
        };
        let cipher = Cipher::AesCm(key, [n as u8; 14]);
        HmacPacketJob::new(cipher, &auth_key, packet, portions, Some([n as u8; 4])).ok()
    });
    let mut jobs: Vec<HmacPacketJob<'_>> = jobs.collect();
    operation(backend, &mut jobs);
    jobs.iter().map(HmacPacketJob::is_authentic).collect()
}

fn run_gcm(
    backend: Backend,
    packets: &mut [[u8; PACKET_LEN]],
    operation: fn(Backend, &mut [GcmPacketJob<'_>]),
) -> Vec<bool> {
    let keys = [16, 32].map(|len| AesGcmKey::for_backend(backend, &KEY[..len]));
    let jobs = packets.iter_mut().enumerate().filter_map(|(n, packet)| {
        let key = keys[n % keys.len()].as_ref().ok()?;
        let portions = GcmPortions {
            associated: 0..12,
            encrypted: 12..end(n),
            tag: end(n)..end(n) + 16,
        };
        GcmPacketJob::new(key, [n as u8; 12], packet, portions, Some([n as u8; 4])).ok()
    });
    let mut jobs: Vec<GcmPacketJob<'_>> = jobs.collect();
    operation(backend, &mut jobs);
    jobs.iter().map(GcmPacketJob::is_authentic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_answers_wrongly_is_named_and_not_offered() {
        for wrong in candidates().into_iter().flatten() {
            let verdicts = verdicts_on(candidates(), |backend| {
                let mut answers = answers(backend);
                if backend == wrong {
                    answers.sealed[1_000] ^= 1;
                }
                answers
            });
            let trust = Trust { verdicts };
            assert_eq!(trust.distrusted().collect::<Vec<_>>(), [wrong]);
            assert!(trust.trusted().all(|backend| backend != wrong));
            let others = candidates().iter().flatten().count() - 1;
            assert_eq!(trust.trusted().count(), others);
        }
    }

    #[test]
    fn the_questions_have_right_and_wrong_packets() {
        let answers = answers(Backend::Soft);
        let wrong = answers.authentic.iter().filter(|right| !**right).count();
        assert_eq!(wrong, 2 * BATCHES.len());
        assert_eq!(answers.authentic.len(), 2 * BATCHES.iter().sum::<usize>());
        assert_ne!(answers.sealed, answers.opened);
    }
}
