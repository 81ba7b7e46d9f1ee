//! Live, against GStreamer's `srtpenc` and `srtpdec`, which are libsrtp: each
//! runs as a box between two sockets of ours, so that every octet of every
//! packet is compared.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod packets;
mod peers;

use callseal_srtp::{Policy, Profile, Receiver, Sender, UnprotectError};
use packets::{
    key, key_octets, mki, policy, protect_rtcp, protect_rtp, unprotect_rtcp, unprotect_rtp,
};
use peers::{Program, SILENCE, Socket, Tally, free_pair, hard_stream, hex, sender_report, shaped};

const MKI: [u8; 4] = [0xca, 0x11, 0x5e, 0xa1];
const SSRC: u32 = 0x1234_5678;
const OTHER_SSRC: u32 = 0xfedc_ba98;

#[test]
#[ignore = "needs gst-launch-1.0 with its good and bad plugins: on the PATH, or CALLSEAL_GST_LAUNCH"]
fn we_open_what_srtpenc_sends() {
    for suite in SUITES {
        let mut tally = Tally::default();
        for with_mki in suite.mki() {
            tally += opens_what_srtpenc_sends(suite, with_mki);
        }
        tally.remark(&suite.with_its_mki());
    }
}

#[test]
#[ignore = "needs gst-launch-1.0 with its good and bad plugins: on the PATH, or CALLSEAL_GST_LAUNCH"]
fn srtpdec_opens_what_we_send() {
    for suite in SUITES {
        let mut tally = Tally::default();
        for with_mki in suite.mki() {
            tally += srtpdec_opens(suite, with_mki);
        }
        tally.remark(&suite.with_its_mki());
    }
}

fn opens_what_srtpenc_sends(suite: &Suite, with_mki: bool) -> Tally {
    let (peer, plain_rtp, plain_rtcp) = suite.srtpenc(with_mki);
    let mut receiver = suite.receiver(with_mki, suite.policy());
    let mut tally = Tally::default();

    let rtcp_opened = |tally: &mut Tally, receiver: &mut Receiver, count| {
        let report = sender_report(SSRC, count);
        let what = format!("{suite}: SRTCP {count}");
        let heard = plain_rtcp.through(&peer, &report, &what);
        assert_ne!(heard[8..report.len()], report[8..], "{what}: not encrypted");
        let opened = unprotect_rtcp(receiver, &heard);
        assert_eq!(opened.as_ref(), Ok(&report), "{what}: {}", hex(&heard));
        tally.rtcp(&report);
    };
    // Control comes first, of a source that nobody has heard of.
    (0..3).for_each(|count| rtcp_opened(&mut tally, &mut receiver, count));

    let mut newest = Vec::new();
    for packet in hard_stream(SSRC) {
        let what = format!("{suite}: SRTP {}", hex(&packet[2..4]));
        newest = plain_rtp.through(&peer, &packet, &what);
        let opened = unprotect_rtp(&mut receiver, &newest);
        assert_eq!(opened.as_ref(), Ok(&packet), "{what}: {}", hex(&newest));
        tally.rtp(&packet);
    }
    assert_eq!(receiver.roc(SSRC), Some(1), "{suite}");
    assert_eq!(
        unprotect_rtp(&mut receiver, &newest),
        Err(UnprotectError::Replayed)
    );

    // A second source appears.
    for number in 0..8 {
        let packet = shaped(OTHER_SSRC, number, usize::from(number));
        let what = format!("{suite}: SRTP {number} of a second source");
        let heard = plain_rtp.through(&peer, &packet, &what);
        let opened = unprotect_rtp(&mut receiver, &heard);
        assert_eq!(opened.as_ref(), Ok(&packet), "{what}: {}", hex(&heard));
        tally.rtp(&packet);
    }
    (3..6).for_each(|count| rtcp_opened(&mut tally, &mut receiver, count));

    // Who joins after the wrap opens nothing, unless told the ROC or let try.
    let mut late = suite.receiver(with_mki, suite.policy());
    assert_eq!(
        unprotect_rtp(&mut late, &newest),
        Err(UnprotectError::AuthenticationFailed)
    );
    late.set_roc(SSRC, 1).unwrap();
    unprotect_rtp(&mut late, &newest).unwrap();
    let trying = suite.policy().with_neighbouring_rocs_tried();
    let mut trying = suite.receiver(with_mki, trying);
    unprotect_rtp(&mut trying, &newest).unwrap();
    tally
}

