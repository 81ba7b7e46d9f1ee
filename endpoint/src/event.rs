//! What a leg tells its application.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use callseal_sts::messages::MessageKind;
use callseal_sts::{Failure, Identity, Number, PublicKey, Role, Sas, Staple, Suite};

use crate::Port;

/// Something that the application must know, or must do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Look this number up in the registry, off this thread, and hand the
    /// answer to [`Leg::look_up_done`](crate::Leg::look_up_done).
    LookUp {
        /// Whose record is wanted.
        number: Number,
    },
    /// The same, with what the number's owner has handed over to prove its
    /// record: where that proves `key`, no node need be asked
    /// (`LiveRegistry::look_up_stapled` decides). Comes only where
    /// [staples are taken](crate::Config::taking_staples).
    LookUpStapled {
        /// Whose record is wanted.
        number: Number,
        /// The key that is presented, and signed with.
        key: PublicKey,
        /// What is handed over. Nobody has judged it.
        staple: Staple,
    },
    /// A step of the call's set-up was taken.
    Step {
        /// Which.
        step: Step,
        /// When, on the clock of the caller's `now`.
        at: Duration,
    },
    /// The registry vouches for another key than the one that this number
    /// had before. The handshake waits, 30 s at most, for
    /// [`Leg::accept_changed_key`](crate::Leg::accept_changed_key) or
    /// [`Leg::refuse_changed_key`](crate::Leg::refuse_changed_key).
    KeyChanged {
        /// Whose key it is.
        number: Number,
        /// The key remembered from an earlier call.
        remembered: PublicKey,
        /// The key that it has now.
        presented: PublicKey,
    },
    /// The keys that packets are sent under come to the end of their lifetime
    /// (RFC 3711 §9.2): [`Leg::renew`](crate::Leg::renew) before it is reached,
    /// after which nothing is sent any more.
    KeyLifeLow,
    /// Both sides have proved who they are and the media keys are in use; of
    /// a renewal that the peer has begun, once the peer was heard under them.
    Secured(Box<Secured>),
    /// What the peer says of the media that it received.
    Report(Report),
    /// The peer's address has changed; the change was authenticated.
    RemoteMoved {
        /// Which address moved.
        port: Port,
        /// Where to.
        to: SocketAddr,
    },
    /// A handshake has failed. A call that is in progress goes on under the
    /// keys that it has; otherwise nothing is sent.
    HandshakeFailed {
        /// Why.
        why: Failure,
        /// Whether a secured call lives on.
        call_goes_on: bool,
    },
    /// Somebody called who is not expected, and was told so.
    TurnedAway {
        /// Who it claimed, and proved by signature, to be; the registry was
        /// not asked.
        identity: Identity,
    },
    /// The call is over. Nothing more is sent.
    Ended(EndReason),
}

/// A step of the call's set-up, in the order in which a caller or a callee
/// meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A registry look-up was asked for.
    LookUpStarted,
    /// A handshake message was sent for the first time.
    Sent(MessageKind),
    /// A handshake message was received and was valid.
    Accepted(MessageKind),
    /// The peer has handed over what is to prove its record.
    StapleReceived,
    /// The registry's verified answer has come.
    LookUpAnswered,
    /// The SRTP session keys are in place.
    KeysDerived,
    /// The first protected packet of media left.
    FirstProtectedSent,
    /// The first protected packet of media was authenticated.
    FirstProtectedReceived,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUpStarted => f.write_str("registry look-up started"),
            Self::Sent(kind) => write!(f, "{kind} sent"),
            Self::Accepted(kind) => write!(f, "{kind} accepted"),
            Self::StapleReceived => f.write_str("peer's own proof received"),
            Self::LookUpAnswered => f.write_str("registry answer verified"),
            Self::KeysDerived => f.write_str("SRTP keys derived"),
            Self::FirstProtectedSent => f.write_str("first protected packet sent"),
            Self::FirstProtectedReceived => f.write_str("first protected packet received"),
        }
    }
}

/// The outcome of a handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Secured {
    /// Whether this leg sent the first message or answered it.
    pub role: Role,
    /// The peer, for whose key the registry vouched.
    pub peer: Identity,
    /// The short authentication string, for people to compare.
    pub sas: Sas,
    /// What was agreed on.
    pub suite: Suite,
    /// The MKI of the packets under these keys.
    pub epoch: u8,
    /// Whether the peer's key was known from an earlier call.
    pub known: Known,
    /// Whether this renews the keys of a call that was already secured.
    pub renewal: bool,
}

/// What was known of the peer's key before this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known {
    /// Nothing: the first call with this number.
    FirstContact,
    /// It was this same key.
    SameKey,
    /// It was another key; the user has accepted the new one.
    ChangedKey,
}

/// One report block about a stream of ours (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The stream of ours that it is about.
    pub ssrc: u32,
    /// Lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start; negative where duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// Interarrival jitter in units of the stream's timestamp.
    pub jitter: u32,
    /// The round trip, where the peer has had a sender report of ours.
    pub round_trip: Option<Duration>,
}

/// Why a call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The peer sent an authenticated BYE.
    ByeReceived {
        /// Its reason, if it gave one; text of the peer's choosing.
        reason: Option<String>,
    },
    /// [`Leg::hang_up`](crate::Leg::hang_up) was called.
    HungUp,
    /// Nothing authentic was heard for the configured time.
    Silence,
    /// The call that this leg made was never secured.
    NotSecured,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByeReceived {
                reason: Some(reason),
            } => write!(f, "the peer hung up: {reason}"),
            Self::ByeReceived { reason: None } => f.write_str("the peer hung up"),
            Self::HungUp => f.write_str("hung up"),
            Self::Silence => f.write_str("nothing authentic was heard from the peer any more"),
            Self::NotSecured => f.write_str("the call could not be secured"),
        }
    }
}
