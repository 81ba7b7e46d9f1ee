//! Live, against ffmpeg, which has an SRTP of its own.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod packets;
mod peers;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use callseal_srtp::sdes::{CryptoAttribute, InlineKey};
use callseal_srtp::{Policy, Profile, Receiver, Sender};
use packets::{key, key_octets, policy, protect_rtcp, protect_rtp, unprotect_rtcp, unprotect_rtp};
use peers::{PATIENCE, Program, Socket, Tally, free_pair, noise, sender_report, write};

const SSRC: u32 = 0x0badcafe;
/// A few packets before the wrap.
const FIRST: u16 = 65_500;
const RTP_HEADER_LEN: usize = 12;

const SUITES: [Profile; 2] = [Profile::AesCm128HmacSha1_80, Profile::AesCm128HmacSha1_32];

#[test]
#[ignore = "needs ffmpeg: on the PATH, or CALLSEAL_FFMPEG"]
fn we_open_what_ffmpeg_sends() {
    for profile in SUITES {
        opens_what_ffmpeg_sends(profile).remark(&with_its_tag(profile));
    }
}

#[test]
#[ignore = "needs ffmpeg: on the PATH, or CALLSEAL_FFMPEG"]
fn ffmpeg_opens_what_we_send() {
    for profile in SUITES {
        ffmpeg_opens(profile).remark(&with_its_tag(profile));
    }
}

fn opens_what_ffmpeg_sends(profile: Profile) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let words = folder.path().join("words.ul");
    // Two seconds of PCMU, in packets of 20 ms.
    let speech = noise(1, 16_000);
    write(&words, &speech);
    let (rtp, rtcp) = Socket::pair();
    let line = crypto(profile).to_line();
    let inline = line.split_once("inline:").unwrap().1;
    let url = format!("srtp://127.0.0.1:{}?pkt_size=172", rtp.port());
    let (ssrc, first) = (SSRC.to_string(), FIRST.to_string());
    let mut ffmpeg = Program::start(
        "ffmpeg",
        "CALLSEAL_FFMPEG",
        &[
            "-nostdin",
            "-v",
            "warning",
            "-re",
            "-f",
            "mulaw",
            "-ar",
            "8000",
            "-ac",
            "1",
            "-i",
            words.to_str().unwrap(),
            "-c:a",
            "copy",
            "-f",
            "rtp",
            "-rtpflags",
            "send_bye",
            "-ssrc",
            &ssrc,
            "-seq",
            &first,
            "-srtp_out_suite",
            profile.name(),
            "-srtp_out_params",
            inline,
            &url,
        ],
    );

    let mut receiver = Receiver::new(ffmpegs_policy(profile), key(profile, 6)).unwrap();
    let mut tally = Tally::default();
    let mut heard: Vec<u8> = Vec::new();
    let began = Instant::now();
    while heard.len() < speech.len() {
        assert!(began.elapsed() < PATIENCE, "{}", ffmpeg.said());
        let protected = rtp.heard(&ffmpeg, &profile);
        let opened = unprotect_rtp(&mut receiver, &protected).unwrap();
        heard.extend(&opened[RTP_HEADER_LEN..]);
        tally.rtp(&opened);
    }
    assert!(heard == speech, "{profile}: other octets than were sent");
    assert_eq!(receiver.roc(SSRC), Some(1), "{profile}");
    assert!(ffmpeg.finish().success(), "{}", ffmpeg.said());

    // What follows the media on the other port: reports, and a BYE at last.
    let mut last = Vec::new();
    while let Some(protected) = rtcp.heard_within(Duration::from_millis(100)) {
        let mut strict = Receiver::new(policy(profile), key(profile, 6)).unwrap();
        let refused = unprotect_rtcp(&mut strict, &protected);
        if profile.rtp_tag_len() != profile.rtcp_tag_len() {
            // Where the tag of RFC 3711 is expected, ffmpeg's is too short.
            assert!(refused.is_err(), "{profile}");
        }
        last = unprotect_rtcp(&mut receiver, &protected).unwrap();
        assert_eq!((last[1], word(&last, 4)), (200, SSRC), "{profile}");
        tally.rtcp(&last);
    }
    assert!(tally.rtcp >= 2, "{profile}: {} of SRTCP", tally.rtcp);
    assert_eq!(word(&last, 20), tally.rtp as u32, "packets sent");
    assert_eq!(word(&last, 24), speech.len() as u32, "octets sent");
    assert!(last.windows(2).any(|at| at == [0x81, 203]), "no BYE");
    tally
}

