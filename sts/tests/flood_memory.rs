//! What strangers can make a phone keep, counted by the allocator.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use callseal_sts::{
    Admission, Config, FragmentHead, Handshaker, IdentityKey, Limits, Number, Random,
};
use callseal_testkit::{Allocations, CountingAllocator, SplitMix64};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Seeded(SplitMix64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

fn phone(limits: Limits) -> Handshaker {
    let number = Number::parse("+8613800000002").unwrap();
    let key = IdentityKey::from_bytes([2; 32]).unwrap();
    let config = Config::new(number, key).with_limits(limits);
    Handshaker::new(config, Box::new(Seeded(SplitMix64::new(1))))
}

/// So many strangers send a first message each, all of them different; how
/// many octets the phone keeps more than before.
fn flood(phone: &mut Handshaker, count: u32, now: Duration, random: &mut SplitMix64) -> i64 {
    let text = include_str!("../../testvectors/sts/plain.json");
    let example: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut m1 = hex::decode(example["messages"]["m1"].as_str().unwrap()).unwrap();
    let (_, seen) = Allocations::during(|| {
        for _ in 0..count {
            random.fill(&mut m1[2..10]);
            random.fill(&mut m1[28..60]);
            let mut ip = [0; 16];
            random.fill(&mut ip);
            let from = SocketAddr::from((Ipv6Addr::from(ip), 5005));
            let fragment = FragmentHead {
                index: 0,
                count: 1,
                cookie: None,
                bytes: &m1,
            };
            if phone.admit(now, from, fragment, 120) != Admission::Drop {
                phone.handle_message(now, from, &m1, 120);
            }
            while phone.poll_transmit().is_some() {}
            while phone.poll_event().is_some() {}
        }
    });
    seen.live_len()
}

#[test]
fn a_hundred_thousand_strangers_leave_sixteen_sessions() {
    let mut random = SplitMix64::new(7);
    let mut phone = phone(Limits::default());
    let now = Duration::from_secs(1);
    let kept = flood(&mut phone, 1_000, now, &mut random);
    assert!(kept < 64 * 1_024, "{kept} octets for 16 sessions");
    let more = flood(&mut phone, 99_000, now, &mut random);
    assert_eq!(more, 0, "the others leave nothing");
}

#[test]
fn sessions_are_bounded_even_where_no_cookie_is_asked_for() {
    let mut random = SplitMix64::new(8);
    let limits = Limits::default()
        .challenge_from(usize::MAX)
        .m1_per_second(u32::MAX);
    let mut phone = phone(limits);
    let now = Duration::from_secs(1);
    flood(&mut phone, 300, now, &mut random);
    let more = flood(&mut phone, 600, now, &mut random);
    assert!(more < 1_024, "{more} octets more");
}

#[test]
fn what_strangers_left_is_given_back() {
    let mut random = SplitMix64::new(9);
    let mut phone = phone(Limits::default());
    let now = Duration::from_secs(1);
    let kept = flood(&mut phone, 100, now, &mut random);
    let (_, seen) = Allocations::during(|| {
        while let Some(at) = phone.poll_timeout() {
            phone.handle_timeout(at);
        }
        while phone.poll_event().is_some() {}
    });
    let left = kept + seen.live_len();
    // The room for the next ones stays.
    assert!(left < 8_192 && left < kept, "{left} of {kept} octets");
    assert_eq!(phone.poll_timeout(), None);
}
