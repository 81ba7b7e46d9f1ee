//! The operator's side of the agreement: the responder (PROTOCOL.md §3.4).

use core::fmt;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::book::{BookUnavailable, Standing, TokenBook};
use crate::messages::{Kind, M1Sealed, M2Sealed, MalformedMessage, equal};
use crate::psk::Parties;
use crate::random::draw;
use crate::runs::{HalfOpen, Known, Runs};
use crate::sealing::{SealingKey, SealingPublicKey};
use crate::token::{MalformedToken, VerifyError};
use crate::transcript::{Context, Transcript};
use crate::{
    Limits, Moment, OperatorId, Psk, PskRole, Random, Token, TokenClaims, TokenHash, TokenSigners,
};

/// The operator: answers any number of phones at once.
///
/// What is refused changes nothing. See [`AwaitMessage2`](crate::AwaitMessage2)
/// for a whole agreement.
pub struct Responder {
    operator: OperatorId,
    keys: ResponderKeys,
    runs: Runs,
}

/// The operator's keys, as its registry has them.
///
/// ```
/// use callseal_eims::{ResponderKeys, SealingKey, SigningKey, TokenSigners};
///
/// let signers = TokenSigners::new(SigningKey::from_bytes([1; 32])?.public());
/// let keys = ResponderKeys::new(SealingKey::from_bytes([2; 32]), signers)
///     .with_previous(SealingKey::from_bytes([3; 32]), 1_800_000_000);
/// # Ok::<(), callseal_eims::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResponderKeys {
    present: SealingKey,
    previous: Option<(SealingKey, u64)>,
    signers: TokenSigners,
}

/// A completed agreement.
#[derive(Debug)]
pub struct Agreed {
    /// Which token the phone has shown; it is bound to the phone's key now.
    pub token: TokenHash,
    /// What the token says.
    pub claims: TokenClaims,
    /// The phone.
    pub phone_key: SealingPublicKey,
    /// The key for one connection with it.
    pub psk: Psk,
}

/// A message 3 that comes from the phone: what is to be bound, and in which
/// run.
#[derive(Debug)]
pub struct Proven {
    /// The token that the phone has shown.
    pub token: TokenHash,
    /// The phone.
    pub phone_key: SealingPublicKey,
    run: Transcript,
    th_3: Transcript,
}

