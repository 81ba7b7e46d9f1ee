//! How long a master key may be used.

/// The packets that one master key may protect, of all streams together
/// (RFC 3711 §9.2). Whichever limit is reached first ends the key's use for
/// SRTP and for SRTCP alike.
///
/// ```
/// use callseal_srtp::KeyLifetime;
///
/// // As an `a=crypto` line with a lifetime of 2^20 has it, and a warning
/// // when nine tenths are gone.
/// let lifetime = KeyLifetime::new(1 << 20, 1 << 20)?.with_warning_after(943_718, 943_718);
/// assert!(KeyLifetime::new(0, 1).is_err());
/// assert!(KeyLifetime::new(1, (1 << 31) + 1).is_err());
/// # Ok::<(), callseal_srtp::KeyLifetimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyLifetime {
    pub(crate) hard: Packets,
    pub(crate) soft: Packets,
}

impl KeyLifetime {
    /// The most there can be: 2^48 packets of SRTP, 2^31 of SRTCP; a warning
    /// after seven eighths.
    pub const MAX: Self = Self {
        hard: Packets::MAX,
        soft: Packets {
            rtp: Packets::MAX.rtp / 8 * 7,
            rtcp: Packets::MAX.rtcp / 8 * 7,
        },
    };

    /// What the profiles of RFC 5764 §4.1.2 give a key: 2^31 packets of either.
    pub(crate) const DTLS: Self = Self {
        hard: Packets {
            rtp: Packets::MAX.rtcp,
            rtcp: Packets::MAX.rtcp,
        },
        soft: Packets {
            rtp: Packets::MAX.rtcp / 8 * 7,
            rtcp: Packets::MAX.rtcp / 8 * 7,
        },
    };

    /// This many packets of SRTP and of SRTCP; a warning after seven eighths.
    ///
    /// # Errors
    ///
    /// [`KeyLifetimeError`] where one is 0, or more than 2^48 and 2^31.
    pub fn new(rtp_packets: u64, rtcp_packets: u64) -> Result<Self, KeyLifetimeError> {
        for (packets, max) in [
            (rtp_packets, Packets::MAX.rtp),
            (rtcp_packets, Packets::MAX.rtcp),
        ] {
            if packets == 0 || packets > max {
                return Err(KeyLifetimeError { packets, max });
            }
        }
        let seven_eighths = |packets: u64| packets - packets / 8;
        Ok(Self {
            hard: Packets {
                rtp: rtp_packets,
                rtcp: rtcp_packets,
            },
            soft: Packets {
                rtp: seven_eighths(rtp_packets),
                rtcp: seven_eighths(rtcp_packets),
            },
        })
    }

    /// Sets after how many packets a key's
    /// [`KeyLifeLow`](crate::Event::KeyLifeLow) is told.
    #[must_use]
    pub fn with_warning_after(self, rtp_packets: u64, rtcp_packets: u64) -> Self {
        let soft = Packets {
            rtp: rtp_packets,
            rtcp: rtcp_packets,
        };
        Self { soft, ..self }
    }

    /// The packets that both lifetimes allow.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            hard: self.hard.at_most(other.hard),
            soft: self.soft.at_most(other.soft),
        }
    }
}

/// A lifetime is 1 to 2^48 packets of SRTP and 1 to 2^31 of SRTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's life has 1 to {max} packets, not {packets}")]
pub struct KeyLifetimeError {
    /// What was given.
    pub packets: u64,
    /// What is allowed.
    pub max: u64,
}

/// Packets counted apart for SRTP and SRTCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Packets {
    pub(crate) rtp: u64,
    pub(crate) rtcp: u64,
}

impl Packets {
    /// RFC 3711 §9.2.
    const MAX: Self = Self {
        rtp: 1 << 48,
        rtcp: 1 << 31,
    };

    fn at_most(self, other: Self) -> Self {
        Self {
            rtp: self.rtp.min(other.rtp),
            rtcp: self.rtcp.min(other.rtcp),
        }
    }

    pub(crate) fn at_least(self, other: Self) -> Self {
        Self {
            rtp: self.rtp.max(other.rtp),
            rtcp: self.rtcp.max(other.rtcp),
        }
    }

    pub(crate) fn has_reached(self, limit: Self) -> bool {
        self.rtp >= limit.rtp || self.rtcp >= limit.rtcp
    }
}
