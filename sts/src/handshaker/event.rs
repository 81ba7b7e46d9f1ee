//! What a handshaker has to tell.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use thiserror::Error;

use super::path::Origin;

use crate::established::{Established, Role};
use crate::initiator::{M2Error, M4Error, RefusedStatus};
use crate::messages::{MessageError, MessageKind};
use crate::responder::{M1Error, M3Error};
use crate::{Identity, Number, Refusal, Staple};

/// Names a handshake within its [`Handshaker`](super::Handshaker); never used
/// twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionHandle(pub(super) u64);

/// A message to be sent, fragmented and wrapped by whoever carries it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The whole message; cheap to clone.
    pub message: Arc<[u8]>,
    /// The tag for its fragments; the same for every repetition.
    pub message_tag: u32,
    /// What to put on every fragment.
    pub cookie: Option<[u8; 16]>,
}

/// What has happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// This number's key will be asked for soon: a look-up may begin now.
    /// Comes once for a call and once for the expected peer of a callee.
    LookUpAdvised {
        /// The handshake it is for.
        session: SessionHandle,
        /// Whose key.
        number: Number,
    },
    /// The peer has shown who it is and signed it. Now somebody has to say
    /// whether the key belongs to the number: see
    /// [`Handshaker::accept`](super::Handshaker::accept) and
    /// [`Handshaker::refuse`](super::Handshaker::refuse), within 30 s.
    PeerPresented {
        /// The handshake that waits.
        session: SessionHandle,
        /// Our own side in it.
        role: Role,
        /// What the peer presents.
        identity: Identity,
        /// Where it speaks from.
        origin: Origin,
        /// What it hands over to show that the key is the number's, if
        /// [it was asked to](super::Config::taking_staples). Nobody has judged
        /// it.
        staple: Option<Staple>,
    },
    /// The call has its keys.
    Established {
        /// The handshake that is finished.
        session: SessionHandle,
        /// Where the peer is: the address that was called, or the one that
        /// its M3 came from.
        remote: SocketAddr,
        /// The keys and with whom they are shared.
        established: Box<Established>,
    },
    /// A call of our own, or an incoming one that was presented, has failed.
    Failed {
        /// The handshake that is over.
        session: SessionHandle,
        /// Why.
        why: Failure,
    },
    /// A handshake gave way to another with the same peer: both had called at
    /// once.
    Superseded {
        /// The handshake that is over.
        session: SessionHandle,
        /// The one that finished instead.
        by: SessionHandle,
    },
    /// Somebody was refused because somebody else is expected here, or is
    /// already in a call with us.
    TurnedAway {
        /// The handshake that is over.
        session: SessionHandle,
        /// Who it was, as far as he says himself.
        identity: Identity,
    },
    /// A caller never came back with its proof.
    Abandoned {
        /// The handshake that is over.
        session: SessionHandle,
        /// What came last instead.
        last_ignored: Option<Ignored>,
    },
    /// A message was given out to be sent. For timelines; dropped first when
    /// nobody polls.
    MessageSent {
        /// The handshake it is part of.
        session: SessionHandle,
        /// Which message.
        kind: MessageKind,
        /// Whether it had been sent before.
        repeated: bool,
    },
    /// A message was found good. For timelines; dropped first when nobody
    /// polls.
    MessageAccepted {
        /// The handshake it is part of.
        session: SessionHandle,
        /// Which message.
        kind: MessageKind,
    },
    /// A message was ignored: anybody can have sent it. For logs; dropped
    /// first when nobody polls.
    MessageIgnored {
        /// Where it came from.
        from: SocketAddr,
        /// Why.
        why: Ignored,
    },
}

