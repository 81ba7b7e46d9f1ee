//! Whether the time that secrets are worked with tells anything about them,
//! measured after Reparaz, Balasch and Verbauwhede, *Dude, is my code constant
//! time?* (DATE 2017).
//!
//! Each experiment times one operation on inputs of two classes, drawn at
//! random measurement by measurement, and asks with Welch's t-test whether the
//! two times have one mean: over all measurements, and over those below each
//! of many percentiles, since what interrupts a program hides small
//! differences under large ones. |t| above 10 says that they differ; below, that
//! so many measurements on this machine showed no difference, which is no proof.
//!
//! The first experiments are controls, a comparison that stops at the first
//! wrong octet among them: where they are not found out the harness is deaf,
//! and the program fails. Nothing else is asserted.
//!
//! `CALLSEAL_CT_MEASUREMENTS` says how many measurements each experiment takes.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use callseal_srtp::{Backend, MasterKey, Policy, Profile, Receiver, Sender};
use callseal_sts::initiator::{Answer, AwaitM2, AwaitM4, Offer};
use callseal_sts::responder::{Answering, AwaitM3};
use callseal_sts::{IdentityKey, LocalIdentity, Number, Random, Staples, Suites, VerifiedPeerKey};
use callseal_testkit::SplitMix64;

