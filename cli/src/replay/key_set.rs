//! One sender's keys, and what is known of whom they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use callseal_srtp::sdes::{CryptoAttribute, InlineKey};
use callseal_srtp::{
    AddKeyError, KeyError, Mki, MkiError, Policy, Profile, Receiver, SetRocError, SetUpError,
};

use super::{Suite, UnknownSuite};
use crate::keys_file::SenderKey;

/// Replay windows in packets; wider than a phone's, since a capture is not in
/// a hurry.
const REPLAY_WINDOW: usize = 1_024;

/// SSRCs that may authenticate under one sender's keys.
const MAX_STREAMS: usize = 65_536;

/// Payload type → `rtpmap` value (RFC 8866 §6.6).
pub type PayloadTypes = BTreeMap<u8, String>;

/// One sender's keys.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// Who sends under them, for people.
    pub name: String,
    /// The addresses that packets come from; empty for any.
    pub from: Vec<SocketAddr>,
    /// The addresses that packets go to; empty for any.
    pub to: Vec<SocketAddr>,
    /// The SSRCs; empty for any.
    pub ssrcs: BTreeSet<u32>,
    /// The rollover counters to begin with.
    pub rocs: Rocs,
    /// What the payload types are.
    pub payload_types: Arc<PayloadTypes>,
    suite: Suite,
    rtcp_suite: Suite,
    policy: Policy,
    window: usize,
    keys: Vec<InlineKey>,
}

/// Rollover counters to begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rocs {
    /// Of every stream that is not named.
    pub all: u32,
    /// Of these SSRCs.
    pub each: BTreeMap<u32, u32>,
}

