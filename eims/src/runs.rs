//! The runs that an operator knows of: bounded in number and in time.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::messages::Nonce;
use crate::responder::{Message1Error, Responder};
use crate::sealing::SealingPublicKey;
use crate::transcript::Transcript;
use crate::{TokenClaims, TokenHash};

/// How much an operator keeps. A run counts from its message 1, which only
/// the holder of a good token can make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Runs that wait for message 3; each takes less than 700 octets.
    pub half_open: usize,
    /// Runs known in all, completed and given up ones among them, for ten
    /// minutes.
    pub known: usize,
    /// Of these, runs with one token.
    pub known_per_token: usize,
}

/// A run that waits for message 3.
pub(crate) struct HalfOpen {
    pub(crate) message_2: Vec<u8>,
    pub(crate) th_2: Transcript,
    pub(crate) na: Nonce,
    pub(crate) nb: Nonce,
    pub(crate) phone_key: SealingPublicKey,
    pub(crate) sealing_key: SealingPublicKey,
    pub(crate) token: TokenHash,
    pub(crate) claims: TokenClaims,
}

/// What is known of a run.
pub(crate) enum Known<'a> {
    HalfOpen(&'a HalfOpen),
    /// It is completed, or was given up.
    Over,
}

/// All runs that are known.
pub(crate) struct Runs {
    limits: Limits,
    /// Without a half-open state: over.
    known: BTreeMap<Transcript, (TokenHash, Option<Box<HalfOpen>>)>,
    half_open: usize,
    per_token: BTreeMap<TokenHash, usize>,
    /// In the order of arrival, so the first to give up or forget is in front.
    to_give_up: VecDeque<(Duration, Transcript)>,
    to_forget: VecDeque<(Duration, Transcript)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            half_open: 1_024,
            known: 16_384,
            known_per_token: 8,
        }
    }
}

impl Runs {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            known: BTreeMap::new(),
            half_open: 0,
            per_token: BTreeMap::new(),
            to_give_up: VecDeque::new(),
            to_forget: VecDeque::new(),
        }
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open
    }

    pub(crate) fn get(&self, run: &Transcript) -> Option<Known<'_>> {
        let (_, state) = self.known.get(run)?;
        Some(
            state
                .as_ref()
                .map_or(Known::Over, |half_open| Known::HalfOpen(half_open)),
        )
    }

    /// Whether there is room for one more run.
    pub(crate) fn admit(&self, token: &TokenHash) -> Result<(), Message1Error> {
        let of_token = self.per_token.get(token).copied().unwrap_or(0);
        if of_token >= self.limits.known_per_token {
            return Err(Message1Error::TooManyRuns);
        }
        if self.half_open >= self.limits.half_open || self.known.len() >= self.limits.known {
            return Err(Message1Error::Busy);
        }
        Ok(())
    }

    pub(crate) fn open(&mut self, run: Transcript, state: HalfOpen, now: Duration) {
        *self.per_token.entry(state.token).or_insert(0) += 1;
        self.known.insert(run, (state.token, Some(Box::new(state))));
        self.half_open += 1;
        let (patience, memory) = (Responder::PATIENCE, Responder::MEMORY);
        self.to_give_up
            .push_back((now.saturating_add(patience), run));
        self.to_forget.push_back((now.saturating_add(memory), run));
    }

    /// Wipes what a run keeps; that it was stays known.
    pub(crate) fn end(&mut self, run: &Transcript) {
        if let Some((_, state)) = self.known.get_mut(run)
            && state.take().is_some()
        {
            self.half_open -= 1;
        }
    }

    /// Gives up and forgets what is due.
    pub(crate) fn forget(&mut self, now: Duration) {
        while let Some(run) = pop_due(&mut self.to_give_up, now) {
            self.end(&run);
        }
        while let Some(run) = pop_due(&mut self.to_forget, now) {
            let Some((token, _)) = self.known.remove(&run) else {
                continue;
            };
            if let Some(count) = self.per_token.get_mut(&token) {
                *count -= 1;
                if *count == 0 {
                    self.per_token.remove(&token);
                }
            }
        }
    }
}

fn pop_due(queue: &mut VecDeque<(Duration, Transcript)>, now: Duration) -> Option<Transcript> {
    let (due, _) = queue.front()?;
    if now < *due {
        return None;
    }
    queue.pop_front().map(|(_, run)| run)
}
