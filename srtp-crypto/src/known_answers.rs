//! Which backends may be trusted: those that answer as [`Backend::Soft`] does.
//!
//! Asking one takes some 65 µs in a virtual machine on a Zen 5: 10 for three
//! CPUIDs, which its host answers, 16 for the questions, and the rest for code
//! and memory that are touched for the first time. So the slower ones are not
//! asked before somebody asks for them.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::{
    AesCmJob, AesCmKey, AesGcmKey, Backend, Cipher, GcmPacketJob, GcmPortions, HmacPacketJob,
    HmacPortions, HmacSha1Job, HmacSha1Key, KeyLengthError,
};

/// The backends that answered rightly, the fastest first. Each is asked when the
/// iterator comes to it, and once in a process.
pub(crate) fn trusted() -> impl Iterator<Item = Backend> {
    VERDICTS.right(answers)
}

/// The backends that answered wrongly, of those that were asked: the fastest
/// trusted one is, and what would be faster.
pub(crate) fn distrusted() -> impl Iterator<Item = Backend> {
    trusted().next();
    VERDICTS.wrong()
}

static VERDICTS: Verdicts = Verdicts(AtomicU8::new(0));

/// A bit for each candidate that was found right, and then one for each that was
/// found wrong.
struct Verdicts(AtomicU8);

impl Verdicts {
    fn right(&self, answers: impl Fn(Backend) -> Option<u64>) -> impl Iterator<Item = Backend> {
        present().filter_map(move |(n, backend)| {
            self.is_right(n, || answers(backend)).then_some(backend)
        })
    }

    fn wrong(&self) -> impl Iterator<Item = Backend> {
        let verdicts = self.0.load(Ordering::Relaxed);
        let wrong = (0..CANDIDATES).filter(move |n| verdicts & Self::wrong_bit(*n) != 0);
        wrong.filter_map(candidate)
    }

    fn wrong_bit(n: usize) -> u8 {
        1 << (CANDIDATES + n)
    }

    fn is_right(&self, n: usize, answer: impl FnOnce() -> Option<u64>) -> bool {
        let (right, wrong) = (1 << n, Self::wrong_bit(n));
        let verdicts = self.0.load(Ordering::Relaxed);
        if verdicts & (right | wrong) != 0 {
            return verdicts & right != 0;
        }
        // Threads that come at once all reach the same verdict.
        let is_right = answer() == Some(KNOWN);
        let verdict = if is_right { right } else { wrong };
        self.0.fetch_or(verdict, Ordering::Relaxed);
        is_right
    }
}

/// How many backends there are besides `Soft`.
const CANDIDATES: usize = 3;

/// The candidates whose instructions the machine has, with their numbers, the
/// fastest first. Each is looked for when the iterator comes to it: every CPUID of
/// a virtual machine takes microseconds.
fn present() -> impl Iterator<Item = (usize, Backend)> {
    (0..CANDIDATES).filter_map(|n| Some((n, candidate(n)?)))
}

