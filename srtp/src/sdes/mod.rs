//! Keys in SDP: the `a=crypto` attribute of RFC 4568.
//!
//! ```
//! use callseal_srtp::sdes::CryptoAttribute;
//!
//! let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
//!             inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4 KDR=10";
//! let attribute = CryptoAttribute::parse(line)?;
//! assert_eq!(attribute.profile.name(), "AES_CM_128_HMAC_SHA1_80");
//! assert_eq!(attribute.keys[0].lifetime, Some(1 << 20));
//! assert_eq!(attribute.to_line().as_str(), line);
//!
//! // What the other end announced is what it sends with.
//! let receiver = attribute.receiver(attribute.policy())?;
//! assert_eq!(receiver.policy().key_derivation_rate().get(), 1_024);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod error;
mod inline_key;
mod mki_value;
mod session;
mod words;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use zeroize::Zeroizing;

pub use self::error::{SdesError, SdesFault, SessionError};
pub use self::inline_key::InlineKey;
pub use self::session::{FecOrder, SessionParameters};

use self::words::{Word, Words};
use crate::policy::Policy;
use crate::profile::Profile;
use crate::receiver::Receiver;
use crate::sender::Sender;

/// One `a=crypto` line.
///
/// Its keys are secret: `Debug` leaves them out, and
/// [`to_line`](Self::to_line) is the only way to have them printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CryptoAttribute {
    /// What offer and answer match lines by, 0 to 999,999,999.
    pub tag: u32,
    /// The crypto-suite.
    pub profile: Profile,
    /// The keys, at least one, in the order of the line. Several have MKIs of
    /// one length.
    pub keys: Vec<InlineKey>,
    /// The session parameters.
    pub session: SessionParameters,
}

impl CryptoAttribute {
    /// The most keys that a line may have.
    pub const MAX_KEYS: usize = 32;

    /// A line of one key and without session parameters.
    #[must_use]
    pub fn new(tag: u32, profile: Profile, key: InlineKey) -> Self {
        Self {
            tag,
            profile,
            keys: [key].into(),
            session: SessionParameters::default(),
        }
    }

    /// Reads a line, with or without its end.
    ///
    /// # Errors
    ///
    /// [`SdesError`] says what is wrong, and where. [`SdesFault::Suite`] is no
    /// fault of the line's: an offer has other lines for who does not know the
    /// suite.
    pub fn parse(line: &str) -> Result<Self, SdesError> {
        let mut words = Words::of(line)?;
        let tag = parse_tag(words.next(SdesFault::NoTag)?)?;
        let suite = words.next(SdesFault::NoSuite)?;
        let profile = Profile::from_name(suite.text).ok_or(suite.fault(SdesFault::Suite))?;
        let keys = words.next(SdesFault::NoKey)?;
        let keys = inline_key::parse_list(keys, profile)?;
        let session = SessionParameters::parse(words, profile)?;
        Ok(Self {
            tag,
            profile,
            keys,
            session,
        })
    }

    /// The line, without its end; wiped when it is dropped.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        // As long as it can become, so that no piece of it stays behind in
        // memory that was given back.
        let keys_len = (self.keys.len() + self.session.fec_keys.len()) * InlineKey::MAX_LINE_LEN;
        let mut line = Zeroizing::new(String::with_capacity(keys_len + 512));
        // Writing to a string does not fail.
        let _ = write!(line, "a=crypto:{} {} ", self.tag, self.profile);
        inline_key::print_list(&self.keys, &mut line);
        self.session.print(&mut line);
        line
    }

    /// The policy that the line asks for; replay windows and the like are this
    /// end's own affair.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.session.apply_to(Policy::new(self.profile))
    }

    /// A sender with the line's keys, of which it begins with the first one.
    ///
    /// # Errors
    ///
    /// [`SessionError`] where the policy does not go with the line.
    pub fn sender(&self, policy: Policy) -> Result<Sender, SessionError> {
        let (first, others) = self.keys.split_first().ok_or(SessionError::NoKey)?;
        let key = first.master_key(self.profile)?;
        let mut sender = match &first.mki {
            Some(mki) => Sender::with_mki(policy, mki.clone(), key)?,
            None => Sender::new(policy, key)?,
        };
        for other in others {
            sender.add_key(other.needed_mki()?, other.master_key(self.profile)?)?;
        }
        Ok(sender)
    }

    /// A receiver with the line's keys.
    ///
    /// # Errors
    ///
    /// [`SessionError`] where the policy does not go with the line.
    pub fn receiver(&self, policy: Policy) -> Result<Receiver, SessionError> {
        let (first, others) = self.keys.split_first().ok_or(SessionError::NoKey)?;
        let key = first.master_key(self.profile)?;
        let mut receiver = match &first.mki {
            Some(mki) => Receiver::with_mki(policy, mki.clone(), key)?,
            None => Receiver::new(policy, key)?,
        };
        for other in others {
            receiver.add_key(other.needed_mki()?, other.master_key(self.profile)?)?;
        }
        Ok(receiver)
    }
}

/// RFC 4568 §9.1: one to nine digits.
fn parse_tag(word: Word<'_>) -> Result<u32, SdesError> {
    let tag = word.number(999_999_999);
    let tag = tag.and_then(|tag| u32::try_from(tag).ok());
    tag.ok_or(word.fault(SdesFault::Tag))
}