fn ffmpeg_opens(profile: Profile) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let [sdp, out] = ["in.sdp", "out.ul"].map(|name| folder.path().join(name));
    let (far_rtp, far_rtcp) = free_pair();
    let session = format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {far_rtp} RTP/SAVP 0\r\n{}\r\n",
        *crypto(profile).to_line()
    );
    write(&sdp, session.as_bytes());
    let mut ffmpeg = Program::start(
        "ffmpeg",
        "CALLSEAL_FFMPEG",
        &[
            "-nostdin",
            "-v",
            "warning",
            "-protocol_whitelist",
            "file,udp,rtp,srtp,crypto,data",
            // Room for all that is sent, should it sleep meanwhile.
            "-buffer_size",
            "1000000",
            "-i",
            sdp.to_str().unwrap(),
            "-c:a",
            "copy",
            "-f",
            "mulaw",
            "-flush_packets",
            "1",
            out.to_str().unwrap(),
        ],
    )
    .holding(&[far_rtp, far_rtcp]);

    let (rtp, rtcp) = Socket::pair();
    let mut sender = Sender::new(ffmpegs_policy(profile), key(profile, 6)).unwrap();
    let mut tally = Tally::default();
    let mut speech = Vec::new();
    // Control comes first.
    let report = sender_report(SSRC, 0);
    rtcp.send(far_rtcp, &protect_rtcp(&mut sender, &report).unwrap());
    tally.rtcp(&report);
    let mut bye = sender_report(SSRC, 300);
    bye.extend([0x81, 203, 0, 1]);
    bye.extend(SSRC.to_be_bytes());

    for place in 0..300 {
        let packet = pcmu(place);
        speech.extend(&packet[RTP_HEADER_LEN..]);
        let protected = protect_rtp(&mut sender, &packet).unwrap();
        if place % 50 == 10 {
            // What is forged is not heard, and a forged BYE ends nothing.
            rtp.send(far_rtp, &forged(&protected));
            rtcp.send(far_rtcp, &forged(&protect_rtcp(&mut sender, &bye).unwrap()));
        }
        rtp.send(far_rtp, &protected);
        tally.rtp(&packet);
        sleep(Duration::from_millis(1));
    }
    // It may be behind, and looks for control first.
    ffmpeg.until("all of it is written", || {
        fs::metadata(&out).is_ok_and(|written| written.len() >= speech.len() as u64)
    });
    rtcp.send(far_rtcp, &protect_rtcp(&mut sender, &bye).unwrap());
    tally.rtcp(&bye);
    // The BYE ends it.
    assert!(ffmpeg.finish().success(), "{}", ffmpeg.said());
    let heard = fs::read(out).unwrap();
    assert_eq!(heard.len(), speech.len(), "{profile}: {}", ffmpeg.said());
    assert!(heard == speech, "{profile}: other octets than were sent");
    tally
}

fn with_its_tag(profile: Profile) -> String {
    match profile.rtp_tag_len() == profile.rtcp_tag_len() {
        true => profile.to_string(),
        false => format!("{profile}, and ffmpeg's SRTCP tag of 4 octets"),
    }
}

/// ffmpeg cuts SRTCP's tag to the length of SRTP's.
fn ffmpegs_policy(profile: Profile) -> Policy {
    policy(profile).with_short_rtcp_tag()
}

fn crypto(profile: Profile) -> CryptoAttribute {
    let (key, salt) = key_octets(profile, 6);
    let key = InlineKey::new(profile, &key, &salt).unwrap();
    CryptoAttribute::new(1, profile, key)
}

fn forged(protected: &[u8]) -> Vec<u8> {
    let mut forged = protected.to_vec();
    forged[RTP_HEADER_LEN] ^= 1;
    forged
}

fn pcmu(place: u16) -> Vec<u8> {
    let payload_len = 160;
    let mut packet = vec![0x80, 0];
    packet.extend(FIRST.wrapping_add(place).to_be_bytes());
    packet.extend((u32::from(place) * payload_len as u32).to_be_bytes());
    packet.extend(SSRC.to_be_bytes());
    packet.extend(noise(place.into(), payload_len));
    packet
}

fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(packet[at..at + 4].try_into().unwrap())
}
