//! SRTP keys on a command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use callseal_srtp::sdes::{CryptoAttribute, SdesFault};
use zeroize::Zeroizing;

use crate::keys_file::KeysFile;
use crate::replay::{KeySet, Rocs, Suite};
use crate::secret::{Secret, of_base64};

/// The profile where none is named: the default of RFC 3711 §8.2.
const USUAL_PROFILE: &str = "AES_CM_128_HMAC_SHA1_80";

/// Where keys come from.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Keys (without any, SDES is looked for in the capture's SIP)")]
pub struct KeyArguments {
    /// A file of keys, or a folder with NAME.json for NAME.pcap; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "sdes"])]
    keys: Vec<PathBuf>,

    /// The profile of --key, as SDES names it; with _FULL behind it where SRTCP's tag is as short as
    /// SRTP's [default: AES_CM_128_HMAC_SHA1_80]
    #[arg(long, value_name = "NAME", conflicts_with = "keys")]
    profile: Option<String>,

    /// SRTCP's profile, where it is another
    #[arg(long, value_name = "NAME", conflicts_with = "keys")]
    rtcp_profile: Option<String>,

    /// A master key, in hexadecimal; may be repeated, each with its --salt
    #[arg(long, value_name = "HEX")]
    key: Vec<String>,

    /// The master salt of a --key, in hexadecimal
    #[arg(long, value_name = "HEX", requires = "key")]
    salt: Vec<String>,

    /// A line of SDP: 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…', or its 'inline:…' alone with
    /// --profile; may be repeated
    #[arg(long, value_name = "LINE", conflicts_with = "key")]
    sdes: Vec<String>,

    /// The MKI that every packet carries, in hexadecimal
    #[arg(long, value_name = "HEX", conflicts_with = "keys")]
    mki: Option<String>,

    /// The rollover counter to begin with, of all streams or as 0xSSRC=N of one; may be repeated
    #[arg(long, value_name = "[0xSSRC=]N", value_parser = parse_roc)]
    roc: Vec<Roc>,

    /// The replay windows, 64 to 32768 packets [default: 1024, or what the file of keys says]
    #[arg(long, value_name = "PACKETS")]
    window: Option<usize>,
}

/// A rollover counter as `--roc` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Roc {
    ssrc: Option<u32>,
    roc: u32,
}

impl KeyArguments {
    /// The keys for a capture; `None` where none are given.
    ///
    /// # Errors
    /// What cannot be used, and what would be right. No key is shown.
    pub fn sets_for(&self, capture: &Path) -> Result<Option<Vec<KeySet>>> {
        let mut sets = match self.keys.is_empty() {
            true => self.sets_of_line()?,
            false => Vec::new(),
        };
        for path in &self.keys {
            let path = keys_path(path, capture)?;
            let file = KeysFile::read(&path)?;
            let of_file = KeySet::all_of_file(&file);
            sets.extend(
                of_file.with_context(|| format!("cannot use the keys in {}", path.display()))?,
            );
        }
        match sets.is_empty() {
            true => Ok(None),
            false => self.adjusted(sets).map(Some),
        }
    }

    /// The keys with `--roc` and `--window`, which are for all of them.
    ///
    /// # Errors
    /// A window that is none.
    pub fn adjusted(&self, mut sets: Vec<KeySet>) -> Result<Vec<KeySet>> {
        for set in &mut sets {
            let Rocs { all, each } = &mut set.rocs;
            for Roc { ssrc, roc } in &self.roc {
                match ssrc {
                    Some(ssrc) => {
                        each.insert(*ssrc, *roc);
                    }
                    None => *all = *roc,
                }
            }
            if let Some(packets) = self.window {
                *set = set.clone().with_window(packets);
                set.receiver().context("--window")?;
            }
        }
        Ok(sets)
    }

    fn sets_of_line(&self) -> Result<Vec<KeySet>> {
        if self.key.len() != self.salt.len() {
            bail!(
                "{} times --key and {} times --salt: each key has its salt, apart from it",
                self.key.len(),
                self.salt.len()
            );
        }
        let suite = self.suite()?;
        let mut sets = Vec::new();
        for (key, salt) in self.key.iter().zip(&self.salt) {
            let key = octets("--key", key)?;
            let salt = octets("--salt", salt)?;
            sets.push(KeySet::new(suite, key.expose(), salt.expose())?);
        }
        for line in &self.sdes {
            sets.push(self.set_of_sdes(line)?);
        }
        if sets.is_empty() {
            for (given, name) in [
                (self.profile.is_some(), "--profile"),
                (self.rtcp_profile.is_some(), "--rtcp-profile"),
                (self.mki.is_some(), "--mki"),
            ] {
                if given {
                    bail!("{name} without a key: give --key with --salt, or --sdes");
                }
            }
        }
        let is_only = sets.len() == 1;
        for (set, number) in sets.iter_mut().zip(1..) {
            if let Some(name) = &self.rtcp_profile {
                let rtcp_suite = name.parse().context("--rtcp-profile")?;
                *set = set.clone().with_rtcp_suite(rtcp_suite);
            }
            if let Some(mki) = &self.mki {
                let mki = octets("--mki", mki)?;
                *set = set.clone().with_mki(mki.expose()).context("--mki")?;
            }
            set.name = match is_only {
                true => "the key".to_owned(),
                false => format!("key {number}"),
            };
            // Found here, what does not go together is the command line's.
            set.receiver()?;
        }
        Ok(sets)
    }