#[cfg(target_arch = "x86_64")]
fn candidate(n: usize) -> Option<Backend> {
    use crate::backends::x86::{avx2::Avx2, avx512::Avx512, ni::Ni};
    match n {
        0 => Avx512::detect().map(Backend::Avx512),
        1 => Ni::detect().map(Backend::Ni),
        _ => Avx2::detect().map(Backend::Avx2),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn candidate(_: usize) -> Option<Backend> {
    None
}

/// What [`Backend::Soft`] makes of the questions.
const KNOWN: u64 = 0xa6ae_33f6_90e5_0df4;

/// Lengths of batches: a single packet, a few, and more than any backend has
/// lanes, so that some of these are taken anew.
const BATCHES: [usize; 3] = [1, 5, 18];

/// A fingerprint of what `backend` makes of packets of many lengths under keys
/// of every size, and of what it says of them; the first of each batch arrives
/// damaged.
fn answers(backend: Backend) -> Option<u64> {
    #[cfg(feature = "testing")]
    if crate::testing::are_answers_wrong() {
        return None;
    }
    let keys = Keys::new(backend).ok()?;
    let mut packets: Vec<[u8; PACKET_LEN]> = (0..18)
        .map(|n| core::array::from_fn(|k| (17 * n + k) as u8))
        .collect();
    let mut fingerprint = Fingerprint(0);
    for len in BATCHES {
        let packets = packets.get_mut(..len)?;
        run_hmac(backend, &keys, packets, Backend::seal_hmac);
        fingerprint.take_packets(packets);
        packets[0][13] ^= 1;
        let verdicts = run_hmac(backend, &keys, packets, Backend::open_hmac);
        fingerprint.take_packets(packets);
        fingerprint.take(verdicts);

        run_gcm(backend, &keys, packets, Backend::seal_gcm);
        fingerprint.take_packets(packets);
        packets[0][13] ^= 1;
        let verdicts = run_gcm(backend, &keys, packets, Backend::open_gcm);
        fingerprint.take_packets(packets);
        fingerprint.take(verdicts);
    }
    for n in 0..3 {
        fingerprint.take_octets(&long_packet(backend, &keys, n)?);
    }
    Some(fingerprint.0)
}

/// What becomes of one long packet alone, under keys of the nth size, in every
/// operation: long enough for the loops that take many blocks at a time.
fn long_packet(backend: Backend, keys: &Keys, n: usize) -> Option<[u8; LONG_LEN]> {
    let mut packet = [n as u8; LONG_LEN];
    let end = LONG_LEN - 20;
    let (cm, gcm) = (&keys.cm[n % 3], &keys.gcm[n % 2]);
    let iv = [n as u8; 12];
    let sealed = &mut packet[..end + 16];
    let job = GcmPacketJob::in_order(gcm, iv, sealed, 12, 16);
    backend.seal_gcm(&mut [job.ok()?]);
    let mut opened = packet;
    let sealed = &mut opened[..end + 16];
    let mut jobs = [GcmPacketJob::in_order(gcm, iv, sealed, 12, 16).ok()?];
    backend.open_gcm(&mut jobs);
    if !jobs[0].is_authentic() || opened[..end] != [n as u8; LONG_LEN][..end] {
        return None;
    }
    let portions = HmacPortions {
        encrypted: 12..end,
        authenticated: 0..end,
        tag: end..end + 20,
    };
    let cipher = Cipher::AesCm(cm, [n as u8; 14]);
    let job = HmacPacketJob::new(cipher, &keys.auth, &mut packet, portions, None);
    backend.seal_hmac(&mut [job.ok()?]);
    let mut tag = [HmacSha1Job::new(&keys.auth, &packet, Some([n as u8; 4]))];
    backend.hmac_sha1(&mut tag);
    let tag = *tag[0].tag();
    backend.aes_cm(&mut [AesCmJob::new(cm, [!(n as u8); 14], &mut packet).ok()?]);
    packet[..tag.len()].copy_from_slice(&tag);
    Some(packet)
}

const LONG_LEN: usize = 896;

const PACKET_LEN: usize = 320;

const KEY: [u8; 32] = *b"the known questions for backends";

/// Where the packet that is `n`th of its batch ends: one is long, and among the
/// others each length modulo a block's is met by some.
fn end(n: usize) -> usize {
    if n == 0 { PACKET_LEN - 20 } else { 140 - 7 * n }
}

struct Keys {
    cm: [AesCmKey; 3],
    gcm: [AesGcmKey; 2],
    auth: HmacSha1Key,
}

impl Keys {
    fn new(backend: Backend) -> Result<Self, KeyLengthError> {
        let cm = |len| AesCmKey::for_backend(backend, &KEY[..len]);
        let gcm = |len| AesGcmKey::for_backend(backend, &KEY[..len]);
        Ok(Self {
            cm: [cm(16)?, cm(24)?, cm(32)?],
            gcm: [gcm(16)?, gcm(32)?],
            auth: HmacSha1Key::new(&KEY[..20]),
        })
    }
}

/// Tells apart what a fault could give, and not what an attacker could.
struct Fingerprint(u64);

impl Fingerprint {
    fn take_packets(&mut self, packets: &[[u8; PACKET_LEN]]) {
        for (n, packet) in packets.iter().enumerate() {
            self.take_octets(&packet[..(end(n) + 20).next_multiple_of(8)]);
        }
    }

    /// A multiple of 8 of them.
    fn take_octets(&mut self, octets: &[u8]) {
        let words = octets.as_chunks().0.iter();
        words.for_each(|word| self.take(u64::from_le_bytes(*word)));
    }

    fn take(&mut self, word: u64) {
        // An odd factor, of the golden ratio: no word is lost.
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
}

/// The verdicts on the packets, a bit each.
fn run_hmac(
    backend: Backend,
    keys: &Keys,
    packets: &mut [[u8; PACKET_LEN]],
    operation: fn(Backend, &mut [HmacPacketJob<'_>]),
) -> u64 {
    let jobs = packets.iter_mut().enumerate().filter_map(|(n, packet)| {
        let portions = HmacPortions {
            encrypted: 12..end(n),
            authenticated: 0..end(n),
            tag: end(n)..end(n) + 20,
        };
        let cipher = Cipher::AesCm(&keys.cm[n % 3], [n as u8; 14]);
        HmacPacketJob::new(cipher, &keys.auth, packet, portions, Some([n as u8; 4])).ok()
    });
    let mut jobs: Vec<HmacPacketJob<'_>> = jobs.collect();
    operation(backend, &mut jobs);
    bits(jobs.iter().map(HmacPacketJob::is_authentic))
}

fn run_gcm(
    backend: Backend,
    keys: &Keys,
    packets: &mut [[u8; PACKET_LEN]],
    operation: fn(Backend, &mut [GcmPacketJob<'_>]),
) -> u64 {
    let jobs = packets.iter_mut().enumerate().filter_map(|(n, packet)| {
        let key = &keys.gcm[n % 2];
        let portions = GcmPortions {
            associated: 0..12,
            encrypted: 12..end(n),
            tag: end(n)..end(n) + 16,
        };
        GcmPacketJob::new(key, [n as u8; 12], packet, portions, Some([n as u8; 4])).ok()
    });
    let mut jobs: Vec<GcmPacketJob<'_>> = jobs.collect();
    operation(backend, &mut jobs);
    bits(jobs.iter().map(GcmPacketJob::is_authentic))
}

fn bits(verdicts: impl Iterator<Item = bool>) -> u64 {
    verdicts.fold(1, |bits, verdict| (bits << 1) | u64::from(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_are_those_of_soft() {
        assert_eq!(
            answers(Backend::Soft),
            Some(KNOWN),
            "{:#x?}",
            answers(Backend::Soft)
        );
    }

    #[test]
    fn every_backend_of_a_sound_machine_is_trusted() {
        assert_eq!(trusted().count(), present().count());
        assert_eq!(distrusted().count(), 0);
    }

    #[test]
    fn a_backend_that_answers_wrongly_is_named_and_not_offered() {
        for (_, wrong) in present() {
            let verdicts = Verdicts(AtomicU8::new(0));
            let answers = |backend| {
                let answer = answers(backend)?;
                Some(if backend == wrong { answer ^ 1 } else { answer })
            };
            assert_eq!(verdicts.wrong().count(), 0, "nobody has been asked");
            let others: Vec<_> = verdicts.right(answers).collect();
            assert_eq!(others.len(), present().count() - 1);
            assert!(!others.contains(&wrong));
            assert!(verdicts.wrong().eq([wrong]));
        }
    }

    #[test]
    fn no_backend_is_asked_twice() {
        let verdicts = Verdicts(AtomicU8::new(0));
        let count = verdicts.right(answers).count();
        let again = verdicts.right(|_| None);
        assert_eq!(again.count(), count);
    }

    #[test]
    fn a_fault_in_any_bit_changes_the_answer() {
        let packets = [[7; PACKET_LEN]; 2];
        let of = |packets: &[[u8; PACKET_LEN]]| {
            let mut fingerprint = Fingerprint(0);
            fingerprint.take_packets(packets);
            fingerprint.0
        };
        for bit in 0..8 * (end(1) + 20) {
            let mut faulty = packets;
            faulty[1][bit / 8] ^= 1 << (bit % 8);
            assert_ne!(of(&faulty), of(&packets), "bit {bit}");
        }
    }
}
