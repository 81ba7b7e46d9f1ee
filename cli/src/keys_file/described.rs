//! The description of a capture as a file of keys: what made it, with what
//! suite and keys, and more that is for other readers.
//!
//! ```json
//! {
//!   "name": "a call",
//!   "suite": "AES_CM_128_HMAC_SHA1_32",
//!   "rtcp_suite": "AES_CM_128_HMAC_SHA1_32_FULL",
//!   "master_key_hex": "0102030405060708090a0b0c0d0e0f10",
//!   "master_salt_hex": "0102030405060708090a0b0c0d0e",
//!   "mki_hex": "",
//!   "initial_roc": { "abcd1234": 1 },
//!   "replay_window": 128
//! }
//! ```
//!
//! Instead of the two in hexadecimal there may be `sdes_inline`, key and salt
//! as an `a=crypto` line has them. Fields that are not named here are passed
//! over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroize;

use super::{InitialRoc, KeysFile, MkiOctets, SenderKey};
use crate::replay::Suite;
use crate::secret::{Secret, of_base64};

/// Whether an object describes a capture, by the one field that every
/// description has and no other file.
pub(super) fn is_description(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(rename = "suite")]
        _suite: IgnoredAny,
    }
    serde_json::from_str::<Probe>(text).is_ok()
}

/// Reads one description.
pub(super) fn parse(text: &str) -> Result<KeysFile, String> {
    let described: Description = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(KeysFile::new(vec![described.key()?], BTreeMap::new()))
}

/// Reads a list of descriptions and of keys.
pub(super) fn parse_list(text: &str) -> Result<KeysFile, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let keys = entries.into_iter().map(|entry| match entry {
        Entry::Described(described) => described.key(),
        Entry::Key(key) => Ok(*key),
    });
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    match keys.is_empty() {
        true => Err("there is no key in it".to_owned()),
        false => Ok(KeysFile::new(keys, BTreeMap::new())),
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an entry of the list is neither a key nor the description of a capture"
)]
enum Entry {
    Described(Box<Description>),
    Key(Box<SenderKey>),
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    name: String,
    suite: String,
    rtcp_suite: Option<String>,
    master_key_hex: Option<Secret>,
    master_salt_hex: Option<Secret>,
    sdes_inline: Option<SecretText>,
    #[serde(default)]
    mki_hex: MkiOctets,
    #[serde(default)]
    initial_roc: InitialRoc,
    replay_window: Option<usize>,
}

impl Description {
    fn key(self) -> Result<SenderKey, String> {
        let (master_key, master_salt) =
            match (self.master_key_hex, self.master_salt_hex, self.sdes_inline) {
                (Some(key), Some(salt), _) => (key, salt),
                (_, _, Some(inline)) => inline.split(&self.suite)?,
                _ => return Err("it has neither a master key with its salt nor sdes_inline".into()),
            };
        Ok(SenderKey {
            sender: self.name,
            rtcp_profile: self.rtcp_suite,
            mki: self.mki_hex,
            roc: self.initial_roc,
            replay_window: self.replay_window,
            ..SenderKey::new(&self.suite, master_key, master_salt)
        })
    }
}

/// Base64 that must not be seen.
#[derive(Deserialize)]
struct SecretText(String);

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretText {
    fn split(&self, suite: &str) -> Result<(Secret, Secret), String> {
        let suite: Suite = suite.parse().map_err(|error| format!("{error}"))?;
        let Suite { profile, .. } = suite;
        let octets = of_base64(&self.0).ok_or("sdes_inline is not base64")?;
        let wanted = profile.key_len() + profile.salt_len();
        if octets.expose().len() != wanted {
            let len = octets.expose().len();
            return Err(format!(
                "sdes_inline has {len} octets, and {profile} wants {wanted}"
            ));
        }
        let (key, salt) = octets.expose().split_at(profile.key_len());
        Ok((Secret::new(key.to_vec()), Secret::new(salt.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys_file::Ssrc;

    const DESCRIBED: &str = r#"{ "name": "a call", "suite": "AES_CM_128_HMAC_SHA1_32",
        "rtcp_suite": "AES_CM_128_HMAC_SHA1_32_FULL", "mki_hex": "4d4b4931",
        "master_key_hex": "e330467a1927a1b9bf67ff631714b117",
        "master_salt_hex": "8dc14fd7b5daa5d79420d5a1d6c7",
        "initial_roc": { "12121212": 1 }, "replay_window": 128, "ssrcs": {}, "how": null }"#;

    #[test]
    fn a_description_is_read_and_what_is_for_others_passed_over() {
        let file = KeysFile::parse(DESCRIBED).unwrap();
        let key = &file.keys[0];
        assert_eq!(key.sender, "a call");
        assert_eq!(
            key.rtcp_profile.as_deref(),
            Some("AES_CM_128_HMAC_SHA1_32_FULL")
        );
        assert_eq!(key.mki.0, b"MKI1");
        assert_eq!(key.roc, InitialRoc::Each([(Ssrc(0x1212_1212), 1)].into()));
        assert_eq!(key.replay_window, Some(128));
    }

    #[test]
    fn key_and_salt_may_stand_in_one_piece_as_in_sdp() {
        let inline = DESCRIBED.replace("master_key_hex", "was_key").replace(
            "\"mki_hex\"",
            "\"sdes_inline\": \"4zBGehknobm/Z/9jFxSxF43BT9e12qXXlCDVodbH\", \"mki_hex\"",
        );
        let read = KeysFile::parse(&inline).unwrap();
        assert_eq!(read.keys, KeysFile::parse(DESCRIBED).unwrap().keys);
        let short = inline.replace("CDVodbH\"", "CDV\"");
        let error = KeysFile::parse(&short).unwrap_err();
        assert!(error.contains("wants 30"), "{error}");
    }

    #[test]
    fn a_list_may_hold_both_shapes() {
        let key = r#"{ "profile": "AEAD_AES_128_GCM", "master_key": "00", "master_salt": "00" }"#;
        let file = KeysFile::parse(&format!("[{DESCRIBED}, {key}]")).unwrap();
        assert_eq!(file.keys.len(), 2);
        let error = KeysFile::parse("[{}]").unwrap_err();
        assert!(error.contains("neither a key nor"), "{error}");
        assert!(KeysFile::parse("[]").is_err());
    }

    #[test]
    fn a_description_without_a_key_is_told_so() {
        let error = KeysFile::parse(r#"{ "suite": "AEAD_AES_128_GCM" }"#).unwrap_err();
        assert!(error.contains("sdes_inline"), "{error}");
    }
}
