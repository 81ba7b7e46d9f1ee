//! What is measured.

use std::fmt;

use callseal_srtp::{MasterKey, Profile, RtcpIndex};
use serde::{Deserialize, Serialize};

/// Octets of payload: a comfort noise packet, 20 ms of G.711, 60 ms of it, video.
pub const PAYLOAD_LENS: [usize; 4] = [20, 160, 480, 1_200];

/// The profiles that calls are made with.
pub const PROFILES: [Profile; 6] = [
    Profile::AesCm128HmacSha1_80,
    Profile::AesCm128HmacSha1_32,
    Profile::AesCm256HmacSha1_80,
    Profile::AesCm256HmacSha1_32,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// RTP becomes SRTP.
    Protect,
    /// SRTP becomes RTP again.
    Unprotect,
    /// RTCP becomes SRTCP.
    ProtectRtcp,
    /// SRTCP becomes RTCP again.
    UnprotectRtcp,
}

impl Operation {
    /// Both ways of media.
    pub const RTP: [Self; 2] = [Self::Protect, Self::Unprotect];

    /// Both ways of reports.
    pub const RTCP: [Self; 2] = [Self::ProtectRtcp, Self::UnprotectRtcp];

    /// Whether packets are RTCP's.
    #[must_use]
    pub fn is_rtcp(self) -> bool {
        Self::RTCP.contains(&self)
    }

    /// Whether packets come protected.
    #[must_use]
    pub fn opens(self) -> bool {
        matches!(self, Self::Unprotect | Self::UnprotectRtcp)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protect => "protect",
            Self::Unprotect => "unprotect",
            Self::ProtectRtcp => "protect_rtcp",
            Self::UnprotectRtcp => "unprotect_rtcp",
        })
    }
}

/// Packets of one size that belong to streams in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// What is done with them.
    pub operation: Operation,
    /// How.
    pub profile: Profile,
    /// Octets behind the header.
    pub payload_len: usize,
    /// How many streams take turns.
    pub streams: usize,
    /// Over how many sessions, each with a key of its own, they are spread.
    pub sessions: usize,
}

impl Load {
    /// One stream of one session.
    #[must_use]
    pub fn new(operation: Operation, profile: Profile, payload_len: usize) -> Self {
        Self {
            operation,
            profile,
            payload_len,
            streams: 1,
            sessions: 1,
        }
    }

    /// So many streams of one session.
    #[must_use]
    pub fn with_streams(self, streams: usize) -> Self {
        Self { streams, ..self }
    }

    /// So many sessions, each of one stream.
    #[must_use]
    pub fn with_sessions(self, sessions: usize) -> Self {
        Self {
            streams: sessions,
            sessions,
            ..self
        }
    }

    /// Octets of header.
    #[must_use]
    pub fn header_len(&self) -> usize {
        match self.operation.is_rtcp() {
            true => 8,
            false => 12,
        }
    }

    /// Octets of a packet in clear.
    #[must_use]
    pub fn plain_len(&self) -> usize {
        self.header_len() + self.payload_len
    }

    /// Octets of a protected packet.
    #[must_use]
    pub fn protected_len(&self) -> usize {
        let trailer_len = match self.operation.is_rtcp() {
            // The E bit and the index.
            true => 4 + self.profile.rtcp_tag_len(),
            false => self.profile.rtp_tag_len(),
        };
        self.plain_len() + trailer_len
    }

    /// The octets that the operation makes.
    #[must_use]
    pub fn done_len(&self) -> usize {
        match self.operation.opens() {
            true => self.plain_len(),
            false => self.protected_len(),
        }
    }
}

/// What libsrtp begins with, so that packets can be compared.
pub(crate) fn first_rtcp_index() -> RtcpIndex {
    RtcpIndex::new(1).expect("it has 31 bits")
}

/// The master key and salt of a session, octet for octet.
#[must_use]
pub(crate) fn octets_of_key(profile: Profile, session: usize) -> (Vec<u8>, Vec<u8>) {
    let octets = |seed: usize, len: usize| {
        let octet = |n| (seed.wrapping_add(session.wrapping_mul(31)).wrapping_add(n)) as u8;
        let mut octets: Vec<u8> = (0..len).map(octet).collect();
        octets[..4].copy_from_slice(&(session as u32).to_be_bytes());
        octets
    };
    (
        octets(0x42, profile.key_len()),
        octets(0x17, profile.salt_len()),
    )
}

/// The master key of a session.
///
/// # Panics
///
/// Never: the lengths are the profile's.
#[must_use]
pub fn key_of(profile: Profile, session: usize) -> MasterKey {
    let (key, salt) = octets_of_key(profile, session);
    MasterKey::new(profile, &key, &salt).expect("the lengths are the profile's")
}
