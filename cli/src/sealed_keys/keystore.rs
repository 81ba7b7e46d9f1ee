//! Secrets under a passphrase, in Ethereum's keystore format (Web3 Secret
//! Storage, version 3): scrypt, AES-128-CTR, and Keccak-256 over key and
//! ciphertext.

use aes::Aes128;
use alloy_primitives::{Address, keccak256};
use callseal_sts::Random;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The `crypto` object of a keystore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

/// An account's secret as a keystore of its own, which any wallet software
/// reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keystore {
    version: u32,
    id: String,
    address: String,
    crypto: Sealed,
}

/// A key made from a passphrase. Making it is slow on purpose.
pub struct PassphraseKey {
    key: Zeroizing<[u8; KEY_LEN]>,
    params: KdfParams,
}

/// How much work it is to try a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    log_n: u8,
}

/// Why a keystore cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its parameters are others than are known, or out of bounds.
    #[error("{what} is not one that is known here")]
    Unknown {
        /// Which.
        what: &'static str,
    },
    /// A field is not what it should be.
    #[error("{what} is malformed")]
    Malformed {
        /// Which.
        what: &'static str,
    },
    /// The passphrase is another, or the file was changed.
    #[error("the passphrase is wrong")]
    Passphrase,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CipherParams {
    iv: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KdfParams {
    dklen: usize,
    n: u64,
    p: u32,
    r: u32,
    salt: String,
}

const KEY_LEN: usize = 32;
const CIPHER: &str = "aes-128-ctr";
const KDF: &str = "scrypt";
/// The most memory that a file may make us take, in octets; geth's own files
/// take a quarter of it.
const MAX_MEMORY_LEN: u64 = 1 << 30;

impl Keystore {
    const VERSION: u32 = 3;

    /// Seals an account's secret, big-endian.
    pub fn seal(
        secret: &[u8; 32],
        address: Address,
        key: &PassphraseKey,
        random: &mut dyn Random,
    ) -> Self {
        Self {
            version: Self::VERSION,
            id: uuid(random),
            address: hex::encode(address),
            crypto: Sealed::seal(secret, key, random),
        }
    }

    /// The secret; see [`Sealed::open`].
    ///
    /// # Errors
    /// Those of [`Sealed::open`], and where the format's version is not 3.
    pub fn open(
        &self,
        passphrase: &str,
        key: &PassphraseKey,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.version != Self::VERSION {
            let what = "the keystore's \"version\"";
            return Err(OpenError::Unknown { what });
        }
        self.crypto.open(passphrase, key)
    }

    /// Whether it says that it is this account's.
    pub fn is_of(&self, address: Address) -> bool {
        self.address == hex::encode(address)
    }
}

impl Work {
    /// Takes a third of a second and 128 MiB.
    pub const USUAL: Self = Self { log_n: 17 };

    /// For tests: takes no time, and protects nothing.
    pub const LEAST: Self = Self { log_n: 2 };
}

impl PassphraseKey {
    /// A key of a fresh salt.
    ///
    /// # Errors
    /// [`OpenError::Unknown`] where the work is out of bounds.
    pub fn make(passphrase: &str, work: Work, random: &mut dyn Random) -> Result<Self, OpenError> {
        let mut salt = [0; 32];
        random.fill(&mut salt);
        let params = KdfParams {
            dklen: KEY_LEN,
            n: 1 << work.log_n,
            p: 1,
            r: 8,
            salt: hex::encode(salt),
        };
        Self::derive(passphrase, params)
    }

    fn derive(passphrase: &str, params: KdfParams) -> Result<Self, OpenError> {
        let what = "the work of \"kdfparams\"";
        let unknown = OpenError::Unknown { what };
        let memory_len = u64::from(params.r)
            .checked_mul(128)
            .and_then(|len| len.checked_mul(params.n));
        let is_in_bounds = params.dklen == KEY_LEN
            && params.n.is_power_of_two()
            && params.p <= 8
            && memory_len.is_some_and(|len| len <= MAX_MEMORY_LEN);
        if !is_in_bounds {
            return Err(unknown);
        }
        // Below 64, as the power of two that it is of.
        let log_n = params.n.trailing_zeros() as u8;
        let terms = scrypt::Params::new(log_n, params.r, params.p).map_err(|_| unknown.clone())?;
        let salt = octets(&params.salt, "\"salt\"")?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        scrypt::scrypt(passphrase.as_bytes(), &salt, &terms, &mut *key).map_err(|_| unknown)?;
        Ok(Self { key, params })
    }

    fn mac(&self, ciphertext: &[u8]) -> [u8; 32] {
        let mut input = Zeroizing::new(self.key[16..].to_vec());
        input.extend_from_slice(ciphertext);
        keccak256(&*input).0
    }

    fn apply(&self, iv: &[u8; 16], data: &mut [u8]) {
        let mut key = Zeroizing::new([0; 16]);
        key.copy_from_slice(&self.key[..16]);
        Ctr128BE::<Aes128>::new((&*key).into(), iv.into()).apply_keystream(data);
    }
}

impl Sealed {
    /// Seals a secret. One key may seal several: each gets an initial counter
    /// of its own, out of 2^128.
    pub fn seal(secret: &[u8], key: &PassphraseKey, random: &mut dyn Random) -> Self {
        let mut iv = [0; 16];
        random.fill(&mut iv);
        let mut ciphertext = secret.to_vec();
        key.apply(&iv, &mut ciphertext);
        Self {
            cipher: CIPHER.to_owned(),
            cipherparams: CipherParams {
                iv: hex::encode(iv),
            },
            mac: hex::encode(key.mac(&ciphertext)),
            ciphertext: hex::encode(ciphertext),
            kdf: KDF.to_owned(),
            kdfparams: key.params.clone(),
        }
    }

    /// The key that a passphrase makes here.
    ///
    /// # Errors
    /// [`OpenError::Unknown`], [`OpenError::Malformed`].
    pub fn key(&self, passphrase: &str) -> Result<PassphraseKey, OpenError> {
        if self.kdf != KDF {
            return Err(OpenError::Unknown { what: "\"kdf\"" });
        }
        PassphraseKey::derive(passphrase, self.kdfparams.clone())
    }

    /// The secret. `key` may be that of another keystore of the same salt and
    /// work; else this one's own is made.
    ///
    /// # Errors
    /// [`OpenError::Passphrase`], and those of the format.
    pub fn open(
        &self,
        passphrase: &str,
        key: &PassphraseKey,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let own;
        let key = match key.params == self.kdfparams && self.kdf == KDF {
            true => key,
            false => {
                own = self.key(passphrase)?;
                &own
            }
        };
        if self.cipher != CIPHER {
            return Err(OpenError::Unknown { what: "\"cipher\"" });
        }
        let iv = octets(&self.cipherparams.iv, "\"iv\"")?;
        let iv: [u8; 16] = iv
            .try_into()
            .map_err(|_| OpenError::Malformed { what: "\"iv\"" })?;
        let mut secret = Zeroizing::new(octets(&self.ciphertext, "\"ciphertext\"")?);
        let mac = octets(&self.mac, "\"mac\"")?;
        if !bool::from(key.mac(&secret).ct_eq(&mac)) {
            return Err(OpenError::Passphrase);
        }
        key.apply(&iv, &mut secret);
        Ok(secret)
    }
}

fn octets(text: &str, what: &'static str) -> Result<Vec<u8>, OpenError> {
    hex::decode(text).map_err(|_| OpenError::Malformed { what })
}

/// A random one (RFC 9562, version 4), which keystores have and nobody reads.
fn uuid(random: &mut dyn Random) -> String {
    let mut octets = [0; 16];
    random.fill(&mut octets);
    octets[6] = 0x40 | (octets[6] & 0x0f);
    octets[8] = 0x80 | (octets[8] & 0x3f);
    let text = hex::encode(octets);
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    /// The example of the Web3 Secret Storage Definition, scrypt.
    const PUBLISHED: &str = r#"{
        "cipher": "aes-128-ctr",
        "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32, "n": 262144, "p": 8, "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"
    }"#;

    #[test]
    fn the_published_example_is_opened() {
        let sealed: Sealed = serde_json::from_str(PUBLISHED).unwrap();
        let key = sealed.key("testpassword").unwrap();
        assert_eq!(
            hex::encode(&*sealed.open("testpassword", &key).unwrap()),
            "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
        );
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_passphrase_alone() {
        let key = PassphraseKey::make("open sesame", Work::LEAST, &mut SystemRandom).unwrap();
        let sealed = Sealed::seal(b"forty thieves", &key, &mut SystemRandom);
        let opened = sealed.open("open sesame", &sealed.key("open sesame").unwrap());
        assert_eq!(&**opened.unwrap(), b"forty thieves");
        let wrong = sealed.key("open barley").unwrap();
        assert_eq!(
            sealed.open("open barley", &wrong),
            Err(OpenError::Passphrase)
        );
    }

    #[test]
    fn two_secrets_under_one_key_share_no_keystream() {
        let key = PassphraseKey::make("one", Work::LEAST, &mut SystemRandom).unwrap();
        let sealed = |secret: &[u8]| Sealed::seal(secret, &key, &mut SystemRandom).ciphertext;
        assert_ne!(sealed(&[0; 32]), sealed(&[0; 32]));
    }

    #[test]
    fn every_changed_field_is_refused() {
        let key = PassphraseKey::make("one", Work::LEAST, &mut SystemRandom).unwrap();
        let sealed = Sealed::seal(&[7; 32], &key, &mut SystemRandom);
        let open = |change: &dyn Fn(&mut Sealed)| {
            let mut changed = sealed.clone();
            change(&mut changed);
            changed.open("one", &changed.key("one")?).map(|_| ())
        };
        assert_eq!(open(&|_| {}), Ok(()));
        let unknown = |what| Err(OpenError::Unknown { what });
        assert_eq!(
            open(&|sealed| sealed.kdf = "pbkdf2".into()),
            unknown("\"kdf\"")
        );
        assert_eq!(
            open(&|sealed| sealed.cipher = "rot13".into()),
            unknown("\"cipher\"")
        );
        let work = "the work of \"kdfparams\"";
        assert_eq!(open(&|sealed| sealed.kdfparams.n = 3), unknown(work));
        assert_eq!(open(&|sealed| sealed.kdfparams.n = 0), unknown(work));
        assert_eq!(open(&|sealed| sealed.kdfparams.n = 1 << 40), unknown(work));
        assert_eq!(open(&|sealed| sealed.kdfparams.r = u32::MAX), unknown(work));
        assert_eq!(open(&|sealed| sealed.kdfparams.p = 9), unknown(work));
        assert_eq!(open(&|sealed| sealed.kdfparams.dklen = 16), unknown(work));
        let iv = Err(OpenError::Malformed { what: "\"iv\"" });
        assert_eq!(open(&|sealed| sealed.cipherparams.iv = "00".into()), iv);
        let passphrase = Err(OpenError::Passphrase);
        assert_eq!(open(&|sealed| sealed.mac = "00".into()), passphrase);
        assert_eq!(open(&|sealed| sealed.ciphertext.clear()), passphrase);
        assert_eq!(
            open(&|sealed| sealed.kdfparams.salt = "00".into()),
            passphrase
        );
    }
}
