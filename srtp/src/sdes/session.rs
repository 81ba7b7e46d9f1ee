//! The session parameters of a line (RFC 4568 §6.3).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::inline_key::{self, InlineKey};
use super::words::Words;
use super::{SdesError, SdesFault};
use crate::keys::KeyDerivationRate;
use crate::policy::Policy;
use crate::profile::Profile;

/// What a line asks for besides the keys. All are declarative: they are about
/// what the line's sender will send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionParameters {
    /// KDR.
    pub key_derivation_rate: KeyDerivationRate,
    /// UNENCRYPTED_SRTP.
    pub unencrypted_srtp: bool,
    /// UNENCRYPTED_SRTCP.
    pub unencrypted_srtcp: bool,
    /// UNAUTHENTICATED_SRTP.
    pub unauthenticated_srtp: bool,
    /// FEC_ORDER, which is for who makes FEC packets.
    pub fec_order: Option<FecOrder>,
    /// FEC_KEY: the keys of a FEC stream of its own.
    pub fec_keys: Vec<InlineKey>,
    /// WSH: the least replay window that the sender hopes for, in packets.
    pub window_size_hint: Option<u64>,
    /// Parameters that are not known and may be left out, without their `-`.
    pub unknown_optional: Vec<String>,
}

/// The order of FEC and SRTP at the sender (RFC 4568 §6.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FecOrder {
    /// FEC first.
    FecSrtp,
    /// SRTP first.
    SrtpFec,
}

impl SessionParameters {
    pub(super) fn parse(mut words: Words<'_>, profile: Profile) -> Result<Self, SdesError> {
        let mut session = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        while let Some(word) = words.next_if_any() {
            let (name, value) = match word.text.split_once('=') {
                Some((name, _)) => {
                    let (_, value) = word.split_at(name.len() + 1);
                    (name, Some(value))
                }
                None => (word.text, None),
            };
            if seen.contains(&name) {
                return Err(word.fault(SdesFault::Twice));
            }
            seen.push(name);
            match (name, value) {
                ("KDR", Some(value)) => {
                    let rate = value.number(24).map(|exponent| exponent as u8);
                    let rate = rate.and_then(KeyDerivationRate::from_exponent);
                    session.key_derivation_rate = rate.ok_or(value.fault(SdesFault::Kdr))?;
                }
                ("UNENCRYPTED_SRTP", None) => session.unencrypted_srtp = true,
                ("UNENCRYPTED_SRTCP", None) => session.unencrypted_srtcp = true,
                ("UNAUTHENTICATED_SRTP", None) => session.unauthenticated_srtp = true,
                ("FEC_ORDER", Some(value)) => {
                    session.fec_order = Some(match value.text {
                        "FEC_SRTP" => FecOrder::FecSrtp,
                        "SRTP_FEC" => FecOrder::SrtpFec,
                        _ => return Err(value.fault(SdesFault::FecOrder)),
                    });
                }
                ("FEC_KEY", Some(value)) => {
                    session.fec_keys = inline_key::parse_list(value, profile)?;
                }
                ("WSH", Some(value)) => {
                    let hint = value.number(u64::MAX).filter(|&hint| hint >= 64);
                    let hint = hint.ok_or(value.fault(SdesFault::WindowSizeHint))?;
                    session.window_size_hint = Some(hint);
                }
                _ => match word.text.strip_prefix('-') {
                    Some(optional) => session.unknown_optional.push(optional.into()),
                    None => return Err(word.fault(SdesFault::SessionParameter)),
                },
            }
        }
        Ok(session)
    }

    pub(super) fn print(&self, out: &mut String) {
        // Writing to a string does not fail.
        if let Some(exponent) = self.key_derivation_rate.exponent() {
            let _ = write!(out, " KDR={exponent}");
        }
        for (is_set, name) in [
            (self.unencrypted_srtp, " UNENCRYPTED_SRTP"),
            (self.unencrypted_srtcp, " UNENCRYPTED_SRTCP"),
            (self.unauthenticated_srtp, " UNAUTHENTICATED_SRTP"),
        ] {
            out.push_str(if is_set { name } else { "" });
        }
        match self.fec_order {
            Some(FecOrder::FecSrtp) => out.push_str(" FEC_ORDER=FEC_SRTP"),
            Some(FecOrder::SrtpFec) => out.push_str(" FEC_ORDER=SRTP_FEC"),
            None => {}
        }
        if !self.fec_keys.is_empty() {
            out.push_str(" FEC_KEY=");
            inline_key::print_list(&self.fec_keys, out);
        }
        if let Some(hint) = self.window_size_hint {
            let _ = write!(out, " WSH={hint}");
        }
        for optional in &self.unknown_optional {
            let _ = write!(out, " -{optional}");
        }
    }

    pub(super) fn apply_to(&self, policy: Policy) -> Policy {
        let mut policy = policy.with_key_derivation_rate(self.key_derivation_rate);
        if self.unencrypted_srtp {
            policy = policy.with_unencrypted_rtp();
        }
        if self.unencrypted_srtcp {
            policy = policy.with_unencrypted_rtcp();
        }
        if self.unauthenticated_srtp {
            policy = policy.with_unauthenticated_rtp();
        }
        match self.window_size_hint {
            Some(hint) => {
                let hint = usize::try_from(hint).unwrap_or(Policy::MAX_WINDOW);
                policy.with_rtp_window(hint.min(Policy::MAX_WINDOW))
            }
            None => policy,
        }
    }
}
