//! The keys a session holds at a time, by their MKI.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::session::SessionKeys;
use super::{MasterKey, Mki};
use crate::policy::Policy;
use crate::profile::Profile;

/// One key without an MKI, or any number of keys whose MKIs are equally long.
#[derive(Debug)]
pub(crate) struct Keyring {
    mki_len: usize,
    keys: Vec<Key>,
}

/// A key and the MKI that packets name it by.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) mki: Mki,
    /// Boxed, so that a ring that grows leaves no copy of it behind.
    pub(crate) session: Box<SessionKeys>,
}

impl Keyring {
    /// A ring of one key, for packets without an MKI.
    pub(crate) fn unnamed(policy: &Policy, key: &MasterKey) -> Self {
        Self::of_one(policy, Mki::none(), key)
    }

    /// A ring of one key so far, for packets with an MKI of this length.
    pub(crate) fn named(policy: &Policy, mki: Mki, key: &MasterKey) -> Self {
        Self::of_one(policy, mki, key)
    }

    fn of_one(policy: &Policy, mki: Mki, key: &MasterKey) -> Self {
        Self {
            mki_len: mki.as_bytes().len(),
            keys: vec![Key::new(policy, mki, key)],
        }
    }

    pub(crate) fn mki_len(&self) -> usize {
        self.mki_len
    }

    /// Step 6 of a received packet: the key that it names.
    pub(crate) fn named_by(&self, mki: &[u8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.mki.as_bytes() == mki)
    }

    /// Step 6 of a packet to send: the key in this place.
    pub(crate) fn at(&self, place: usize) -> &Key {
        &self.keys[place]
    }

    pub(crate) fn place_of(&self, mki: &Mki) -> Option<usize> {
        self.keys.iter().position(|key| key.mki == *mki)
    }

    pub(crate) fn add(
        &mut self,
        policy: &Policy,
        mki: Mki,
        key: &MasterKey,
    ) -> Result<(), AddKeyError> {
        key.check_profile(policy.profile())?;
        let len = mki.as_bytes().len();
        if self.mki_len == 0 {
            return Err(AddKeyError::NoMki);
        }
        if len != self.mki_len {
            let expected = self.mki_len;
            return Err(AddKeyError::MkiLen { expected, len });
        }
        if self.place_of(&mki).is_some() {
            return Err(AddKeyError::MkiTaken);
        }
        self.keys.push(Key::new(policy, mki, key));
        Ok(())
    }

    /// Drops the key in this place; the keys behind it move up by one.
    pub(crate) fn remove(&mut self, place: usize) {
        self.keys.remove(place);
    }
}

impl Key {
    fn new(policy: &Policy, mki: Mki, key: &MasterKey) -> Self {
        let session = Box::new(SessionKeys::derive(key, policy));
        Self { mki, session }
    }
}

/// Why a session does not take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddKeyError {
    /// The key is for another profile than the session's.
    #[error("a key for {profile} where the session uses {expected}")]
    WrongProfile {
        /// The session's.
        expected: Profile,
        /// The key's.
        profile: Profile,
    },
    /// The session was begun without an MKI, and nothing could tell two keys apart.
    #[error("the session's packets carry no MKI")]
    NoMki,
    /// An MKI's length is fixed for a session's life (RFC 3711 §3.2.1).
    #[error("an MKI of {len} octets where the session's have {expected}")]
    MkiLen {
        /// The session's, in octets.
        expected: usize,
        /// This one's, in octets.
        len: usize,
    },
    /// A key of the session has this MKI.
    #[error("the MKI is another key's")]
    MkiTaken,
}

/// No key of the session has this MKI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key has this MKI")]
pub struct UnknownMki;

/// Why a key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveKeyError {
    /// No key of the session has this MKI.
    #[error("no key has this MKI")]
    Unknown,
    /// The sender protects packets with it; switch to another one first.
    #[error("the key is in use")]
    InUse,
}
