//! Cookies: whether a caller receives at its address (PROTOCOL.md §7).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::Random;
use crate::carriage::COOKIE_LEN;
use crate::mac::hmac_sha256;
use crate::random::draw;
use crate::secret::{Secret, equal};

/// Makes and checks cookies without keeping anything for an address.
#[derive(Debug, Default)]
pub(crate) struct CookieJar {
    secrets: Option<Secrets>,
}

#[derive(Debug)]
struct Secrets {
    current: Secret<32>,
    before: Option<Secret<32>>,
    drawn_at: Duration,
}

/// How long a secret makes cookies; it is good for as long again.
const RENEWAL: Duration = Duration::from_secs(60);

impl CookieJar {
    /// The cookie for an address.
    pub(crate) fn bake(
        &mut self,
        now: Duration,
        address: SocketAddr,
        random: &mut dyn Random,
    ) -> [u8; COOKIE_LEN] {
        cookie(&self.secrets(now, random).current, address)
    }

    /// Whether this is an address's cookie, of the secret in use or the one
    /// before.
    pub(crate) fn accepts(
        &mut self,
        now: Duration,
        address: SocketAddr,
        shown: &[u8; COOKIE_LEN],
        random: &mut dyn Random,
    ) -> bool {
        let secrets = self.secrets(now, random);
        [Some(&secrets.current), secrets.before.as_ref()]
            .into_iter()
            .flatten()
            .any(|secret| equal(&cookie(secret, address), shown))
    }

    fn secrets(&mut self, now: Duration, random: &mut dyn Random) -> &Secrets {
        let kept = match self.secrets.take() {
            Some(secrets) if now < secrets.drawn_at + RENEWAL => secrets,
            stale => Secrets {
                current: Secret(draw(random)),
                before: stale
                    .filter(|stale| now < stale.drawn_at + 2 * RENEWAL)
                    .map(|stale| stale.current),
                drawn_at: now,
            },
        };
        self.secrets.insert(kept)
    }
}

// the first 16 octets of HMAC(secret, IP address as 16 octets || u16(port))
fn cookie(secret: &Secret<32>, address: SocketAddr) -> [u8; COOKIE_LEN] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mac = hmac_sha256(&secret.0, &[&ip.octets(), &address.port().to_be_bytes()]);
    let mut cookie = [0; COOKIE_LEN];
    cookie.copy_from_slice(&mac[..COOKIE_LEN]);
    cookie
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 1, …, then 2, 2, …
    struct Counting(u8);

    impl Random for Counting {
        fn fill(&mut self, out: &mut [u8]) {
            self.0 += 1;
            out.fill(self.0);
        }
    }

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_cookie_is_good_for_its_address_only() {
        let (mut jar, mut random) = (CookieJar::default(), Counting(0));
        let address: SocketAddr = "192.0.2.1:5005".parse().unwrap();
        let cookie = jar.bake(S, address, &mut random);
        assert!(jar.accepts(S, address, &cookie, &mut random));
        for other in ["192.0.2.1:5006", "192.0.2.2:5005", "[2001:db8::1]:5005"] {
            assert!(!jar.accepts(S, other.parse().unwrap(), &cookie, &mut random));
        }
        let mut forged = cookie;
        forged[15] ^= 1;
        assert!(!jar.accepts(S, address, &forged, &mut random));
    }

    #[test]
    fn an_ipv4_address_is_the_same_however_it_is_written() {
        let (mut jar, mut random) = (CookieJar::default(), Counting(0));
        let plain = "192.0.2.1:5005".parse().unwrap();
        let mapped = "[::ffff:192.0.2.1]:5005".parse().unwrap();
        let cookie = jar.bake(S, plain, &mut random);
        assert!(jar.accepts(S, mapped, &cookie, &mut random));
    }

    #[test]
    fn a_cookie_lives_for_one_to_two_minutes() {
        let address: SocketAddr = "192.0.2.1:5005".parse().unwrap();
        for (baked, shown, good) in [
            (0, 0, true),
            (59, 61, true),
            (0, 119, true),
            (59, 119, true),
            (59, 121, false),
            (0, 121, false),
            (0, 1_000, false),
        ] {
            let (mut jar, mut random) = (CookieJar::default(), Counting(0));
            jar.bake(Duration::ZERO, address, &mut random);
            let cookie = jar.bake(baked * S, address, &mut random);
            // Somebody else asks once a minute in between.
            for minute in 1..=shown / 60 {
                jar.bake(minute * 60 * S, address, &mut random);
            }
            let accepted = jar.accepts(shown * S, address, &cookie, &mut random);
            assert_eq!(accepted, good, "baked at {baked} s, shown at {shown} s");
        }
    }
}