/// Why message 1 is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Message1Error {
    /// It is not message 1.
    #[error(transparent)]
    Malformed(#[from] MalformedMessage),
    /// It is sealed to a key that is not, or no longer, the operator's.
    #[error("message 1 is sealed to another key than the operator's")]
    UnknownSealingKey,
    /// What it hides cannot be opened.
    #[error("message 1 cannot be opened")]
    Authentication,
    /// It hides no token.
    #[error(transparent)]
    MalformedToken(#[from] MalformedToken),
    /// The token is not good.
    #[error(transparent)]
    BadToken(#[from] VerifyError),
    /// It was made too long ago or is dated too far ahead: it is a replay, or
    /// the phone's clock is wrong.
    #[error("message 1 is dated {made}, and the time is {now} (Unix seconds)")]
    Stale {
        /// When the phone says it made it.
        made: u64,
        /// When it came.
        now: u64,
    },
    /// The phone's key is of low order, or the operator's own.
    #[error("the phone's key is not usable")]
    UnusablePhoneKey,
    /// The token's number is enrolled.
    #[error("the token has been used")]
    UsedToken,
    /// Another phone has completed an agreement with the token.
    #[error("the token belongs to another phone")]
    BoundElsewhere,
    /// The same message 1 has come before, and its run is completed or over.
    #[error("message 1 is a replay: its run is over")]
    Replayed,
    /// Too many runs with this token in the last ten minutes.
    #[error("too many tries with this token; wait ten minutes")]
    TooManyRuns,
    /// Too many runs in all; try again later.
    #[error("the operator is busy")]
    Busy,
    /// The record of tokens does not answer.
    #[error(transparent)]
    Book(#[from] BookUnavailable),
}

/// Why message 3 is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Message3Error {
    /// It is not message 3.
    #[error(transparent)]
    Malformed(#[from] MalformedMessage),
    /// It names no run that is known.
    #[error("message 3 belongs to no run that is known")]
    UnknownRun,
    /// Its run is completed already, or its minute is over.
    #[error("message 3 is a replay or comes too late: its run is over")]
    Over,
    /// The run's sealing key is the operator's no longer.
    #[error("the operator's key was replaced; begin again")]
    UnknownSealingKey,
    /// It does not come from the phone.
    #[error("message 3 is not from the phone")]
    Authentication,
    /// The token's number was enrolled meanwhile.
    #[error("the token has been used")]
    UsedToken,
    /// Another phone was faster.
    #[error("the token belongs to another phone")]
    BoundElsewhere,
    /// The record of tokens does not answer; the phone may send again.
    #[error(transparent)]
    Book(#[from] BookUnavailable),
}

impl ResponderKeys {
    /// The present keys.
    pub fn new(sealing: SealingKey, signers: TokenSigners) -> Self {
        Self {
            present: sealing,
            previous: None,
            signers,
        }
    }

    /// And the sealing key before, as long as the time is before `until`
    /// (Unix seconds): the registry's overlap.
    #[must_use]
    pub fn with_previous(self, sealing: SealingKey, until: u64) -> Self {
        Self {
            previous: Some((sealing, until)),
            ..self
        }
    }

    fn in_force(&self, public: SealingPublicKey, unix: u64) -> Option<&SealingKey> {
        if self.present.public() == public {
            return Some(&self.present);
        }
        let (key, until) = self.previous.as_ref()?;
        (key.public() == public && unix < *until).then_some(key)
    }

    fn is_own(&self, public: SealingPublicKey) -> bool {
        let previous = self.previous.as_ref().map(|(key, _)| key.public());
        self.present.public() == public || previous == Some(public)
    }
}

impl Responder {
    /// How far from the operator's clock message 1 may be dated, in seconds,
    /// either way.
    pub const SKEW: u64 = 300;
    /// How long message 3 is awaited.
    pub const PATIENCE: Duration = Duration::from_secs(60);
    /// How long a message 1 is known as seen: as long as its date lets it in.
    pub const MEMORY: Duration = Duration::from_secs(2 * Self::SKEW + 1);

    /// An operator without runs.
    pub fn new(operator: OperatorId, keys: ResponderKeys, limits: Limits) -> Self {
        Self {
            operator,
            keys,
            runs: Runs::new(limits),
        }
    }

    /// After a rotation. Runs under a key that is not among the new ones end.
    pub fn set_keys(&mut self, keys: ResponderKeys) {
        self.keys = keys;
    }

    /// How many runs wait for message 3.
    pub fn half_open(&self) -> usize {
        self.runs.half_open()
    }

    /// Takes message 1 and gives message 2. The same message 1 again, while
    /// message 3 is awaited, gives the same message 2 and changes nothing.
    ///
    /// # Errors
    ///
    /// [`Message1Error`]; nothing is kept of it.
    pub fn receive_message_1(
        &mut self,
        message_1: &[u8],
        now: Moment,
        book: &impl TokenBook,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Message1Error> {
        self.runs.forget(now.elapsed);
        let message = Kind::M1.parse(message_1)?;
        let th_1 = Transcript::begin(message_1);
        match self.runs.get(&th_1) {
            Some(Known::HalfOpen(run)) => return Ok(run.message_2.clone()),
            Some(Known::Over) => return Err(Message1Error::Replayed),
            None => {}
        }
        let key = self
            .keys
            .in_force(SealingPublicKey(message.name), now.unix)
            .ok_or(Message1Error::UnknownSealingKey)?;
        let context = Context::new(Kind::M1, None, message.clear);
        let hidden = key
            .open(&context, message.sealed)
            .and_then(|octets| M1Sealed::parse(&octets))
            .ok_or(Message1Error::Authentication)?;
        let token = Token::from_bytes(&*hidden.token)?;
        let claims = token.verify(&self.operator, &self.keys.signers, now.unix)?;
        if hidden.made.abs_diff(now.unix) > Self::SKEW {
            return Err(Message1Error::Stale {
                made: hidden.made,
                now: now.unix,
            });
        }
        if self.keys.is_own(hidden.phone_key) {
            return Err(Message1Error::UnusablePhoneKey);
        }
        let token = token.hash();
        match book.standing(&token)? {
            Standing::Unused => {}
            Standing::Bound(phone) if phone == hidden.phone_key => {}
            Standing::Bound(_) => return Err(Message1Error::BoundElsewhere),
            Standing::Used => return Err(Message1Error::UsedToken),
        }
        self.runs.admit(&token)?;

        let answer = M2Sealed {
            na: hidden.na,
            nb: Zeroizing::new(draw(random)),
            operator: self.operator.to_bytes(),
            sealing_key: key.public(),
        };
        let mut message_2 = Kind::M2.clear(&th_1.0);
        let context = Context::new(Kind::M2, Some(th_1), &message_2);
        let sealed = hidden
            .phone_key
            .seal(&context, &answer.to_bytes(), random)
            .map_err(|_| Message1Error::UnusablePhoneKey)?;
        message_2.extend_from_slice(&sealed);
        let run = HalfOpen {
            th_2: th_1.and(&message_2),
            message_2: message_2.clone(),
            na: answer.na,
            nb: answer.nb,
            phone_key: hidden.phone_key,
            sealing_key: answer.sealing_key,
            token,
            claims,
        };
        self.runs.open(th_1, run, now.elapsed);
        Ok(message_2)
    }

    /// Takes message 3, binds the token to the phone's key in the book, and
    /// ends the run: [`open_message_3`](Self::open_message_3) and
    /// [`complete`](Self::complete) with the book between them.
    ///
    /// # Errors
    ///
    /// [`Message3Error`]; the run goes on waiting if it did.
    pub fn receive_message_3(
        &mut self,
        message_3: &[u8],
        now: Moment,
        book: &mut impl TokenBook,
    ) -> Result<Agreed, Message3Error> {
        let proven = self.open_message_3(message_3, now)?;
        let standing = book.bind(&proven.token, &proven.phone_key)?;
        self.complete(proven, standing, now)
    }

    /// Takes message 3 and says what to bind in the book, which may take its
    /// time: other runs go on meanwhile. The run waits on.
    ///
    /// # Errors
    ///
    /// [`Message3Error`]; the run goes on waiting if it did.
    pub fn open_message_3(
        &mut self,
        message_3: &[u8],
        now: Moment,
    ) -> Result<Proven, Message3Error> {
        self.runs.forget(now.elapsed);
        let message = Kind::M3.parse(message_3)?;
        let th_1 = Transcript(message.name);
        let run = match self.runs.get(&th_1) {
            Some(Known::HalfOpen(run)) => run,
            Some(Known::Over) => return Err(Message3Error::Over),
            None => return Err(Message3Error::UnknownRun),
        };
        let key = self
            .keys
            .in_force(run.sealing_key, now.unix)
            .ok_or(Message3Error::UnknownSealingKey)?;
        let context = Context::new(Kind::M3, Some(run.th_2), message.clear);
        key.open(&context, message.sealed)
            .filter(|nb| equal(nb, &*run.nb))
            .ok_or(Message3Error::Authentication)?;
        Ok(Proven {
            token: run.token,
            phone_key: run.phone_key,
            run: th_1,
            th_3: run.th_2.and(message_3),
        })
    }

    /// Ends the run of a message 3 after the book has been told; `standing` is
    /// what it said of [`Proven::token`].
    ///
    /// # Errors
    ///
    /// [`Message3Error`], never for what the message says. A run that the same
    /// message has ended meanwhile is over.
    pub fn complete(
        &mut self,
        proven: Proven,
        standing: Standing,
        now: Moment,
    ) -> Result<Agreed, Message3Error> {
        match standing {
            Standing::Bound(phone) if phone == proven.phone_key => {}
            Standing::Used => return Err(Message3Error::UsedToken),
            Standing::Bound(_) | Standing::Unused => return Err(Message3Error::BoundElsewhere),
        }
        let Some(Known::HalfOpen(run)) = self.runs.get(&proven.run) else {
            return Err(Message3Error::Over);
        };
        let parties = Parties {
            phone_key: run.phone_key,
            operator: self.operator.to_bytes(),
            sealing_key: run.sealing_key,
        };
        let (role, elapsed) = (PskRole::Server, now.elapsed);
        let agreed = Agreed {
            token: run.token,
            claims: run.claims,
            phone_key: run.phone_key,
            psk: Psk::derive(proven.th_3, &run.na, &run.nb, &parties, role, elapsed),
        };
        self.runs.end(&proven.run);
        Ok(agreed)
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let half_open = self.half_open();
        write!(f, "Responder({}, {half_open} half open)", self.operator)
    }
}