/// Why keys cannot be used. None of them shows a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The profile's name is not known.
    #[error(transparent)]
    Suite(#[from] UnknownSuite),
    /// The key or salt does not fit the profile.
    #[error("{suite}: {error}{}", like(*error))]
    Key {
        /// The profile.
        suite: Profile,
        /// What does not fit.
        error: KeyError,
    },
    /// The MKI is none.
    #[error(transparent)]
    Mki(#[from] MkiError),
    /// A key without an MKI cannot stand beside another.
    #[error("the same sender has another key; packets tell keys apart by an MKI only")]
    NoMki,
    /// The key cannot be added to the sender's others.
    #[error("it does not go with the same sender's others: {0}")]
    Add(#[from] AddKeyError),
    /// The session cannot be set up.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// More SSRCs with a ROC than a receiver may have.
    #[error("too many ROCs: {0}")]
    Roc(#[from] SetRocError),
}

impl KeySet {
    /// A set of one key, for any address and SSRC.
    ///
    /// # Errors
    /// [`KeySetError`] where key or salt have not the profile's lengths.
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, KeySetError> {
        let key = inline_key(suite.profile, key, salt)?;
        Ok(Self::of_keys(suite, Policy::new(suite.profile), vec![key]))
    }

    /// The keys and the session parameters of an `a=crypto` line.
    pub fn of_sdes(attribute: &CryptoAttribute) -> Self {
        let mut keys = attribute.keys.clone();
        for key in &mut keys {
            // A capture is read whatever its sender should have done.
            key.lifetime = None;
        }
        Self::of_keys(attribute.profile.into(), attribute.policy(), keys)
    }

    /// One key of a file of keys.
    ///
    /// # Errors
    /// [`KeySetError`] says what does not fit.
    pub fn of_file(key: &SenderKey) -> Result<Self, KeySetError> {
        let suite: Suite = key.profile.parse()?;
        let (master_key, master_salt) = (key.master_key.expose(), key.master_salt.expose());
        let mut set = Self::new(suite, master_key, master_salt)?;
        if let Some(name) = &key.rtcp_profile {
            set = set.with_rtcp_suite(name.parse()?);
        }
        if !key.mki.is_empty() {
            set = set.with_mki(&key.mki.0)?;
        }
        if let Some(packets) = key.replay_window {
            set = set.with_window(packets);
        }
        set.name.clone_from(&key.sender);
        set.from.clone_from(&key.from);
        set.to.clone_from(&key.to);
        set.ssrcs = key.ssrcs.iter().map(|ssrc| ssrc.0).collect();
        set.rocs = key.roc.rocs();
        Ok(set)
    }

    fn of_keys(suite: Suite, policy: Policy, keys: Vec<InlineKey>) -> Self {
        Self {
            name: String::new(),
            from: Vec::new(),
            to: Vec::new(),
            ssrcs: BTreeSet::new(),
            rocs: Rocs::default(),
            payload_types: Arc::default(),
            suite,
            rtcp_suite: suite,
            policy,
            window: REPLAY_WINDOW,
            keys,
        }
    }

    /// SRTP's profile.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// SRTCP's profile.
    pub fn rtcp_suite(&self) -> Suite {
        self.rtcp_suite
    }

    /// The length of the MKI in every packet, in octets; 0 for none.
    pub fn mki_len(&self) -> usize {
        let first = self.keys.first().and_then(|key| key.mki.as_ref());
        first.map_or(0, |mki| mki.as_bytes().len())
    }

    /// The same with these profiles, whose keys are as long.
    #[must_use]
    pub fn with_suites(self, suite: Suite, rtcp_suite: Suite) -> Self {
        let policy = match suite.profile == self.suite.profile {
            true => self.policy,
            false => Policy::new(suite.profile),
        };
        Self {
            suite,
            rtcp_suite,
            policy,
            ..self
        }
    }

    /// The same with this profile for SRTCP.
    #[must_use]
    pub fn with_rtcp_suite(self, rtcp_suite: Suite) -> Self {
        Self { rtcp_suite, ..self }
    }

    /// The same with replay windows of this many packets.
    #[must_use]
    pub fn with_window(self, packets: usize) -> Self {
        Self {
            window: packets,
            ..self
        }
    }

    /// The same with this MKI in every packet; of several keys the first one
    /// stays.
    ///
    /// # Errors
    /// [`KeySetError::Mki`] where it is none.
    pub fn with_mki(mut self, octets: &[u8]) -> Result<Self, KeySetError> {
        let mki = Mki::new(octets)?;
        self.keys.truncate(1);
        for key in &mut self.keys {
            key.mki = Some(mki.clone());
        }
        Ok(self)
    }

    /// The same without an MKI; of several keys the first one stays.
    #[must_use]
    pub fn without_mki(mut self) -> Self {
        self.keys.truncate(1);
        for key in &mut self.keys {
            key.mki = None;
        }
        self
    }

    /// Whether `other` is the same sender at another time: all but the keys
    /// and their MKIs agree.
    pub fn continues(&self, other: &Self) -> bool {
        (&self.name, &self.from, &self.to, &self.ssrcs)
            == (&other.name, &other.from, &other.to, &other.ssrcs)
            && (self.suite, self.rtcp_suite) == (other.suite, other.rtcp_suite)
    }

    /// Takes the keys of `other` in, which continues this set.
    ///
    /// # Errors
    /// [`KeySetError::NoMki`] where packets would not say which key they have.
    pub fn add(&mut self, other: Self) -> Result<(), KeySetError> {
        let all = self.keys.iter().chain(&other.keys);
        if all.into_iter().any(|key| key.mki.is_none()) {
            return Err(KeySetError::NoMki);
        }
        self.keys.extend(other.keys);
        self.rocs.each.extend(other.rocs.each);
        Ok(())
    }

    /// Whether it opens the same packets as `other`, wherever they are from.
    pub fn has_keys_of(&self, other: &Self) -> bool {
        self.keys == other.keys
            && self.policy == other.policy
            && (self.suite, self.rtcp_suite) == (other.suite, other.rtcp_suite)
    }

    /// A receiver of the packets.
    ///
    /// # Errors
    /// [`KeySetError`] where profiles, keys or windows do not go together.
    pub fn receiver(&self) -> Result<Receiver, KeySetError> {
        let mut policy = self
            .policy
            .clone()
            .with_rtcp_profile(self.rtcp_suite.profile)
            .with_rtp_window(self.window)
            .with_rtcp_window(self.window)
            .with_max_streams(MAX_STREAMS);
        if self.rtcp_suite.short_rtcp_tag {
            policy = policy.with_short_rtcp_tag();
        }
        let profile = self.suite.profile;
        let master_key = |key: &InlineKey| {
            key.master_key(profile).map_err(|error| KeySetError::Key {
                suite: profile,
                error,
            })
        };
        let (first, others) = self.keys.split_first().ok_or(KeySetError::NoMki)?;
        let mut receiver = match &first.mki {
            Some(mki) => Receiver::with_mki(policy, mki.clone(), master_key(first)?)?,
            None => Receiver::new(policy, master_key(first)?)?,
        };
        for other in others {
            let mki = other.mki.clone().ok_or(KeySetError::NoMki)?;
            receiver.add_key(mki, master_key(other)?)?;
        }
        for (&ssrc, &roc) in &self.rocs.each {
            receiver.set_roc(ssrc, roc)?;
        }
        Ok(receiver)
    }

    /// The RTP clock rate of a payload type in hertz, as it was stated or
    /// RFC 3551 fixes it.
    pub fn clock_rate(&self, payload_type: u8) -> Option<u32> {
        let stated = self.payload_types.get(&payload_type);
        match stated.and_then(|value| value.split('/').nth(1)) {
            Some(rate) => rate.trim().parse().ok().filter(|rate| *rate > 0),
            None => crate::rtp::static_clock_rate(payload_type),
        }
    }

    /// The encoding's name of a payload type, where it was stated.
    pub fn encoding(&self, payload_type: u8) -> Option<&str> {
        let stated = self.payload_types.get(&payload_type)?;
        stated.split('/').next()
    }
}

fn inline_key(profile: Profile, key: &[u8], salt: &[u8]) -> Result<InlineKey, KeySetError> {
    InlineKey::new(profile, key, salt).map_err(|error| KeySetError::Key {
        suite: profile,
        error,
    })
}

/// What a key or salt of the wrong length is probably.
fn like(error: KeyError) -> String {
    let names_of = |fits: &dyn Fn(&Profile) -> bool| {
        let fitting = Profile::ALL.iter().filter(|profile| fits(profile));
        let names: Vec<_> = fitting.map(|profile| profile.name()).collect();
        names.join(", ")
    };
    match error {
        KeyError::KeyLen { len, .. } => {
            let whole = Profile::ALL
                .iter()
                .find(|profile| profile.key_len() + profile.salt_len() == len);
            let bare = names_of(&|profile| profile.key_len() == len);
            match whole {
                _ if !bare.is_empty() => format!("; {len} octets is a key of {bare}"),
                Some(profile) => format!(
                    "; {len} octets is key and salt in one piece, as of {profile}: the first {} are the key, the other {} the salt",
                    profile.key_len(),
                    profile.salt_len()
                ),
                None => String::new(),
            }
        }
        KeyError::SaltLen { len, .. } => match names_of(&|profile| profile.salt_len() == len) {
            names if names.is_empty() => String::new(),
            names => format!("; {len} octets is a salt of {names}"),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(profile: &str, key_len: usize, salt_len: usize) -> String {
        let suite = profile.parse().unwrap();
        let made = KeySet::new(suite, &[0xa5; 64][..key_len], &[0x5a; 64][..salt_len]);
        made.unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_length_is_told_with_the_right_one_and_the_likely_mistake() {
        let error = refused("AES_CM_128_HMAC_SHA1_80", 30, 14);
        for part in ["30 octets", "takes 16", "in one piece", "first 16"] {
            assert!(error.contains(part), "{error}");
        }
        let error = refused("AES_CM_128_HMAC_SHA1_80", 46, 14);
        for part in ["46 octets", "AES_256_CM_HMAC_SHA1_80", "first 32"] {
            assert!(error.contains(part), "{error}");
        }
        let error = refused("AES_CM_128_HMAC_SHA1_80", 32, 14);
        assert!(error.contains("key of AES_256_CM_HMAC_SHA1_80"), "{error}");
        let error = refused("AEAD_AES_128_GCM", 16, 14);
        for part in ["14 octets", "takes 12", "salt of AES_CM_128"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!refused("AES_CM_128_HMAC_SHA1_80", 17, 14).contains(';'));
    }

    #[test]
    fn a_set_and_a_receiver_are_made_of_every_profile() {
        for &profile in Profile::ALL {
            let (key, salt) = ([1; 32], [2; 14]);
            let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
            let set = KeySet::new(profile.into(), key, salt).unwrap();
            assert!(set.receiver().is_ok(), "{profile}");
            let named = set.with_mki(b"one").unwrap();
            assert_eq!(named.mki_len(), 3);
            assert_eq!(named.receiver().unwrap().ssrcs().count(), 0);
        }
    }
}