    fn suite(&self) -> Result<Suite> {
        let name = self.profile.as_deref().unwrap_or(USUAL_PROFILE);
        name.parse().context("--profile")
    }

    fn set_of_sdes(&self, line: &str) -> Result<KeySet> {
        let line = line.trim();
        let suite = self.suite()?;
        let whole = match line {
            line if line.starts_with("a=crypto:") => line.to_owned(),
            line if line.starts_with("crypto:") => format!("a={line}"),
            line if line.starts_with("inline:") => {
                format!("a=crypto:1 {} {line}", suite.profile)
            }
            line => format!("a=crypto:{line}"),
        };
        let whole = Zeroizing::new(whole);
        let attribute = CryptoAttribute::parse(&whole).map_err(|error| match error.fault {
            SdesFault::KeyLength => wrong_sdes_len(&whole),
            _ => anyhow::anyhow!("--sdes, {error}"),
        })?;
        let mut set = KeySet::of_sdes(&attribute);
        if suite.short_rtcp_tag && suite.profile == attribute.profile {
            set = set.with_rtcp_suite(suite);
        }
        Ok(set)
    }
}

/// The file of keys itself, or the one in a folder that is named after the
/// capture.
fn keys_path(keys: &Path, capture: &Path) -> Result<PathBuf> {
    if !keys.is_dir() {
        return Ok(keys.to_owned());
    }
    let name = capture.file_name().map(Path::new).unwrap_or(capture);
    let mut stem = name.to_owned();
    loop {
        let shorter = stem.with_extension("");
        if shorter == stem {
            break;
        }
        let candidate = keys.join(format!("{}.json", shorter.display()));
        if candidate.is_file() {
            return Ok(candidate);
        }
        stem = shorter;
    }
    bail!(
        "no keys for {}: {} holds no {}.json",
        capture.display(),
        keys.display(),
        stem.display()
    )
}

/// Octets in hexadecimal, with or without `0x` and separators.
fn octets(option: &str, text: &str) -> Result<Secret> {
    let text = text.trim();
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    let is_separator = |c: &char| matches!(c, ':' | '-' | ' ');
    let digits: Zeroizing<String> = digits
        .chars()
        .filter(|c| !is_separator(c))
        .collect::<String>()
        .into();
    let wrong = digits.chars().position(|c| !c.is_ascii_hexdigit());
    match (wrong, hex::decode(&*digits)) {
        (_, Ok(octets)) => Ok(Secret::new(octets)),
        (None, Err(_)) => bail!(
            "{option} has {} hexadecimal digits: two make an octet, so one is missing",
            digits.len()
        ),
        (Some(at), Err(_)) => match of_base64(text).map(|secret| secret.expose().len()) {
            Some(len) => bail!(
                "{option} is not hexadecimal, and looks like base64 of {len} octets; \
                 key and salt as SDP has them go into --sdes 'inline:…'"
            ),
            None => bail!(
                "{option} is not hexadecimal: digit {} of {} is none",
                at + 1,
                digits.chars().count()
            ),
        },
    }
}

/// What is wrong with the length of a line's key, in words that help.
fn wrong_sdes_len(line: &str) -> anyhow::Error {
    let mut words = line.split_ascii_whitespace().skip(1);
    let profile = words.next().and_then(|suite| suite.parse::<Suite>().ok());
    let inline = words.next().and_then(|word| word.strip_prefix("inline:"));
    let key = inline.and_then(|inline| inline.split(['|', ';']).next());
    let octets = key.and_then(of_base64);
    let (Some(Suite { profile, .. }), Some(octets)) = (profile, octets) else {
        return anyhow::anyhow!("--sdes: key and salt are not as long as the profile's");
    };
    let len = octets.expose().len();
    let wanted = profile.key_len() + profile.salt_len();
    let like = callseal_srtp::Profile::ALL
        .iter()
        .find(|profile| profile.key_len() + profile.salt_len() == len);
    let like = like.map_or(String::new(), |like| {
        format!("; {len} octets are of {like}")
    });
    anyhow::anyhow!(
        "--sdes: {len} octets of key and salt where {profile} takes {wanted} ({} and {}){like}",
        profile.key_len(),
        profile.salt_len()
    )
}

/// `1`, or `0xabcd1234=1`.
fn parse_roc(text: &str) -> Result<Roc, String> {
    let number = |text: &str| {
        let digits = text.trim().strip_prefix("0x");
        match digits {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.trim().parse(),
        }
        .map_err(|_| format!("\"{text}\" is not a number of 32 bits"))
    };
    match text.split_once('=') {
        None => Ok(Roc {
            ssrc: None,
            roc: number(text)?,
        }),
        Some((ssrc, roc)) => Ok(Roc {
            ssrc: Some(parse_ssrc(ssrc)?),
            roc: number(roc)?,
        }),
    }
}