fn srtpdec_opens(suite: &Suite, with_mki: bool) -> Tally {
    let [(rtp_peer, srtp), (rtcp_peer, srtcp)] = suite.srtpdecs(with_mki);
    let mut sender = suite.sender(with_mki);
    let mut tally = Tally::default();

    let rtcp_opened = |tally: &mut Tally, sender: &mut Sender, count| {
        let report = sender_report(SSRC, count);
        let what = format!("{suite}: SRTCP {count}");
        let protected = protect_rtcp(sender, &report).unwrap();
        let opened = srtcp.through(&rtcp_peer, &protected, &what);
        assert_eq!(opened, report, "{what}");
        tally.rtcp(&report);
    };
    (0..3).for_each(|count| rtcp_opened(&mut tally, &mut sender, count));

    for (place, packet) in hard_stream(SSRC).iter().enumerate() {
        let what = format!("{suite}: SRTP {}", hex(&packet[2..4]));
        let protected = protect_rtp(&mut sender, packet).unwrap();
        if place % 16 == 0 {
            // Nothing comes of it: what is heard next is the true packet.
            let mut forged = protected.clone();
            forged[13] ^= 1;
            srtp.send(&forged);
        }
        let opened = srtp.through(&rtp_peer, &protected, &what);
        assert_eq!(&opened, packet, "{what}");
        tally.rtp(packet);
        if place % 16 == 1 {
            srtp.send(&protected);
        }
    }
    (3..6).for_each(|count| rtcp_opened(&mut tally, &mut sender, count));
    assert_eq!(srtp.near.heard_within(SILENCE), None, "{suite}");
    tally
}

/// One of a box's two ways: from a port of its to a socket of ours.
struct Way {
    far: u16,
    near: Socket,
}

impl Way {
    fn send(&self, datagram: &[u8]) {
        self.near.send(self.far, datagram);
    }

    /// What the box makes of a datagram.
    fn through(&self, peer: &Program, datagram: &[u8], what: &str) -> Vec<u8> {
        self.send(datagram);
        self.near.heard(peer, &what)
    }
}

/// What both ends agree on, in our words and in GStreamer's.
struct Suite {
    profile: Profile,
    cipher: &'static str,
    auth: &'static str,
}

const SUITES: &[Suite] = &[
    Suite::new(Profile::AesCm128HmacSha1_80, "aes-128-icm", "hmac-sha1-80"),
    Suite::new(Profile::AesCm128HmacSha1_32, "aes-128-icm", "hmac-sha1-32"),
    Suite::new(Profile::AesCm256HmacSha1_80, "aes-256-icm", "hmac-sha1-80"),
    Suite::new(Profile::AesCm256HmacSha1_32, "aes-256-icm", "hmac-sha1-32"),
    Suite::new(Profile::AeadAes128Gcm, "aes-128-gcm", "null"),
    Suite::new(Profile::AeadAes256Gcm, "aes-256-gcm", "null"),
];

impl Suite {
    const fn new(profile: Profile, cipher: &'static str, auth: &'static str) -> Self {
        Self {
            profile,
            cipher,
            auth,
        }
    }

    /// libsrtp 2.5.0 cannot read its own SRTCP with an MKI where the tags of
    /// SRTP and SRTCP differ in length, so that such a suite goes without.
    fn mki(&self) -> impl Iterator<Item = bool> + use<> {
        let equal = self.profile.rtp_tag_len() == self.profile.rtcp_tag_len();
        [false, true]
            .into_iter()
            .filter(move |&with_mki| equal || !with_mki)
    }

    fn with_its_mki(&self) -> String {
        match self.mki().count() {
            2 => format!("{self}, MKI off and on"),
            _ => format!("{self}, MKI off since libsrtp 2.5.0 cannot read its own SRTCP with one"),
        }
    }

    fn policy(&self) -> Policy {
        policy(self.profile)
    }

