//! Why an action on a leg is refused.

use callseal_srtp::ProtectError;

/// A configuration that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No suite is left that the media can be carried under, or one stands
    /// there twice.
    #[error(transparent)]
    Suites(#[from] callseal_sts::SuitesError),
}

/// Why a call cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The leg's call has ended; a new call takes a new leg.
    #[error("the leg's call has ended; a new call takes a new leg")]
    Ended,
    /// A call is in progress or being made.
    #[error("the leg is already in a call")]
    InCall,
    /// There is no secured call to renew.
    #[error("there is no secured call to renew")]
    NotInCall,
    /// The handshake refuses to begin.
    #[error("the handshake cannot begin: {0}")]
    Handshake(#[from] callseal_sts::CallError),
}

/// Why a packet of media is not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The call has ended.
    #[error("the call has ended")]
    Ended,
    /// There are no media keys yet. Nothing is ever sent in clear.
    #[error("the call is not secured yet, and nothing is sent in clear")]
    NotSecured,
    /// The packet is no RTP packet.
    #[error("not an RTP packet")]
    NotRtp,
    /// With RTP and RTCP on one port, payload types 64 to 95 would be taken
    /// for RTCP (RFC 5761 §4).
    #[error("payload type {0} cannot be told from RTCP on a shared port (RFC 5761)")]
    PayloadType(u8),
    /// SRTP refuses the packet.
    #[error(transparent)]
    Protect(#[from] ProtectError),
}