/// An SSRC in hexadecimal, with or without `0x`.
///
/// # Errors
/// That it is none, in words.
pub fn parse_ssrc(text: &str) -> Result<u32, String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    match u32::from_str_radix(digits, 16) {
        Ok(ssrc) if !digits.starts_with('+') => Ok(ssrc),
        _ => Err(format!(
            "\"{text}\" is not an SSRC: up to eight hexadecimal digits, as 0xabcd1234"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "e790fabf6f5743e65096e463ff69b4d3";
    const SALT: &str = "40bee97560ecea465d3dbf6c1157";
    const INLINE: &str = "inline:55D6v29XQ+ZQluRj/2m000C+6XVg7OpGXT2/bBFX";

    fn arguments() -> KeyArguments {
        KeyArguments::default()
    }

    fn of_key(key: &str, salt: &str) -> Result<Vec<KeySet>> {
        let arguments = KeyArguments {
            key: vec![key.into()],
            salt: vec![salt.into()],
            ..arguments()
        };
        Ok(arguments.sets_for(Path::new("x"))?.unwrap())
    }

    fn of_sdes(line: &str) -> Result<Vec<KeySet>> {
        let arguments = KeyArguments {
            sdes: vec![line.into()],
            ..arguments()
        };
        Ok(arguments.sets_for(Path::new("x"))?.unwrap())
    }

    #[test]
    fn all_ways_of_writing_a_key_are_one_key() {
        let set = of_key(KEY, SALT).unwrap().remove(0);
        let colons = "e7:90:fa:bf:6f:57:43:e6:50:96:e4:63:ff:69:b4:d3";
        for (key, salt) in [
            (colons, SALT),
            (&*format!("0x{KEY}"), &*format!("0X{SALT}")),
        ] {
            assert!(of_key(key, salt).unwrap()[0].has_keys_of(&set));
        }
        for line in [
            INLINE,
            &format!("1 AES_CM_128_HMAC_SHA1_80 {INLINE}"),
            &format!("crypto:1 AES_CM_128_HMAC_SHA1_80 {INLINE}|2^20"),
            &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {INLINE}\r\n"),
        ] {
            assert!(of_sdes(line).unwrap()[0].has_keys_of(&set), "{line}");
        }
    }

    #[test]
    fn the_usual_mistakes_are_told_without_showing_the_key() {
        let base64 = &INLINE["inline:".len()..];
        let whole = format!("{KEY}{SALT}");
        for (key, salt, parts) in [
            (
                whole.as_str(),
                SALT,
                &["30 octets", "takes 16", "first 16"][..],
            ),
            (
                base64,
                SALT,
                &["--key is not hexadecimal", "base64 of 30", "--sdes"],
            ),
            (&KEY[1..], SALT, &["31 hexadecimal digits"]),
            (KEY, "40beg", &["--salt", "digit 5"]),
            (KEY, KEY, &["16 octets", "takes 14"]),
        ] {
            let error = format!("{:#}", of_key(key, salt).unwrap_err());
            for part in parts {
                assert!(error.contains(part), "{part}: {error}");
            }
            for secret in [&KEY[8..16], &SALT[8..16], &base64[8..16]] {
                assert!(!error.contains(secret), "{error}");
            }
        }
        let long = format!("1 AES_CM_128_HMAC_SHA1_80 {INLINE}AAAAAAAAAAAAAAAAAAAAAA==");
        let error = of_sdes(&long).unwrap_err().to_string();
        for part in ["46 octets", "takes 30 (16 and 14)", "AES_256_CM"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_given_without_its_other_half_is_told() {
        let lonely = KeyArguments {
            profile: Some("AEAD_AES_128_GCM".into()),
            ..arguments()
        };
        let error = lonely.sets_for(Path::new("x")).unwrap_err().to_string();
        assert!(error.contains("--key with --salt"), "{error}");
        let unsalted = KeyArguments {
            key: vec![KEY.into()],
            ..arguments()
        };
        let error = unsalted.sets_for(Path::new("x")).unwrap_err().to_string();
        assert!(error.contains("0 times --salt"), "{error}");
        assert!(arguments().sets_for(Path::new("x")).unwrap().is_none());
    }

    #[test]
    fn rocs_are_of_all_or_of_one() {
        assert_eq!(parse_roc("3"), Ok(Roc { ssrc: None, roc: 3 }));
        for text in ["0xabcd1234=3", "abcd1234=3", "0xabcd1234=0x3"] {
            let roc = Roc {
                ssrc: Some(0xabcd_1234),
                roc: 3,
            };
            assert_eq!(parse_roc(text), Ok(roc));
        }
        for text in ["", "x", "-1", "4294967296", "1=", "xyz=1", "123456789=1"] {
            assert!(parse_roc(text).is_err(), "{text}");
        }
    }
}