    fn sender(&self, with_mki: bool) -> Sender {
        let key = key(self.profile, 5);
        match with_mki {
            true => Sender::with_mki(self.policy(), mki(&MKI), key),
            false => Sender::new(self.policy(), key),
        }
        .unwrap()
    }

    fn receiver(&self, with_mki: bool, policy: Policy) -> Receiver {
        let key = key(self.profile, 5);
        match with_mki {
            true => Receiver::with_mki(policy, mki(&MKI), key),
            false => Receiver::new(policy, key),
        }
        .unwrap()
    }

    /// Key and salt in one, in hexadecimal digits.
    fn key(&self) -> String {
        let (key, salt) = key_octets(self.profile, 5);
        hex(&[key, salt].concat())
    }

    /// RTCP's tag has 80 bits in the suites where RTP's has 32.
    fn rtcp_auth(&self) -> &'static str {
        match self.auth {
            "null" => "null",
            _ => "hmac-sha1-80",
        }
    }

    /// `srtpenc` as a box: plain packets go in, protected ones come out.
    fn srtpenc(&self, with_mki: bool) -> (Program, Way, Way) {
        let Self { cipher, auth, .. } = self;
        let mki = match with_mki {
            true => format!("mki={}", hex(&MKI)),
            false => String::new(),
        };
        let element = format!(
            "srtpenc name=box key={key} {mki} rtp-cipher={cipher} rtp-auth={auth} \
             rtcp-cipher={cipher} rtcp-auth={rtcp_auth}",
            key = self.key(),
            rtcp_auth = self.rtcp_auth(),
        );
        let (rtp, rtcp) = free_pair();
        let (peer, [rtp, rtcp]) = boxed(
            &element,
            [
                (rtp, ["application/x-rtp", "rtp_sink_0", "rtp_src_0"]),
                (rtcp, ["application/x-rtcp", "rtcp_sink_0", "rtcp_src_0"]),
            ],
        );
        (peer, rtp, rtcp)
    }

    /// `srtpdec` as a box: protected packets go in, plain ones come out. One for
    /// RTP and one for RTCP: where both ways of one start at a time, its memory
    /// is damaged now and then before it is sent anything.
    fn srtpdecs(&self, with_mki: bool) -> [(Program, Way); 2] {
        let Self { cipher, auth, .. } = self;
        let mki = match with_mki {
            true => format!(",mki=(buffer){}", hex(&MKI)),
            false => String::new(),
        };
        let caps = format!(
            "ssrc=(uint){SSRC},srtp-key=(buffer){key}{mki},srtp-cipher=(string){cipher},\
             srtp-auth=(string){auth},srtcp-cipher=(string){cipher},srtcp-auth=(string){rtcp_auth}",
            key = self.key(),
            rtcp_auth = self.rtcp_auth(),
        );
        let srtp = format!("application/x-srtp,{caps}");
        let srtcp = format!("application/x-srtcp,{caps}");
        let (rtp, rtcp) = free_pair();
        [
            (rtp, [srtp.as_str(), "rtp_sink", "rtp_src"]),
            (rtcp, [srtcp.as_str(), "rtcp_sink", "rtcp_src"]),
        ]
        .map(|way| {
            let (peer, [way]) = boxed("srtpdec name=box", [way]);
            (peer, way)
        })
    }
}

impl core::fmt::Display for Suite {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.profile.fmt(f)
    }
}

/// An element between ports of its and sockets of ours, a pair for each way; a
/// way is given by its port, its caps and the element's pads.
fn boxed<const N: usize>(element: &str, ways: [(u16, [&str; 3]); N]) -> (Program, [Way; N]) {
    let mut line = element.to_owned();
    let ways = ways.map(|(far, [caps, sink, src])| {
        let near = Socket::new();
        line += &format!(
            " udpsrc address=127.0.0.1 port={far} caps={caps} ! box.{sink} \
             box.{src} ! udpsink host=127.0.0.1 port={} sync=false async=false",
            near.port()
        );
        Way { far, near }
    });
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let peer = Program::start("gst-launch-1.0", "CALLSEAL_GST_LAUNCH", &arguments);
    let ports = ways.each_ref().map(|way| way.far);
    // It holds its ports before it plays.
    (peer.holding(&ports).saying("New clock"), ways)
}
