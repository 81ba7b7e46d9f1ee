//! Live, against rtpengine, which has an SRTP of its own: it stands between a
//! plain phone and a protected one, both of which are sockets of ours, so that
//! every octet of every packet is compared. Keys go both ways in SDES.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod packets;
mod peers;

use callseal_srtp::sdes::{CryptoAttribute, InlineKey};
use callseal_srtp::{Profile, UnprotectError};
use packets::{key_octets, policy, protect_rtcp, protect_rtp, unprotect_rtcp, unprotect_rtp};
use peers::{PATIENCE, Program, SILENCE, Socket, Tally, free_pair, hard_stream, sender_report};

/// What goes from the plain phone to the protected one.
const OUTWARD: u32 = 0x0a0a_0a0a;
/// What comes back.
const INWARD: u32 = 0x0b0b_0b0b;

/// All that it offers but its suites without a cipher, with which
/// rtpengine 10.5 sends nothing at all, and `F8_128_HMAC_SHA1_32`, which no
/// RFC has.
const SUITES: [Profile; 9] = [
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm128HmacSha1_32,
    Profile::AesCm192HmacSha1_80,
    Profile::AesCm192HmacSha1_32,
    Profile::AesCm256HmacSha1_80,
    Profile::AesCm256HmacSha1_32,
    Profile::AesF8_128HmacSha1_80,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

#[test]
#[ignore = "needs rtpengine: on the PATH, or CALLSEAL_RTPENGINE"]
fn rtpengine_and_we_open_what_the_other_sends() {
    let rtpengine = Rtpengine::start();
    for profile in SUITES {
        call_through(&rtpengine, profile).remark(&profile);
    }
}

fn call_through(rtpengine: &Rtpengine, profile: Profile) -> Tally {
    let plain = Phone::new();
    let secured = Phone::new();
    let call = profile.name();

    // It adds its keys to the plain phone's offer.
    let offer = plain.sdp("RTP/AVP", "");
    let offer = rtpengine.ask(&[
        ("command", "offer"),
        ("call-id", call),
        ("from-tag", "plain"),
        ("sdp", &offer),
        ("transport-protocol", "RTP/SAVP"),
        ("ICE", "remove"),
        ("DTLS", "off"),
    ]);
    let theirs = offer.lines().filter(|line| line.starts_with("a=crypto:"));
    let theirs = theirs.filter_map(|line| CryptoAttribute::parse(line).ok());
    let theirs = theirs.into_iter().find(|line| line.profile == profile);
    let theirs = theirs.unwrap_or_else(|| panic!("{profile} is not offered: {offer}"));

    let (key, salt) = key_octets(profile, 9);
    let key = InlineKey::new(profile, &key, &salt).unwrap();
    let ours = CryptoAttribute::new(theirs.tag, profile, key);
    let answer = secured.sdp("RTP/SAVP", &format!("{}\r\n", *ours.to_line()));
    let answer = rtpengine.ask(&[
        ("command", "answer"),
        ("call-id", call),
        ("from-tag", "plain"),
        ("to-tag", "secured"),
        ("sdp", &answer),
        ("ICE", "remove"),
        ("DTLS", "off"),
    ]);

    let mut sender = ours.sender(policy(profile)).unwrap();
    let mut receiver = theirs.receiver(policy(profile)).unwrap();
    let (to_secured, to_plain) = (media_port(&offer), media_port(&answer));
    let mut tally = Tally::default();
    let heard = |socket: &Socket, what: &str| socket.heard(&rtpengine.program, &what);

    for count in 0..3 {
        let what = format!("{profile}: SRTCP {count} to us");
        let report = sender_report(OUTWARD, count);
        plain.rtcp.send(to_plain + 1, &report);
        let protected = heard(&secured.rtcp, &what);
        let opened = unprotect_rtcp(&mut receiver, &protected);
        assert_eq!(opened.as_ref(), Ok(&report), "{what}: {protected:02x?}");
        tally.rtcp(&report);

        let what = format!("{profile}: SRTCP {count} to rtpengine");
        let report = sender_report(INWARD, count);
        let protected = protect_rtcp(&mut sender, &report).unwrap();
        secured.rtcp.send(to_secured + 1, &protected);
        assert_eq!(heard(&plain.rtcp, &what), report, "{what}");
        tally.rtcp(&report);
    }

    let streams = hard_stream(OUTWARD).into_iter().zip(hard_stream(INWARD));
    for (place, (outward, inward)) in streams.enumerate() {
        let what = format!("{profile}: SRTP {:02x?} to us", &outward[2..4]);
        plain.rtp.send(to_plain, &outward);
        let protected = heard(&secured.rtp, &what);
        let opened = unprotect_rtp(&mut receiver, &protected);
        assert_eq!(opened.as_ref(), Ok(&outward), "{what}: {protected:02x?}");
        assert_eq!(
            unprotect_rtp(&mut receiver, &protected),
            Err(UnprotectError::Replayed)
        );
        tally.rtp(&outward);

        let what = format!("{profile}: SRTP {:02x?} to rtpengine", &inward[2..4]);
        let protected = protect_rtp(&mut sender, &inward).unwrap();
        if place % 16 == 0 {
            let mut forged = protected.clone();
            forged[13] ^= 1;
            secured.rtp.send(to_secured, &forged);
        }
        secured.rtp.send(to_secured, &protected);
        assert_eq!(heard(&plain.rtp, &what), inward, "{what}");
        tally.rtp(&inward);
    }
    assert_eq!(receiver.roc(OUTWARD), Some(1), "{profile}");
    assert_eq!(plain.rtp.heard_within(SILENCE), None, "{profile}");
    rtpengine.ask(&[
        ("command", "delete"),
        ("call-id", call),
        ("from-tag", "plain"),
    ]);
    tally
}

/// One end of a call: its two sockets.
struct Phone {
    rtp: Socket,
    rtcp: Socket,
}

impl Phone {
    fn new() -> Self {
        let (rtp, rtcp) = Socket::pair();
        Self { rtp, rtcp }
    }

    fn sdp(&self, transport: &str, attributes: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {} {transport} 0\r\na=rtpmap:0 PCMU/8000\r\n{attributes}",
            self.rtp.port()
        )
    }
}

