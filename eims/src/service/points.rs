//! Where the service can be stopped: before and after every change of its
//! store and every transaction sent.

use thiserror::Error;

/// A moment in the service's work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Point {
    /// Nothing of the change is stored.
    BeforeWrite(Write),
    /// The change is stored and synced; nothing has followed from it.
    AfterWrite(Write),
    /// The transaction is stored, and not sent.
    BeforeSend(Purpose),
    /// The node has answered, and nothing has followed from that.
    AfterSend(Purpose),
}

/// The changes of the store, by name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Write {
    /// A token is bound to a phone.
    Bind,
    /// A phone has told its claim, and is to be paid.
    Tell,
    /// A transaction is signed.
    Sign(Purpose),
    /// It is signed again, with a higher fee and the same nonce.
    Replace(Purpose),
    /// It is deep enough in the chain.
    Settle(Purpose),
    /// Another transaction has its nonce.
    Lose(Purpose),
    /// What was settled or lost is out again: a fork has changed the chain.
    Reopen(Purpose),
    /// What was settled or lost is final.
    Forget,
    /// Blocks are scanned for claims.
    Scan,
    /// A claim is left pending, or its approval begins anew.
    Judge,
    /// A payment that was lost is to be made again.
    PayAgain,
}

/// What a transaction is for.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
pub enum Purpose {
    /// To pay fee money.
    Pay,
    /// To approve a claim.
    Approve,
    /// What the operator's people have it send.
    ByHand,
    /// To use a nonce that nothing has, so that those after it count.
    Fill,
}

/// Told at every point; a test's can stop the service there.
pub trait Points: Send + Sync {
    /// The service is here.
    ///
    /// # Errors
    ///
    /// [`Stopped`]: the service does nothing more, as if it was killed.
    fn reach(&self, point: Point) -> Result<(), Stopped>;
}

/// The service was stopped.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the service was stopped")]
pub struct Stopped;

/// Nobody stops it.
impl Points for () {
    fn reach(&self, _: Point) -> Result<(), Stopped> {
        Ok(())
    }
}
