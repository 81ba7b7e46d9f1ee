//! The phone's side of the agreement: the initiator (PROTOCOL.md §3.3).

use core::fmt;
use core::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::defences::defences;
use crate::messages::{Kind, M1Sealed, M2Sealed, MalformedMessage, Nonce, equal};
use crate::psk::Parties;
use crate::random::draw;
use crate::sealing::{SealingKey, SealingPublicKey};
use crate::transcript::{Context, Transcript};
use crate::{Moment, OperatorId, Psk, PskRole, Random, Token};

/// What a phone begins an agreement with.
///
/// See [`AwaitMessage2`] for the whole of it.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// The token on the SIM.
    pub token: &'a Token,
    /// The phone's own key: the same one each time, since the first run that
    /// completes binds the token to it.
    pub phone_key: &'a SealingKey,
    /// The operator that is meant.
    pub operator: OperatorId,
    /// Its sealing key, from a verified read of its registry.
    pub sealing_key: SealingPublicKey,
}

/// Message 1 is sent; message 2 is awaited, for a minute.
///
/// ```
/// use core::time::Duration;
/// use std::collections::BTreeMap;
///
/// use callseal_eims::{AwaitMessage2, Begin, Limits, Moment, Responder, ResponderKeys};
/// # use callseal_eims::{Lifetime, OperatorId, Random, SealingKey, SigningKey, Token, TokenClaims, TokenSigners};
/// # struct System(u8);
/// # impl Random for System {
/// #     fn fill(&mut self, out: &mut [u8]) {
/// #         for octet in out { self.0 = self.0.wrapping_mul(5).wrapping_add(3); *octet = self.0; }
/// #     }
/// # }
/// # let mut random = System(1);
/// # let signing = SigningKey::generate(&mut random);
/// # let operator = OperatorId { chain_id: 1, contract: [0xaa; 20] };
/// # let claims = TokenClaims {
/// #     operator,
/// #     number: "+8613800000001".parse()?,
/// #     serial: 1,
/// #     lifetime: Lifetime::new(1_790_000_000, 1_800_000_000).expect("expires after its issue"),
/// # };
/// # let token = Token::issue(claims, &signing, &mut random);
/// # let (phone_key, sealing) = (SealingKey::generate(&mut random), SealingKey::generate(&mut random));
/// # let sealing_key = sealing.public();
/// # let now = Moment { unix: 1_795_000_000, elapsed: Duration::ZERO };
/// // The operator, with its keys and its record of tokens.
/// let keys = ResponderKeys::new(sealing, TokenSigners::new(signing.public()));
/// let mut eims = Responder::new(operator, keys, Limits::default());
/// let mut book = BTreeMap::new();
///
/// // The phone, with the token on its SIM and the operator's key from the registry.
/// let begin = Begin { token: &token, phone_key: &phone_key, operator, sealing_key };
/// let (await_message_2, message_1) = AwaitMessage2::begin(begin, now, &mut random)?;
/// let message_2 = eims.receive_message_1(&message_1, now, &book, &mut random)?;
/// let (message_3, phones) = await_message_2
///     .receive(&message_2, now.elapsed, &mut random)
///     .map_err(|refused| refused.error)?;
/// let agreed = eims.receive_message_3(&message_3, now, &mut book)?;
///
/// assert_eq!(agreed.claims.number, claims.number);
/// assert_eq!(agreed.phone_key, phone_key.public());
/// assert_eq!(agreed.psk.identity(), phones.identity());
/// let (one, other) = (agreed.psk.spend(now.elapsed)?, phones.spend(now.elapsed)?);
/// assert_eq!(one.as_bytes(), other.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AwaitMessage2 {
    phone_key: SealingKey,
    operator: OperatorId,
    sealing_key: SealingPublicKey,
    na: Nonce,
    th_1: Transcript,
    until: Duration,
}

/// Why a phone cannot begin.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BeginError {
    /// The token is not for the operator that is meant.
    #[error("the token is of another operator, {found}")]
    ForeignToken {
        /// Whose it says it is.
        found: OperatorId,
    },
    /// The registry's sealing key is zero or of low order.
    #[error("the operator has no usable sealing key in its registry")]
    NoSealingKey,
}

/// Message 2 was refused and nothing changed: the state goes on waiting for
/// the right one.
#[derive(Debug)]
pub struct Refused {
    /// As before.
    pub state: AwaitMessage2,
    /// Why.
    pub error: Message2Error,
}

