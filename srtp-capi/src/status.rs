//! What every function of the interface answers.

use callseal_srtp::{ProtectError, SetUpError, UnprotectError};

/// `srtp_err_status_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was done.
    Ok = 0,
    /// It was not, for a reason that has no number of its own; a bug in this
    /// library among them.
    Fail = 1,
    /// An argument cannot be.
    BadParam = 2,
    /// No memory, or no room for another stream.
    AllocFail = 3,
    /// Never answered.
    DeallocFail = 4,
    /// A key could not be used.
    InitFail = 5,
    /// More to encrypt than there is keystream for one packet.
    Terminus = 6,
    /// The packet is not genuine.
    AuthFail = 7,
    /// A cipher of the caller's own refused.
    CipherFail = 8,
    /// The packet's index has been used.
    ReplayFail = 9,
    /// The packet's index is behind the window.
    ReplayOld = 10,
    /// A cipher or tag of the caller's own computes something else.
    AlgoFail = 11,
    /// A cipher of the caller's own does not have the operation.
    NoSuchOp = 12,
    /// No stream has the packet's SSRC, and there is no template for it.
    NoCtx = 13,
    /// The packet is encrypted where the policy says otherwise, or the reverse.
    CantCheck = 14,
    /// The key or the stream has come to its last packet.
    KeyExpired = 15,
    /// Never answered.
    SocketErr = 16,
    /// Never answered.
    SignalErr = 17,
    /// Never answered.
    NonceBad = 18,
    /// Never answered.
    ReadFail = 19,
    /// Never answered.
    WriteFail = 20,
    /// The packet's header extension, or what it leaves of the packet, cannot
    /// be; or a snapshot is damaged.
    ParseErr = 21,
    /// A snapshot could not be written down.
    EncodeErr = 22,
    /// Never answered.
    SemaphoreErr = 23,
    /// Never answered.
    PfkeyErr = 24,
    /// No key has the packet's MKI, or this number.
    BadMki = 25,
    /// A ROC was set that lies behind the stream.
    PktIdxOld = 26,
    /// The packet's index lies beyond what a snapshot has reserved.
    PktIdxAdv = 27,
    /// The packet has CSRCs and no header extension to encrypt them with.
    CryptexErr = 28,
}

impl Status {
    /// What C gets of a result.
    #[must_use]
    pub fn of(result: Result<(), Self>) -> Self {
        match result {
            Ok(()) => Self::Ok,
            Err(status) => status,
        }
    }
}

impl From<SetUpError> for Status {
    fn from(_: SetUpError) -> Self {
        Self::BadParam
    }
}

impl From<ProtectError> for Status {
    fn from(error: ProtectError) -> Self {
        match error {
            ProtectError::Replayed => Self::ReplayFail,
            ProtectError::TooOld => Self::ReplayOld,
            ProtectError::IndexExhausted | ProtectError::KeySpent => Self::KeyExpired,
            ProtectError::TooManyStreams => Self::AllocFail,
            ProtectError::TooLong => Self::CipherFail,
            ProtectError::NotCryptex => Self::ParseErr,
            ProtectError::NotReserved => Self::PktIdxAdv,
            ProtectError::NoKey => Self::BadMki,
            _ => Self::BadParam,
        }
    }
}

impl From<UnprotectError> for Status {
    fn from(error: UnprotectError) -> Self {
        match error {
            UnprotectError::AuthenticationFailed => Self::AuthFail,
            UnprotectError::Replayed => Self::ReplayFail,
            UnprotectError::TooOld => Self::ReplayOld,
            UnprotectError::EncryptFlag => Self::CantCheck,
            UnprotectError::UnknownMki | UnprotectError::NoKey => Self::BadMki,
            UnprotectError::IndexExhausted | UnprotectError::KeySpent => Self::KeyExpired,
            UnprotectError::TooManyStreams => Self::AllocFail,
            UnprotectError::TooLong => Self::CipherFail,
            UnprotectError::Malformed(_) | UnprotectError::NotCryptex => Self::ParseErr,
            _ => Self::BadParam,
        }
    }
}
