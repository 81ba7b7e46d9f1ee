//! Encrypted calls made by other stacks, each with its keys and its plaintext.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::hex_octets;

/// The captures of this crate, in the order of their names.
///
/// # Panics
///
/// As [`of_folder`].
#[must_use]
pub fn all() -> Vec<Capture> {
    of_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("captures"))
}

/// The captures of a folder of the same form: a `NAME.json` for each.
///
/// # Panics
///
/// Where a file cannot be read or is not what this type says.
#[must_use]
pub fn of_folder(folder: &Path) -> Vec<Capture> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Capture::load(path)).collect()
}

/// A call's packets, and what has to become of them.
#[derive(Debug)]
pub struct Capture {
    /// What it is called.
    pub name: String,
    /// SRTP's profile.
    pub suite: String,
    /// SRTCP's, with `_FULL` behind its name where the tag is SRTP's.
    pub rtcp_suite: String,
    /// The master key.
    pub master_key: Vec<u8>,
    /// The master salt.
    pub master_salt: Vec<u8>,
    /// Empty where packets carry none.
    pub mki: Vec<u8>,
    /// The replay window, in packets.
    pub replay_window: usize,
    /// SSRC → the ROC of its first packet, where that is not 0.
    pub initial_rocs: BTreeMap<u32, u32>,
    /// What was on the wire, in order.
    pub packets: Vec<Packet>,
    /// What the DTLS handshake that gave the keys came to.
    pub dtls: Option<Dtls>,
}

/// A protected packet.
#[derive(Debug)]
pub struct Packet {
    /// Whether it is RTCP.
    pub is_rtcp: bool,
    /// Its octets.
    pub octets: Vec<u8>,
    /// The plaintext that it has to give, or what libsrtp calls the reason
    /// why it has to give none.
    pub verdict: Result<Vec<u8>, String>,
}

/// The export of a DTLS handshake (RFC 5764 §4.2).
#[derive(Debug, Deserialize)]
pub struct Dtls {
    /// The exported keying material.
    #[serde(
        rename = "exporter_output_60",
        deserialize_with = "hex_octets::deserialize"
    )]
    pub exported: Vec<u8>,
    /// Whose packets these are: `client_write` or `server_write`.
    pub this_direction: String,
}

impl Capture {
    fn load(path: &Path) -> Self {
        let told = match fs::read(path).map(|text| serde_json::from_slice::<File>(&text)) {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => panic!("{}: {error}", path.display()),
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let wire = datagrams(&path.with_extension("srtp.pcap"));
        let mut plain = datagrams(&path.with_extension("rtp.pcap")).into_iter();
        let mut packets = Vec::new();
        for (i, octets) in wire.into_iter().enumerate() {
            let said = told.packets.get(i);
            let is_rtcp = match said {
                Some(said) => said.kind == "rtcp",
                // RFC 5761 §4.
                None => octets.len() > 1 && octets[0] >> 6 == 2 && (192..=223).contains(&octets[1]),
            };
            let accepted = said.is_none_or(|said| said.verdict == "accept");
            let verdict = if accepted {
                match plain.next() {
                    Some(plain) => Ok(plain),
                    None => panic!("{}: packet {i} has no plaintext", path.display()),
                }
            } else {
                Err(said.map_or_else(String::new, |said| said.libsrtp_status.clone()))
            };
            packets.push(Packet {
                is_rtcp,
                octets,
                verdict,
            });
        }
        assert_eq!(packets.len(), told.n_packets, "{}", path.display());
        assert!(plain.next().is_none(), "{}: plaintext left", path.display());
        Self {
            name: told.name,
            suite: told.suite,
            rtcp_suite: told.rtcp_suite,
            master_key: told.master_key,
            master_salt: told.master_salt,
            mki: told.mki,
            replay_window: told.replay_window,
            initial_rocs: told.initial_roc.by_ssrc(),
            packets,
            dtls: told.dtls,
        }
    }
}

#[derive(Deserialize)]
struct File {
    name: String,
    suite: String,
    rtcp_suite: String,
    #[serde(
        rename = "master_key_hex",
        deserialize_with = "hex_octets::deserialize"
    )]
    master_key: Vec<u8>,
    #[serde(
        rename = "master_salt_hex",
        deserialize_with = "hex_octets::deserialize"
    )]
    master_salt: Vec<u8>,
    #[serde(rename = "mki_hex", deserialize_with = "hex_octets::deserialize")]
    mki: Vec<u8>,
    replay_window: usize,
    initial_roc: InitialRoc,
    n_packets: usize,
    #[serde(default)]
    packets: Vec<Said>,
    dtls: Option<Dtls>,
}

#[derive(Deserialize)]
struct Said {
    kind: String,
    verdict: String,
    libsrtp_status: String,
}

/// One ROC for all SSRCs, or one for each, which is written in hexadecimal.
#[derive(Deserialize)]
#[serde(untagged)]
enum InitialRoc {
    All(u32),
    Each(BTreeMap<String, u32>),
}

impl InitialRoc {
    fn by_ssrc(self) -> BTreeMap<u32, u32> {
        match self {
            Self::All(0) => BTreeMap::new(),
            Self::All(roc) => panic!("ROC {roc} for SSRCs that are not named"),
            Self::Each(rocs) => rocs
                .into_iter()
                .map(|(ssrc, roc)| match u32::from_str_radix(&ssrc, 16) {
                    Ok(ssrc) => (ssrc, roc),
                    Err(error) => panic!("SSRC {ssrc:?}: {error}"),
                })
                .collect(),
        }
    }
}

/// The UDP payloads of a pcap file as these captures are: little-endian,
/// Ethernet, IPv4.
fn datagrams(path: &PathBuf) -> Vec<Vec<u8>> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let word = |at: usize| {
        let octets = file[at..at + 4].iter().rev();
        octets.fold(0, |word, &octet| word << 8 | usize::from(octet))
    };
    assert_eq!(word(0), 0xa1b2_c3d4, "{}: not such a pcap", path.display());
    assert_eq!(word(20), 1, "{}: not Ethernet", path.display());
    let mut datagrams = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let frame = &file[at + 16..at + 16 + word(at + 8)];
        assert_eq!(frame[12..14], [0x08, 0x00], "{}", path.display());
        let udp = &frame[14 + usize::from(frame[14] & 0x0f) * 4..];
        let len = usize::from(udp[4]) << 8 | usize::from(udp[5]);
        datagrams.push(udp[8..len].to_vec());
        at += 16 + frame.len();
    }
    datagrams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capture_loads_and_says_what_becomes_of_its_packets() {
        let captures = all();
        assert!(captures.len() >= 20);
        for capture in &captures {
            let refused = capture.packets.iter().filter(|p| p.verdict.is_err());
            assert_eq!(refused.count() > 0, capture.name.starts_with("bad_"));
        }
    }
}
