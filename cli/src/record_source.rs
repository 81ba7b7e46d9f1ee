//! Where a phone learns what the registry holds.

use std::fmt;

use callseal_registry_client::light::Beacon;
use callseal_registry_client::{Answer, LiveRegistries, Registries, Registry, Transport, Verified};
use callseal_sts::{Number, PublicKey, Staple};

use crate::seen_revisions::SeenRevisions;

/// Somebody who can say what a number's record is, with proof.
pub trait RecordSource: Send {
    /// The record of a number.
    ///
    /// # Errors
    /// [`NotKnown`] where nothing is proven.
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown>;

    /// Whether peers are asked for what proves their record.
    fn takes_staples(&self) -> bool {
        false
    }

    /// The record of a number by what its owner has handed over; where that proves nothing, as
    /// [`look_up`](Self::look_up) does. Also, why what was handed over does not count, if it does not.
    fn look_up_stapled(
        &mut self,
        number: &Number,
        _key: &PublicKey,
        _staple: &Staple,
    ) -> (Result<Verified<Answer>, NotKnown>, Result<(), NotKnown>) {
        let unread = NotKnown("it is not read here".to_owned());
        (self.look_up(number), Err(unread))
    }

    /// What proves our own record to others; `None` where this source has no such thing.
    fn own_staple(&mut self) -> Option<Result<Staple, NotKnown>> {
        None
    }
}

/// Why nothing is known, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKnown(pub String);

impl NotKnown {
    fn because(error: &dyn fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// As of one block that somebody else has found.
impl<T: Transport + Send> RecordSource for Registry<T> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        Self::look_up(self, number.as_str()).map_err(|error| NotKnown::because(&error))
    }
}

/// As of one block of each operator's chain that somebody else has found.
impl<T: Transport + Send> RecordSource for Registries<T> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        Self::look_up(self, number.as_str()).map_err(|error| NotKnown::because(&error))
    }
}

/// As of the newest final block, which a light client finds; each number at its own operator.
pub struct LiveSource<B, T> {
    live: LiveRegistries<B, T>,
    number: Number,
    key: PublicKey,
    now: Box<dyn Fn() -> u64 + Send>,
    seen: Option<SeenRevisions>,
}

impl<B: Beacon, T: Transport> LiveSource<B, T> {
    /// What the phone with this number and key asks. `now` is Unix time in seconds; what is known of revisions is
    /// remembered from `seen`, and kept there.
    pub(crate) fn new(
        live: impl Into<LiveRegistries<B, T>>,
        (number, key): (Number, PublicKey),
        now: Box<dyn Fn() -> u64 + Send>,
        seen: Option<SeenRevisions>,
    ) -> Self {
        let mut live = live.into();
        for seen in seen.iter().flat_map(SeenRevisions::iter) {
            live.remember(seen);
        }
        Self {
            live,
            number,
            key,
            now,
            seen,
        }
    }

    /// Keeps what was seen of a number.
    fn keep(&mut self, number: &Number) {
        if let Some(file) = &mut self.seen
            && let Some(seen) = self.live.seen_revision(number.as_str())
            && let Err(error) = file.note(seen)
        {
            tracing::warn!("{error:#}");
        }
    }
}

impl<B: Beacon + Send, T: Transport + Send> RecordSource for LiveSource<B, T> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        let found = self.live.look_up(number.as_str(), (self.now)());
        self.keep(number);
        match found {
            Ok(found) => Ok(found.answer),
            Err(error) => Err(NotKnown::because(&error)),
        }
    }

    fn takes_staples(&self) -> bool {
        true
    }

    fn look_up_stapled(
        &mut self,
        number: &Number,
        key: &PublicKey,
        staple: &Staple,
    ) -> (Result<Verified<Answer>, NotKnown>, Result<(), NotKnown>) {
        let (key, staple) = (key.as_bytes(), staple.as_bytes());
        let now = (self.now)();
        let verified = self.live.verify_staple(number.as_str(), key, staple, now);
        self.keep(number);
        match verified {
            Ok(answer) => (Ok(answer), Ok(())),
            Err(refused) => (self.look_up(number), Err(NotKnown::because(&refused))),
        }
    }

    fn own_staple(&mut self) -> Option<Result<Staple, NotKnown>> {
        let (number, key) = (self.number, self.key);
        let own = self
            .live
            .own_staple(number.as_str(), key.as_bytes(), (self.now)());
        Some(match own {
            Ok(own) => Staple::new(&own.octets).map_err(|error| NotKnown::because(&error)),
            Err(error) => Err(NotKnown::because(&error)),
        })
    }
}

impl<S: RecordSource + ?Sized> RecordSource for Box<S> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        (**self).look_up(number)
    }

    fn takes_staples(&self) -> bool {
        (**self).takes_staples()
    }

    fn look_up_stapled(
        &mut self,
        number: &Number,
        key: &PublicKey,
        staple: &Staple,
    ) -> (Result<Verified<Answer>, NotKnown>, Result<(), NotKnown>) {
        (**self).look_up_stapled(number, key, staple)
    }

    fn own_staple(&mut self) -> Option<Result<Staple, NotKnown>> {
        (**self).own_staple()
    }
}