fn main() -> ExitCode {
    let measurements = std::env::var("CALLSEAL_CT_MEASUREMENTS").ok();
    let measurements = measurements.and_then(|count| count.parse().ok());
    // `cargo test --benches` asks only whether it runs.
    let default = if cfg!(debug_assertions) {
        1_000
    } else {
        200_000
    };
    let mut bench = Bench {
        measurements: measurements.unwrap_or(default),
        random: SplitMix64::new(0x2017),
    };
    println!(
        "{} measurements an experiment, backend {}\n",
        bench.measurements,
        Backend::detected().name()
    );
    println!(
        "{:<58} {:>9} {:>9} {:>8}  max |t|, and again",
        "experiment", "ns, one", "ns, other", "differ"
    );

    let controls = [
        leaky_comparison(&mut bench),
        accepted_or_refused(&mut bench),
    ];
    for backend in Backend::available() {
        println!("\n{}", backend.name());
        tags(&mut bench, backend);
        keys(&mut bench, backend);
        payloads(&mut bench, backend);
    }
    println!();
    handshake(&mut bench);

    if default > 1_000 && controls.iter().any(|control| !control.differs()) {
        eprintln!("\na control was not found out: the results above say nothing");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Ten octets compared up to the first that differs: what a tag's comparison
/// must not do.
fn leaky_comparison(bench: &mut Bench) -> Result {
    #[inline(never)]
    fn is_equal(left: &[u8], right: &[u8]) -> bool {
        left.iter()
            .zip(right)
            .all(|(left, right)| black_box(left) == black_box(right))
    }
    let right = [0x5a; 10];
    let mut wrong = [right; 2];
    wrong[0][0] ^= 1;
    wrong[1][9] ^= 1;
    let mut carried = right;
    bench.compare(
        "CONTROL memcmp of 10 octets: first or last wrong",
        |class| {
            carried = wrong[class];
            time(|| {
                for _ in 0..16 {
                    black_box(is_equal(black_box(&carried), black_box(&right)));
                }
            })
        },
    )
}

/// A packet that is opened or refused: the verdict is no secret, and shows.
fn accepted_or_refused(bench: &mut Bench) -> Result {
    let profile = Profile::AesCm128HmacSha1_80;
    let policy = || Policy::new(profile);
    let mut sender = Sender::new(policy(), key_of(profile, 1)).expect("a policy");
    let mut receiver = Receiver::new(policy(), key_of(profile, 1)).expect("a policy");
    let mut seq = 0u16;
    bench.compare("CONTROL unprotect: right or wrong tag", |class| {
        seq = seq.wrapping_add(1);
        let (mut packet, len) = protected(&mut sender, seq);
        packet[len - 1] ^= class as u8;
        time(|| black_box(receiver.unprotect_rtp(&mut packet, len).is_ok()))
    })
}

/// Where a wrong tag is wrong, in SRTP and SRTCP.
fn tags(bench: &mut Bench, backend: Backend) {
    for profile in [
        Profile::AesCm128HmacSha1_80,
        Profile::AesCm128HmacSha1_32,
        Profile::AeadAes128Gcm,
    ] {
        let policy = || Policy::new(profile).with_backend(backend);
        let mut sender = Sender::new(policy(), key_of(profile, 1)).expect("a policy");
        let mut receiver = Receiver::new(policy(), key_of(profile, 1)).expect("a policy");
        let (packet, len) = protected(&mut sender, 7);
        let tag = len - profile.rtp_tag_len()..len;
        let mut wrong = [packet, packet];
        wrong[0][tag.start] ^= 1;
        wrong[1][tag.end - 1] ^= 1;
        let mut carried = packet;
        let name = format!("{profile} RTP tag: first or last octet wrong");
        bench.compare(&name, |class| {
            carried = wrong[class];
            time(|| black_box(receiver.unprotect_rtp(&mut carried, len).is_ok()))
        });

        let mut random = SplitMix64::new(3);
        let name = format!("{profile} RTP tag: one bit or all octets wrong");
        bench.compare(&name, |class| {
            // Written in the same way for both, lest the writing is what differs.
            let mask = (class as u8).wrapping_neg();
            let mut change = [0; 16];
            random.fill(&mut change);
            change = change.map(|octet| octet & mask);
            change[0] |= 0x80;
            carried = packet;
            for (octet, change) in carried[tag.clone()].iter_mut().zip(change) {
                *octet ^= change;
            }
            time(|| black_box(receiver.unprotect_rtp(&mut carried, len).is_ok()))
        });

        let mut packet = [0x5a; 100];
        packet[..4].copy_from_slice(&[0x80, 201, 0, 15]);
        let len = sender.protect_rtcp(&mut packet, 64).expect("a packet");
        // An AEAD's stands before the word of E bit and index.
        let end = if profile.is_aead() { len - 4 } else { len };
        let tag = end - profile.rtcp_tag_len()..end;
        let mut wrong = [packet, packet];
        wrong[0][tag.start] ^= 1;
        wrong[1][tag.end - 1] ^= 1;
        let mut carried = packet;
        let name = format!("{profile} RTCP tag: first or last octet wrong");
        bench.compare(&name, |class| {
            carried = wrong[class];
            time(|| black_box(receiver.unprotect_rtcp(&mut carried, len).is_ok()))
        });
    }
}

/// One key or another for each measurement: derivation, and use.
fn keys(bench: &mut Bench, backend: Backend) {
    for profile in [Profile::AesCm128HmacSha1_80, Profile::AeadAes256Gcm] {
        let policy = || Policy::new(profile).with_backend(backend);
        let mut random = SplitMix64::new(4);
        let name = format!("{profile} key derivation: zeros or a random key");
        bench.compare(&name, |class| {
            let (key, salt) = key_and_salt(class, &mut random);
            let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
            time(|| {
                let key = MasterKey::new(profile, key, salt).expect("the profile's lengths");
                black_box(Sender::new(policy(), key).is_ok())
            })
        });

        // A new sender for each measurement, so that both classes find theirs in
        // the same place and the same state.
        let name = format!("{profile} protect: zeros or a random key");
        bench.compare(&name, |class| {
            let (key, salt) = key_and_salt(class, &mut random);
            let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
            let key = MasterKey::new(profile, key, salt).expect("the profile's lengths");
            let mut sender = Sender::new(policy(), key).expect("a policy");
            // A stream's first packet allocates.
            let _ = protected(&mut sender, 0);
            let mut packet = plain(1);
            time(|| black_box(sender.protect_rtp(&mut packet, LEN).is_ok()))
        });
    }
}

/// One payload or another.
fn payloads(bench: &mut Bench, backend: Backend) {
    for profile in [Profile::AesCm128HmacSha1_80, Profile::AeadAes128Gcm] {
        let policy = || Policy::new(profile).with_backend(backend);
        let mut sender = Sender::new(policy(), key_of(profile, 1)).expect("a policy");
        let mut receiver = Receiver::new(policy(), key_of(profile, 1)).expect("a policy");
        let mut random = SplitMix64::new(5);
        let mut seq = 0u16;
        let name = format!("{profile} open: zeros or random payload");
        bench.compare(&name, |class| {
            seq = seq.wrapping_add(1);
            let mut packet = plain(seq);
            let mut payload = [0; LEN - 12];
            random.fill(&mut payload);
            let mask = (class as u8).wrapping_neg();
            packet[12..LEN].copy_from_slice(&payload.map(|octet| octet & mask));
            let len = sender.protect_rtp(&mut packet, LEN).expect("a packet");
            time(|| black_box(receiver.unprotect_rtp(&mut packet, len).is_ok()))
        });
    }
}

/// Where the last message of the handshake is wrong.
fn handshake(bench: &mut Bench) {
    let (await_m4, m4) = last_message();
    assert!(matches!(await_m4.receive(&m4), Ok(Answer::Accepted(_))));
    let mut wrong = [m4.clone(), m4.clone()];
    let len = m4.len();
    wrong[0][len - 16] ^= 1;
    wrong[1][len - 1] ^= 1;
    let mut carried = m4;
    bench.compare("M4: first or last octet of its tag wrong", |class| {
        carried.copy_from_slice(&wrong[class]);
        time(|| black_box(await_m4.receive(&carried).is_ok()))
    });
}

fn last_message() -> (AwaitM4, Vec<u8>) {
    let mut random = Seeded(SplitMix64::new(1));
    let mut phone = |number: &str| {
        let number = Number::parse(number).expect("E.164");
        let phone = LocalIdentity::new(number, IdentityKey::generate(&mut random));
        let vouched = VerifiedPeerKey::vouch(phone.identity());
        (Arc::new(phone), vouched)
    };
    let (alice, alice_vouched) = phone("+8613800000001");
    let (bob, bob_vouched) = phone("+8613800000002");
    let offer = Offer {
        callee: bob.identity().number,
        suites: Suites::default(),
        running: None,
        renews: false,
        staples: Staples::default(),
    };
    let answering = Answering {
        suites: Suites::default(),
        running: None,
        unconfirmed: None,
        staples: Staples::default(),
    };
    let (await_m2, m1) = AwaitM2::begin(alice, offer, &mut random);
    let (await_m3, m2) = AwaitM3::answer(bob, &m1, &answering, &mut random).expect("a good M1");
    let presented = await_m2.receive(&m2).expect("a good M2");
    let (await_m4, m3) = presented
        .accept(&bob_vouched, &mut random)
        .expect("the same key");
    let presented = await_m3.receive(&m3).expect("a good M3");
    let (_, m4) = presented.accept(&alice_vouched).expect("the same key");
    (await_m4, m4)
}

struct Seeded(SplitMix64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

/// A plain packet's length, in octets: 20 ms of PCMU.
const LEN: usize = 172;

/// A packet with room for its tag.
fn plain(seq: u16) -> [u8; LEN + 16] {
    let mut packet = [0x80; LEN + 16];
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet
}

fn protected(sender: &mut Sender, seq: u16) -> ([u8; LEN + 16], usize) {
    let mut packet = plain(seq);
    let len = sender.protect_rtp(&mut packet, LEN).expect("a packet");
    (packet, len)
}

fn key_of(profile: Profile, octet: u8) -> MasterKey {
    let (key, salt) = ([octet; 32], [octet ^ 0xff; 14]);
    let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
    MasterKey::new(profile, key, salt).expect("the profile's lengths")
}

/// Zeros in class 0, anything in class 1; the same work for both.
fn key_and_salt(class: usize, random: &mut SplitMix64) -> ([u8; 32], [u8; 14]) {
    let (mut key, mut salt) = ([0; 32], [0; 14]);
    random.fill(&mut key);
    random.fill(&mut salt);
    let mask = (class as u8).wrapping_neg();
    (
        key.map(|octet| octet & mask),
        salt.map(|octet| octet & mask),
    )
}

/// How long `operation` takes, in nanoseconds.
fn time<T>(operation: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(operation());
    begin.elapsed().as_nanos() as f64
}

struct Bench {
    measurements: usize,
    random: SplitMix64,
}

struct Result {
    max_t: f64,
}

impl Result {
    fn differs(&self) -> bool {
        self.max_t > 10.0
    }
}

impl Bench {
    /// Times both classes, prints a line, and times them once more where they
    /// differed: of a hundred experiments on a busy machine one may differ by
    /// chance, and not again.
    fn compare(&mut self, name: &str, mut timed: impl FnMut(usize) -> f64) -> Result {
        let ([one, other], max_t) = self.measured(&mut timed);
        let mut result = Result { max_t };
        let mut differ = "no";
        let mut again = String::new();
        if result.differs() {
            let (_, second_t) = self.measured(&mut timed);
            again = format!(" {second_t:>8.1}");
            result.max_t = result.max_t.min(second_t);
            differ = if result.differs() { "yes" } else { "once" };
        }
        println!("{name:<58} {one:>9.0} {other:>9.0} {differ:>8} {max_t:>8.1}{again}");
        result
    }

    /// The medians of both classes, drawn at random, and the largest |t|.
    fn measured(&mut self, timed: &mut impl FnMut(usize) -> f64) -> ([f64; 2], f64) {
        // Caches and branch predictors get to know both classes first.
        for n in 0..self.measurements / 20 {
            timed(n % 2);
        }
        let mut times = Vec::with_capacity(self.measurements);
        for _ in 0..self.measurements {
            let class = self.random.below(2) as usize;
            times.push((class, timed(class)));
        }
        let mut sorted: Vec<f64> = times.iter().map(|(_, ns)| *ns).collect();
        sorted.sort_by(f64::total_cmp);

        let mut max_t = 0f64;
        let mut medians = [0.0; 2];
        for (class, median) in medians.iter_mut().enumerate() {
            let of_class = times.iter().filter(|(of, _)| *of == class);
            let mut of_class: Vec<f64> = of_class.map(|(_, ns)| *ns).collect();
            of_class.sort_by(f64::total_cmp);
            *median = of_class.get(of_class.len() / 2).copied().unwrap_or(0.0);
        }
        // Percentiles that come closer to each other towards the top, and all.
        let thresholds = (1..=100).map(|n| {
            let share = 1.0 - 0.5f64.powf(10.0 * f64::from(n) / 100.0);
            sorted[((sorted.len() - 1) as f64 * share) as usize]
        });
        for threshold in thresholds.chain([f64::INFINITY]) {
            let mut classes = [Moments::default(); 2];
            for (class, ns) in &times {
                if *ns <= threshold {
                    classes[*class].push(*ns);
                }
            }
            max_t = max_t.max(welch(&classes).abs());
        }
        (medians, max_t)
    }
}

/// Count, mean and sum of squared distances, kept by Welford's method.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }
}

/// t = (mean 1 - mean 2) / sqrt(variance 1 / n 1 + variance 2 / n 2); 0 where
/// there is too little to say anything.
fn welch([one, other]: &[Moments; 2]) -> f64 {
    if one.count < 100.0 || other.count < 100.0 {
        return 0.0;
    }
    let share = |class: &Moments| class.squares / (class.count - 1.0) / class.count;
    let spread = (share(one) + share(other)).sqrt();
    if spread == 0.0 {
        return 0.0;
    }
    (one.mean - other.mean) / spread
}