/// Why a message was ignored.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Ignored {
    /// It is no message.
    #[error("not a handshake message: {0}")]
    Unreadable(MessageError),
    /// It is part of no handshake that we know, or not of its present step.
    #[error("{0} does not belong to any handshake under way")]
    NoSuchSession(MessageKind),
    /// It answers a call of ours from another address than the one called.
    #[error("{0} comes from another address than the one called")]
    OtherAddress(MessageKind),
    /// Calls are not answered here.
    #[error("calls are not answered here")]
    NotAnswering,
    /// Its own sender shows it to us: it is our own M1.
    #[error("our own M1 came back")]
    OwnM1,
    /// Both sides call at once, and our own call goes first.
    #[error("both sides call at once, and our own call goes first")]
    OurCallGoesFirst,
    /// There are too many handshakes under way with its sender's address.
    #[error("too many handshakes are under way")]
    Full,
    /// A cookie is asked for first.
    #[error("a cookie was asked for first")]
    Challenged,
    /// The last handshake beside the call is less than ten seconds old.
    #[error("the last handshake of this call is less than ten seconds old")]
    TooSoon,
    /// Since its M1 another handshake has finished, with the epoch that this
    /// one was given, or in the place of the call that it renews.
    #[error("another handshake of this call has finished since its M1")]
    Overtaken,
    /// The same caller sends one M3 after another.
    #[error("M3s of this handshake come too often")]
    TooOften,
    /// M1 is not good.
    #[error(transparent)]
    M1(#[from] M1Error),
    /// M2 is not good.
    #[error(transparent)]
    M2(#[from] M2Error),
    /// M3 is not good.
    #[error(transparent)]
    M3(#[from] M3Error),
    /// M4 is not good.
    #[error(transparent)]
    M4(#[from] M4Error),
}

/// Why a handshake has failed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Failure {
    /// What was waited for did not come in time.
    #[error("no good {waiting_for} came in time{}", last(.last_ignored))]
    TimedOut {
        /// What was waited for.
        waiting_for: MessageKind,
        /// What came last instead.
        last_ignored: Option<Ignored>,
    },
    /// Nobody said within 30 s whether the presented key is good.
    #[error("no verdict on the peer's key within 30 s")]
    NoVerdict,
    /// The callee refuses.
    #[error("the callee refuses: {}", reason(.0))]
    RefusedByPeer(RefusedStatus),
    /// We refused.
    #[error("refused here: {0}")]
    RefusedHere(Refusal),
}

/// Why a call cannot begin.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The number is our own.
    #[error("the number called is our own")]
    OwnNumber,
    /// Another peer is expected here.
    #[error("only {0} is expected here")]
    NotExpected(Number),
    /// There is a call with somebody else.
    #[error("in a call with {0}")]
    InACall(Number),
    /// There is no call to renew.
    #[error("there is no call to renew")]
    NoCall,
    /// A call of our own is under way.
    #[error("a call is already under way")]
    AlreadyCalling(SessionHandle),
    /// The number is calling us and waits for our verdict.
    #[error("that number is calling and waits for our verdict")]
    PeerIsCalling(SessionHandle),
    /// The last handshake beside the call is less than ten seconds old.
    #[error("the last handshake of this call is less than ten seconds old")]
    TooSoon {
        /// When it may be tried again.
        until: Duration,
    },
}

/// Why a verdict was not taken.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AcceptError {
    /// No such handshake waits for a verdict (any more).
    #[error("no such handshake waits for a verdict")]
    NotWaiting,
    /// The key vouched for is not the one presented. A callee's handshake
    /// still waits, for another verdict; a caller's waits for another M2, now
    /// only with the key vouched for.
    #[error("the key vouched for is not the one presented")]
    AnotherKey,
    /// What is vouched for is another number altogether.
    #[error("another number than the one presented is vouched for")]
    AnotherNumber,
    /// Meanwhile there is a call with somebody else. The handshake is over;
    /// its caller has been told that we decline.
    #[error("meanwhile there is a call with somebody else")]
    SomebodyElse,
}

fn last(ignored: &Option<Ignored>) -> String {
    match ignored {
        Some(why) => format!("; last ignored: {why}"),
        None => "; nobody answered".to_owned(),
    }
}

fn reason(status: &RefusedStatus) -> String {
    match status.refusal() {
        Some(why) => why.to_string(),
        None => format!("status {}", status.octet()),
    }
}
