//! What can be wrong with an `a=crypto` line.

use crate::keys::{AddKeyError, KeyError};
use crate::policy::SetUpError;

/// Why a line was not read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("octet {at}: {fault}")]
pub struct SdesError {
    /// Where in the line the fault is, in octets from its beginning.
    pub at: usize,
    /// What it is.
    pub fault: SdesFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdesFault {
    /// The line does not begin with `a=crypto:`.
    #[error("not an a=crypto line")]
    NotCrypto,
    /// A control character before the line's end.
    #[error("a control character")]
    ControlCharacter,
    /// The line ends before the tag.
    #[error("the tag is missing")]
    NoTag,
    /// The tag is not a number of one to nine digits.
    #[error("the tag is not a number of up to nine digits")]
    Tag,
    /// The line ends before the crypto-suite.
    #[error("the crypto-suite is missing")]
    NoSuite,
    /// The crypto-suite is none that this crate knows.
    #[error("the crypto-suite is not known")]
    Suite,
    /// The line ends before the key.
    #[error("the key is missing")]
    NoKey,
    /// The key method is not `inline`.
    #[error("the key method is not \"inline\"")]
    KeyMethod,
    /// Key and salt are not base64.
    #[error("key and salt are not base64")]
    Base64,
    /// Key and salt are not as long as the crypto-suite's.
    #[error("key and salt are not as long as the crypto-suite's")]
    KeyLength,
    /// The lifetime is not a number from 1 to 2^48.
    #[error("the lifetime is not a number from 1 to 2^48")]
    Lifetime,
    /// The MKI is not a number and a length of 1 to 128 octets that holds it.
    #[error("the MKI is not a number and a length of 1 to 128 octets that holds it")]
    Mki,
    /// Something follows the MKI.
    #[error("more than a lifetime and an MKI behind the key")]
    KeyInfo,
    /// More keys than [`CryptoAttribute::MAX_KEYS`](super::CryptoAttribute::MAX_KEYS).
    #[error("too many keys")]
    TooManyKeys,
    /// Of several keys, one has no MKI, one of another length, or another's.
    #[error("the MKIs do not tell the keys apart")]
    AmbiguousMki,
    /// The key derivation rate is not a number up to 24.
    #[error("the key derivation rate is not a number up to 24")]
    Kdr,
    /// The window size hint is not a number of 64 or more.
    #[error("the window size hint is not a number of 64 or more")]
    WindowSizeHint,
    /// FEC_ORDER is neither FEC_SRTP nor SRTP_FEC.
    #[error("the order of FEC is neither FEC_SRTP nor SRTP_FEC")]
    FecOrder,
    /// A session parameter is given twice.
    #[error("the session parameter is given twice")]
    Twice,
    /// A session parameter that is not known, and may not be left out.
    #[error("the session parameter is not known")]
    SessionParameter,
}

/// Why a line's keys did not make a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The attribute has no key, which no line can give.
    #[error("there is no key")]
    NoKey,
    /// One of several keys has no MKI, which no line can give.
    #[error("one of several keys has no MKI")]
    NoMki,
    /// A key is not of the crypto-suite.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The policy is of another profile, or does not hold together.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// A key does not go with the first one.
    #[error(transparent)]
    AddKey(#[from] AddKeyError),
}