/// Why message 2 is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Message2Error {
    /// It is not message 2.
    #[error(transparent)]
    Malformed(#[from] MalformedMessage),
    /// It answers another message 1.
    #[error("message 2 answers another message 1")]
    OtherRun,
    /// It does not come from the operator that is meant.
    #[error("message 2 is not from the operator")]
    Authentication,
    /// The minute is over; begin again.
    #[error("the operator has not answered in time")]
    Late,
}

impl AwaitMessage2 {
    /// How long message 2 is awaited.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// Makes message 1. Until message 2 comes it may be sent again as it is.
    ///
    /// # Errors
    ///
    /// [`BeginError`].
    pub fn begin(
        begin: Begin<'_>,
        now: Moment,
        random: &mut dyn Random,
    ) -> Result<(Self, Vec<u8>), BeginError> {
        let found = begin.token.unverified_claims().operator;
        if found != begin.operator {
            return Err(BeginError::ForeignToken { found });
        }
        let na: Nonce = Zeroizing::new(draw(random));
        let hidden = M1Sealed {
            made: now.unix,
            phone_key: begin.phone_key.public(),
            na: na.clone(),
            token: Zeroizing::new(*begin.token.as_bytes()),
        };
        let mut message_1 = Kind::M1.clear(&begin.sealing_key.0);
        let context = Context::new(Kind::M1, None, &message_1);
        let sealed = begin
            .sealing_key
            .seal(&context, &hidden.to_bytes(), random)
            .map_err(|_| BeginError::NoSealingKey)?;
        message_1.extend_from_slice(&sealed);
        let state = Self {
            phone_key: begin.phone_key.clone(),
            operator: begin.operator,
            sealing_key: begin.sealing_key,
            na,
            th_1: Transcript::begin(&message_1),
            until: now.elapsed.saturating_add(Self::PATIENCE),
        };
        Ok((state, message_1))
    }

    /// Takes message 2 and makes message 3, which may be sent again as it is,
    /// and the key; `now` is on [`Moment::elapsed`]'s clock.
    ///
    /// The key shows that the operator has answered; that it has message 3 as
    /// well shows when it knows the key's identity.
    ///
    /// # Errors
    ///
    /// [`Refused`], with the state as it was.
    pub fn receive(
        self,
        message_2: &[u8],
        now: Duration,
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, Psk), Box<Refused>> {
        self.answer(message_2, now, random)
            .map_err(|error| Box::new(Refused { state: self, error }))
    }

    fn answer(
        &self,
        message_2: &[u8],
        now: Duration,
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, Psk), Message2Error> {
        if now >= self.until {
            return Err(Message2Error::Late);
        }
        let message = Kind::M2.parse(message_2)?;
        if message.name != self.th_1.0 {
            return Err(Message2Error::OtherRun);
        }
        let context = Context::new(Kind::M2, Some(self.th_1), message.clear);
        let hidden = self
            .phone_key
            .open(&context, message.sealed)
            .and_then(|octets| M2Sealed::parse(&octets))
            .filter(|hidden| self.is_answered_by(hidden))
            .ok_or(Message2Error::Authentication)?;

        let th_2 = self.th_1.and(message_2);
        let mut message_3 = Kind::M3.clear(&self.th_1.0);
        let context = Context::new(Kind::M3, Some(th_2), &message_3);
        let sealed = self
            .sealing_key
            .seal(&context, &*hidden.nb, random)
            // Message 1 was sealed to the same key.
            .map_err(|_| Message2Error::Authentication)?;
        message_3.extend_from_slice(&sealed);
        let parties = Parties {
            phone_key: self.phone_key.public(),
            operator: self.operator.to_bytes(),
            sealing_key: self.sealing_key,
        };
        let th_3 = th_2.and(&message_3);
        let psk = Psk::derive(th_3, &self.na, &hidden.nb, &parties, PskRole::Client, now);
        Ok((message_3, psk))
    }

    /// Of somebody who has begun under a key whose secret is not his.
    #[cfg(test)]
    pub(crate) fn with_phone_key(self, phone_key: SealingKey) -> Self {
        Self { phone_key, ..self }
    }

    fn is_answered_by(&self, hidden: &M2Sealed) -> bool {
        let named =
            hidden.operator == self.operator.to_bytes() && hidden.sealing_key == self.sealing_key;
        equal(&*hidden.na, &*self.na) && (named || !defences().message_2_names_responder)
    }
}

impl fmt::Debug for AwaitMessage2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwaitMessage2(operator: {})", self.operator)
    }
}
