//! Where a phone learns what the registry holds.

use std::fmt;
use std::sync::Arc;

use callseal_registry_client::light::Beacon;
use callseal_registry_client::{
    Answer, Asked, LiveRegistries, Nodes, NodesError, OwnStapleError, Registries, Transport,
    Verified,
};
use callseal_sts::{Number, PublicKey, Staple};

use crate::own_record::Concern;
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

    /// What proves our own record to others, to be asked for on another thread; `None` where this source has no such
    /// thing, or has given it.
    fn own_record(&mut self) -> Option<Box<dyn OwnRecord>> {
        None
    }
}

/// Our own record, renewed apart from the look-ups: these do not wait for it.
pub trait OwnRecord: Send {
    /// What proves it to others.
    ///
    /// # Errors
    /// [`NotKnown`] where nothing is proven.
    fn staple(&mut self) -> Result<Staple, NotKnown>;
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
impl<T: Transport + Send> RecordSource for Nodes<T> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        answer_of(Self::look_up(self, number.as_str()))
    }
}

/// As of one block of each operator's chain that somebody else has found.
impl<T: Transport + Send> RecordSource for Registries<T> {
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        answer_of(Self::look_up(self, number.as_str()))
    }
}

fn answer_of(
    asked: Result<Asked<Verified<Answer>>, NodesError>,
) -> Result<Verified<Answer>, NotKnown> {
    let Asked { answer, faults, .. } = asked.map_err(|error| NotKnown::because(&error))?;
    for fault in faults {
        tracing::warn!("passed over {fault}");
    }
    Ok(answer)
}

/// As of the newest final block, which a light client finds; each number at its own operator.
pub struct LiveSource<B, T> {
    live: LiveRegistries<B, T>,
    own: Option<LiveOwnRecord<B, T>>,
    now: Now,
    seen: Option<SeenRevisions>,
}

/// Unix time in seconds.
type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Our own record, by a reader of its own over the same light client.
struct LiveOwnRecord<B, T> {
    live: LiveRegistries<B, T>,
    number: Number,
    key: PublicKey,
    now: Now,
    /// What the owner was told last of it.
    told: Option<Concern>,
}

impl<B: Beacon, T: Transport> LiveSource<B, T> {
    /// What the phone with this number and key asks, by two readers: one for others' records, one for its own. `now` is
    /// Unix time in seconds; what is known of revisions is remembered from `seen`, and kept there.
    pub(crate) fn new(
        [mut live, mut own]: [LiveRegistries<B, T>; 2],
        (number, key): (Number, PublicKey),
        now: impl Fn() -> u64 + Send + Sync + 'static,
        seen: Option<SeenRevisions>,
    ) -> Self {
        for seen in seen.iter().flat_map(SeenRevisions::iter) {
            live.remember(seen);
            own.remember(seen);
        }
        let now: Now = Arc::new(now);
        Self {
            live,
            own: Some(LiveOwnRecord {
                live: own,
                number,
                key,
                now: Arc::clone(&now),
                told: None,
            }),
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

impl<B, T> RecordSource for LiveSource<B, T>
where
    B: Beacon + Send + 'static,
    T: Transport + Send + 'static,
{
    fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, NotKnown> {
        let found = self.live.look_up(number.as_str(), (self.now)());
        self.keep(number);
        match found {
            Ok(found) => {
                for fault in &found.faults {
                    tracing::warn!("passed over {fault}");
                }
                Ok(found.answer)
            }
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

    fn own_record(&mut self) -> Option<Box<dyn OwnRecord>> {
        self.own.take().map(|own| Box::new(own) as _)
    }
}

impl<B: Beacon, T: Transport> LiveOwnRecord<B, T> {
    /// Tells the owner what the registry says of the own record and they may not have wanted, once.
    fn watch_over(&mut self, own: &Verified<Answer>) {
        let concern = Concern::of(own, &self.key);
        if let Some(concern) = &concern
            && !self.told.as_ref().is_some_and(|told| told.is(concern))
        {
            tracing::warn!("{}", concern.about(&self.number));
        }
        self.told = concern;
    }
}

impl<B: Beacon + Send, T: Transport + Send> OwnRecord for LiveOwnRecord<B, T> {
    fn staple(&mut self) -> Result<Staple, NotKnown> {
        let (number, key, now) = (self.number, self.key, (self.now)());
        let own = self.live.own_staple(number.as_str(), key.as_bytes(), now);
        match &own {
            Ok(own) => self.watch_over(&own.answer),
            // What was proven instead is kept.
            Err(OwnStapleError::AnotherKey | OwnStapleError::NotInForce) => {
                if let Ok(found) = self.live.look_up(number.as_str(), now) {
                    self.watch_over(&found.answer);
                }
            }
            Err(_) => {}
        }
        match own {
            Ok(own) => Staple::new(&own.octets).map_err(|error| NotKnown::because(&error)),
            Err(error) => Err(NotKnown::because(&error)),
        }
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

    fn own_record(&mut self) -> Option<Box<dyn OwnRecord>> {
        (**self).own_record()
    }
}
