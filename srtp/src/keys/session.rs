//! Session keys, ready to seal and open.

use core::fmt;

use super::{Label, MasterKey};
use crate::index::PacketIndex;
use crate::policy::Policy;
use crate::transform::Transform;

/// What one master key gives SRTP and SRTCP. At a key derivation rate of 0 it
/// is derived once and serves every SSRC (RFC 3711 §4.3.1).
pub(crate) struct SessionKeys {
    pub(crate) rtp: Transform,
    pub(crate) rtcp: Transform,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey, policy: &Policy) -> Self {
        let rtp = [
            Label::RtpEncryption,
            Label::RtpAuthentication,
            Label::RtpSalt,
        ];
        let rtcp = [
            Label::RtcpEncryption,
            Label::RtcpAuthentication,
            Label::RtcpSalt,
        ];
        let [rtp, rtcp] =
            [rtp, rtcp].map(|labels| Transform::derive(policy, master, labels, PacketIndex::ZERO));
        Self { rtp, rtcp }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys { .. }")
    }
}