fn media_port(sdp: &str) -> u16 {
    let media = sdp.split("m=audio ").nth(1);
    let port = media.and_then(|media| media.split(' ').next());
    let port = port.and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no media in {sdp}"))
}

/// The process, and the socket by which it is told of calls.
struct Rtpengine {
    program: Program,
    control: Socket,
    port: u16,
    asked: std::cell::Cell<u32>,
}

impl Rtpengine {
    fn start() -> Self {
        let (port, _) = free_pair();
        let listen = format!("--listen-ng=127.0.0.1:{port}");
        let program = Program::start(
            "rtpengine",
            "CALLSEAL_RTPENGINE",
            &[
                "--interface=127.0.0.1",
                &listen,
                // In user space.
                "--table=-1",
                "--foreground",
                "--log-stderr",
                "--num-threads=2",
                "--port-min=30000",
                "--port-max=31000",
            ],
        );
        Self {
            program: program.holding(&[port]),
            control: Socket::new(),
            port,
            asked: 0.into(),
        }
    }

    /// Asks by its control protocol, which is bencoded dictionaries, and gives
    /// the session description that is answered, if there is one.
    fn ask(&self, question: &[(&str, &str)]) -> String {
        self.asked.set(self.asked.get() + 1);
        let mut datagram = format!("{} d", self.asked.get());
        let texts = question.iter().flat_map(|(name, value)| [name, value]);
        texts.for_each(|text| datagram += &format!("{}:{text}", text.len()));
        datagram.push('e');
        self.control.send(self.port, datagram.as_bytes());
        let answer = self.control.heard_within(PATIENCE);
        let answer = answer.unwrap_or_else(|| panic!("no answer\n{}", self.program.said()));
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("6:result2:ok"), "{question:?}: {answer}");
        text_of(&answer, "sdp").unwrap_or_default().to_owned()
    }
}

/// A text in a bencoded dictionary: both name and text follow their lengths.
fn text_of<'a>(dictionary: &'a str, name: &str) -> Option<&'a str> {
    let name = format!("{}:{name}", name.len());
    let (_, rest) = dictionary.split_once(&name)?;
    let (len, rest) = rest.split_once(':')?;
    rest.get(..len.parse().ok()?)
}
