//! `keys.json`: the SRTP keys of a call, for replaying a capture of it.
//!
//! Whoever holds the file hears the call; it is written with mode 0600.
//!
//! ```json
//! {
//!   "format": "callseal keys",
//!   "version": 1,
//!   "keys": [
//!     {
//!       "sender": "alice +8613800000001",
//!       "from": ["127.0.0.1:40000", "127.0.0.1:40001"],
//!       "ssrcs": [],
//!       "profile": "AES_CM_128_HMAC_SHA1_80",
//!       "master_key": "0102030405060708090a0b0c0d0e0f10",
//!       "master_salt": "0102030405060708090a0b0c0d0e",
//!       "mki": "01"
//!     }
//!   ],
//!   "payload_types": { "0": "PCMU/8000", "96": "AMR-WB/16000" }
//! }
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `sender` | who sends under this key, for people; may be left out |
//! | `from` | the addresses that it sends from; empty or left out: any |
//! | `ssrcs` | the SSRCs that it sends, in hexadecimal; empty or left out: any |
//! | `to` | the addresses that it sends to; empty or left out: any |
//! | `profile` | the crypto-suite's name of RFC 4568; with `_FULL` behind it where SRTCP's tag is as short as SRTP's |
//! | `rtcp_profile` | SRTCP's, where it is another |
//! | `master_key`, `master_salt` | in hexadecimal, apart |
//! | `mki` | the key's identifier in every packet, in hexadecimal; empty or left out: none |
//! | `roc` | the rollover counter to begin with: a number for all, or `{ "abcd1234": 1 }` for each SSRC |
//! | `replay_window` | how many of the newest packets are told apart from replays; left out: 1,024 |
//! | `payload_types` | `rtpmap` values (RFC 8866) of the payload types in use; gives their clock rates |
//!
//! Keys of one sender that differ in `mki` only are one sender's keys over
//! time: sequence numbers and replay protection go on across them. What the
//! format does not know is refused, so that a misspelt field is found.
//!
//! Two other shapes are read: the description of one capture, which has
//! `suite`, `master_key_hex` and `master_salt_hex` (see [`described`]), and a
//! list of such descriptions or of keys as above.

pub mod described;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::output_file::{Existing, OutputError, Privacy, write_whole};
use crate::replay::Rocs;
use crate::secret::Secret;

const FORMAT: &str = "callseal keys";
const VERSION: u32 = 1;

/// The longest file that is read, in octets.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    format: String,
    version: u32,
    /// The keys, in the order in which they came into use.
    pub keys: Vec<SenderKey>,
    /// Payload type → encoding name and clock rate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payload_types: BTreeMap<u8, String>,
}

/// One master key and who sends under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SenderKey {
    /// A name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sender: String,
    /// Source addresses of the sender's packets; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<SocketAddr>,
    /// Its SSRCs; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssrcs: Vec<Ssrc>,
    /// Addresses that its packets go to; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<SocketAddr>,
    /// RFC 4568's name of the profile.
    pub profile: String,
    /// SRTCP's, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtcp_profile: Option<String>,
    /// The SRTP master key.
    pub master_key: Secret,
    /// The SRTP master salt.
    pub master_salt: Secret,
    /// The MKI's octets; empty for none.
    #[serde(default, skip_serializing_if = "MkiOctets::is_empty")]
    pub mki: MkiOctets,
    /// The rollover counters to begin with.
    #[serde(default, skip_serializing_if = "InitialRoc::is_zero")]
    pub roc: InitialRoc,
    /// The replay windows, in packets; `None` for the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_window: Option<usize>,
}

/// Rollover counters to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InitialRoc {
    /// One for all SSRCs.
    All(u32),
    /// One for each SSRC; 0 for the others.
    Each(BTreeMap<Ssrc, u32>),
}

/// A synchronisation source, eight hexadecimal digits in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// A master key identifier, hexadecimal in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MkiOctets(pub Vec<u8>);

/// Why a file of keys could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysFileError {
    /// It could not be read.
    #[error("cannot read the keys in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no file of keys.
    #[error("{} is not a file of keys: {what}", path.display())]
    NotKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any key.
        what: String,
    },
}

impl KeysFile {
    /// A file with these keys.
    pub fn new(keys: Vec<SenderKey>, payload_types: BTreeMap<u8, String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            keys,
            payload_types,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`KeysFileError`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, KeysFileError> {
        let text = read_text(path).map_err(|source| KeysFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|what| KeysFileError::NotKeys {
            path: path.to_owned(),
            what,
        })
    }

    /// Reads the text of a file; the error is for people, and shows no key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('[') {
            return described::parse_list(text);
        }
        if described::is_description(text) {
            return described::parse(text);
        }
        let file: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.format != FORMAT {
            return Err(format!("\"format\" is not \"{FORMAT}\""));
        }
        if file.version != VERSION {
            let version = file.version;
            return Err(format!("version {version} is not known, only {VERSION}"));
        }
        if file.keys.is_empty() {
            return Err("there is no key in it".to_owned());
        }
        Ok(file)
    }

    /// Writes the file, readable by its owner only, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`] where there is such a file already and it is to be
    /// kept, or it cannot be written.
    pub fn write(&self, path: &Path, existing: Existing) -> Result<(), OutputError> {
        let mut text = Zeroizing::new(Vec::new());
        serde_json::to_writer_pretty(&mut *text, self).map_err(|error| OutputError::Io {
            path: path.to_owned(),
            source: error.into(),
        })?;
        text.push(b'\n');
        write_whole(path, Privacy::Owner, existing, &text)
    }
}

impl SenderKey {
    /// A key of anybody's, for all that is sent under it.
    pub fn new(profile: &str, master_key: Secret, master_salt: Secret) -> Self {
        Self {
            sender: String::new(),
            from: Vec::new(),
            ssrcs: Vec::new(),
            to: Vec::new(),
            profile: profile.to_owned(),
            rtcp_profile: None,
            master_key,
            master_salt,
            mki: MkiOctets::default(),
            roc: InitialRoc::default(),
            replay_window: None,
        }
    }
}

impl InitialRoc {
    fn is_zero(&self) -> bool {
        match self {
            Self::All(roc) => *roc == 0,
            Self::Each(each) => each.is_empty(),
        }
    }

    /// As a set of keys has them.
    pub fn rocs(&self) -> Rocs {
        match self {
            Self::All(roc) => Rocs {
                all: *roc,
                each: BTreeMap::new(),
            },
            Self::Each(each) => Rocs {
                all: 0,
                each: each.iter().map(|(ssrc, roc)| (ssrc.0, *roc)).collect(),
            },
        }
    }
}

impl Default for InitialRoc {
    fn default() -> Self {
        Self::All(0)
    }
}

/// A file's text, wiped when dropped, if it is of a sane length.
pub(crate) fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    use io::Read;
    let mut file = std::fs::File::open(path)?.take(MAX_LEN + 1);
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LEN {
        let what = "longer than 16 MiB, so it is something else";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(text)
}

impl MkiOctets {
    /// Whether packets carry no MKI.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssrc({self})")
    }
}

impl Serialize for Ssrc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ssrc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        match u32::from_str_radix(digits, 16) {
            Ok(ssrc) if !digits.starts_with('+') => Ok(Self(ssrc)),
            _ => Err(de::Error::custom(format_args!(
                "\"{text}\" is not an SSRC in hexadecimal"
            ))),
        }
    }
}

impl Serialize for MkiOctets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for MkiOctets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text)
            .map(Self)
            .map_err(|_| de::Error::custom(format_args!("\"{text}\" is not an MKI in hexadecimal")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> KeysFile {
        let (key, salt) = (Secret::new(vec![0x5e; 16]), Secret::new(vec![0x5a; 14]));
        let key = SenderKey {
            sender: "alice".into(),
            from: vec!["127.0.0.1:40000".parse().unwrap()],
            ssrcs: vec![Ssrc(0xabcd_1234)],
            mki: MkiOctets(vec![1]),
            roc: InitialRoc::Each([(Ssrc(0xabcd_1234), 7)].into()),
            ..SenderKey::new("AES_CM_128_HMAC_SHA1_80", key, salt)
        };
        KeysFile::new(vec![key], BTreeMap::from([(96, "AMR-WB/16000".into())]))
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        example().write(&path, Existing::Keep).unwrap();
        let read = KeysFile::read(&path).unwrap();
        assert_eq!(read.keys, example().keys);
        assert_eq!(read.payload_types, example().payload_types);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_misspelt_field_is_found() {
        let text = serde_json::to_string(&example()).unwrap();
        let error = KeysFile::parse(&text.replace("master_salt", "master_slat")).unwrap_err();
        assert!(error.contains("master_slat"), "{error}");
    }

    #[test]
    fn another_format_and_a_later_version_are_refused_by_name() {
        let text = serde_json::to_string(&example()).unwrap();
        let error = KeysFile::parse(&text.replace("callseal keys", "ssh")).unwrap_err();
        assert!(error.contains("format"), "{error}");
        let error = KeysFile::parse(&text.replace("\"version\":1", "\"version\":2")).unwrap_err();
        assert!(error.contains("version 2"), "{error}");
    }

    #[test]
    fn no_error_and_no_debug_shows_a_key() {
        let text = serde_json::to_string(&example()).unwrap();
        for cut in 0..text.len() {
            if let Err(error) = KeysFile::parse(&text[..cut]) {
                assert!(!error.contains("5e5e"), "{error}");
            }
        }
        let error = KeysFile::parse(&text.replace("5e5e", "5e5x")).unwrap_err();
        assert!(!error.contains("5e5"), "{error}");
        assert!(!format!("{:?}", example()).contains("5e5e"));
    }
}
