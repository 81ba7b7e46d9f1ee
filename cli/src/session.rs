//! One call of one leg, from its start to its end.

use std::io;
use std::time::Duration;

use callseal_endpoint::{EndReason, Event, ExportedKeys, Pins, Remote, Secured, Statistics, Step};
use callseal_sts::{Failure, Identity, Number, Refusal, Role};

use crate::heard::Heard;
use crate::interrupt::Interrupt;
use crate::leg_driver::{Happening, LegDriver, Strangers};
use crate::look_up::describe;
use crate::record_source::NotKnown;

/// Packets sent without looking at what has come meanwhile.
const MAX_BURST: usize = 32;

/// After how long a renewal that cannot begin, or fails, is tried again.
const RENEWAL_RETRY: Duration = Duration::from_secs(60);

/// By how much longer a callee waits, so that not both renew at once.
const CALLEE_PATIENCE: Duration = Duration::from_secs(30);

/// Says what a secured leg is to do, each time when it is asked.
pub trait Script: Send {
    /// The next thing to do.
    fn next(&mut self, progress: &Progress) -> Action;
}

/// What a leg does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends an RTP packet, given in clear.
    Send(Vec<u8>),
    /// Says good-bye, with this reason.
    HangUp(&'static str),
    /// Waits for something to happen, no longer than until then.
    Wait(Option<Duration>),
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The leg's clock.
    pub now: Duration,
    /// When the call was secured.
    pub secured_at: Duration,
    /// Packets of RTP sent.
    pub sent: u64,
    /// Packets of RTP heard.
    pub heard: u64,
    /// When the last one was heard; when the call was secured, before.
    pub last_heard: Duration,
}

/// Is told what happens while the call goes on.
pub trait Observer: Send {
    /// Something has happened, on the leg's clock.
    fn happened(&mut self, now: Duration, happening: &Happening);
}

/// Nobody.
impl Observer for () {
    fn happened(&mut self, _: Duration, _: &Happening) {}
}

/// What can end a call besides its script.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Ends the call with a BYE.
    pub interrupt: Interrupt,
    /// How long it may take to be secured.
    pub set_up_limit: Option<Duration>,
    /// Whether a peer's changed key is accepted.
    pub accept_changed_key: bool,
    /// How long after the last renewal of the keys, by either side, they are
    /// renewed; `None` for never but before they are used up.
    pub renew_every: Option<Duration>,
}

/// What is left of a call.
#[derive(Debug)]
pub struct CallRecord {
    /// What both sides agreed on, if they did.
    pub secured: Option<Secured>,
    /// How often the keys were renewed.
    pub renewals: u64,
    /// The steps of the set-up.
    pub steps: Vec<(Step, Duration)>,
    /// How long each look-up took, proofs included.
    pub look_ups: Vec<Duration>,
    /// Of the last look-up: what became of what the peer handed over, if it did.
    pub staple: Option<Result<(), NotKnown>>,
    /// Packets of RTP sent.
    pub sent: u64,
    /// What was said.
    pub said: Heard,
    /// What was heard.
    pub heard: Heard,
    /// The leg's counters.
    pub statistics: Statistics,
    /// Those of them that are about other addresses than the peer's.
    pub strangers: Strangers,
    /// The keys of each epoch.
    pub keys: Vec<ExportedKeys>,
    /// Where the peer received at last.
    pub remote: Option<Remote>,
    /// The peers' keys, this call's included.
    pub pins: Pins,
    /// Why it is over.
    pub ended: Option<EndReason>,
    /// Why handshakes have failed.
    pub failures: Vec<String>,
}

impl CallRecord {
    /// Why the call was not secured, or what broke it; `None` where all went
    /// well.
    pub fn error(&self) -> Option<String> {
        let failure = self.failures.last();
        match (&self.secured, &self.ended) {
            (Some(_), Some(reason @ EndReason::Silence)) => Some(reason.to_string()),
            (Some(_), _) => None,
            (None, Some(EndReason::HungUp) | None) => Some(match failure {
                Some(failure) => format!("ended before anybody was secure to talk to; {failure}"),
                None => "ended before anybody called".to_owned(),
            }),
            (None, Some(reason)) => Some(match failure {
                Some(failure) => failure.clone(),
                None => reason.to_string(),
            }),
        }
    }
}

/// Runs a leg, which was told to call or to answer, until its call is over.
///
/// # Errors
/// What the system says of the sockets.
pub fn run(
    driver: &mut LegDriver,
    script: &mut dyn Script,
    observer: &mut dyn Observer,
    bounds: &Bounds,
    keeps_sound: bool,
) -> io::Result<CallRecord> {
    let mut session = Session {
        driver,
        observer,
        bounds,
        progress: None,
        renew_at: None,
        begun: Duration::ZERO,
        last_look_up: None,
        key_change: None,
        is_over: false,
        has_hung_up: false,
        record: CallRecord {
            secured: None,
            renewals: 0,
            steps: Vec::new(),
            look_ups: Vec::new(),
            staple: None,
            sent: 0,
            said: Heard::new(false),
            heard: Heard::new(keeps_sound),
            statistics: Statistics::default(),
            strangers: Strangers::default(),
            keys: Vec::new(),
            remote: None,
            pins: Pins::default(),
            ended: None,
            failures: Vec::new(),
        },
    };
    session.begun = session.driver.clock().now();
    while !session.is_over {
        let wake_at = session.act(script);
        session.driver.turn(wake_at)?;
        session.observe();
    }
    // The last datagrams are still in the leg.
    session.driver.turn(Some(Duration::ZERO))?;
    session.observe();
    let Session {
        driver,
        mut record,
        progress,
        ..
    } = session;
    record.strangers = driver.strangers();
    let leg = driver.leg();
    record.sent = progress.map_or(0, |progress| progress.sent);
    record.statistics = leg.statistics();
    record.remote = leg.remote();
    record.pins = leg.pins().clone();
    Ok(record)
}

struct Session<'a> {
    driver: &'a mut LegDriver,
    observer: &'a mut dyn Observer,
    bounds: &'a Bounds,
    /// Known once the call is secured.
    progress: Option<Progress>,
    /// When the keys are to be renewed.
    renew_at: Option<Duration>,
    begun: Duration,
    last_look_up: Option<String>,
    /// What was said of a key that has changed and is refused.
    key_change: Option<String>,
    is_over: bool,
    has_hung_up: bool,
    record: CallRecord,
}

impl Session<'_> {
    /// Does what is to be done now, and says when to look again.
    fn act(&mut self, script: &mut dyn Script) -> Option<Duration> {
        let now = self.driver.clock().now();
        if self.has_hung_up {
            return None;
        }
        if self.bounds.interrupt.has_come() {
            self.hang_up(now, "interrupted");
            return None;
        }
        let Some(mut progress) = self.progress else {
            let limit = self.begun.checked_add(self.bounds.set_up_limit?)?;
            if now >= limit {
                self.hang_up(now, "");
            }
            return Some(limit);
        };
        self.renew_in_time(now);
        let mut wake_at = Some(now);
        for _ in 0..MAX_BURST {
            progress.now = self.driver.clock().now();
            match script.next(&progress) {
                Action::Send(packet) => {
                    let leg = self.driver.leg();
                    match leg.send_rtp(progress.now, packet.clone()) {
                        Ok(()) => {
                            progress.sent += 1;
                            self.record.said.take(&packet);
                        }
                        Err(error) => tracing::warn!("a packet is not sent: {error}"),
                    }
                }
                Action::HangUp(reason) => {
                    self.hang_up(progress.now, reason);
                    break;
                }
                Action::Wait(until) => {
                    wake_at = until;
                    break;
                }
            }
        }
        self.progress = Some(progress);
        match (wake_at, self.renew_at) {
            (Some(wake_at), Some(renew_at)) => Some(wake_at.min(renew_at)),
            (wake_at, renew_at) => wake_at.or(renew_at),
        }
    }

    fn renew_in_time(&mut self, now: Duration) {
        if self.renew_at.is_none_or(|at| now < at) {
            return;
        }
        // One that fails is tried again; one that succeeds sets the time anew.
        self.renew_at = now.checked_add(RENEWAL_RETRY);
        if let Err(error) = self.driver.leg().renew(now) {
            tracing::info!("the keys cannot be renewed yet: {error}");
        }
    }

    fn hang_up(&mut self, now: Duration, reason: &str) {
        self.has_hung_up = true;
        self.driver.leg().hang_up(now, reason);
    }

    fn observe(&mut self) {
        while let Some(happening) = self.driver.happening() {
            let now = self.driver.clock().now();
            self.observer.happened(now, &happening);
            match happening {
                Happening::Rtp { packet } => {
                    self.record.heard.take(&packet);
                    if let Some(progress) = &mut self.progress {
                        progress.heard += 1;
                        progress.last_heard = now;
                        tracing::trace!("{} packets heard", progress.heard);
                    }
                }
                Happening::LookedUp(looked_up) => {
                    let words = describe(&looked_up);
                    tracing::info!("{words}, after {:?}", looked_up.took);
                    if let Some(Err(why)) = &looked_up.staple {
                        tracing::info!("what was handed over does not count: {why}");
                    }
                    self.record.look_ups.push(looked_up.took);
                    self.record.staple.clone_from(&looked_up.staple);
                    self.last_look_up = Some(words);
                }
                Happening::Event(event) => self.take_event(now, event),
            }
        }
    }

    fn take_event(&mut self, now: Duration, event: Event) {
        match event {
            Event::Step { step, at } => {
                tracing::info!("{step}");
                self.record.steps.push((step, at));
            }
            Event::Secured(secured) => {
                let peer = &secured.peer;
                tracing::info!("secured with {peer}, epoch {}", secured.epoch);
                self.progress.get_or_insert(Progress {
                    now,
                    secured_at: now,
                    last_heard: now,
                    ..Progress::default()
                });
                let every = self.bounds.renew_every;
                let patience = match secured.role {
                    Role::Caller => Duration::ZERO,
                    Role::Callee => CALLEE_PATIENCE,
                };
                self.renew_at =
                    every.and_then(|every| now.checked_add(every.saturating_add(patience)));
                self.record.renewals += u64::from(secured.renewal);
                self.record.secured = Some(*secured);
                self.keep_keys();
            }
            Event::KeyChanged {
                number,
                remembered,
                presented,
            } => {
                let words = key_changed(&number, &remembered.to_string(), &presented.to_string());
                let changed = Identity {
                    number,
                    key: presented,
                };
                match self.bounds.accept_changed_key {
                    true => {
                        tracing::warn!("{words}; accepted, as told");
                        self.driver.leg().accept_changed_key(now, &changed);
                    }
                    false => {
                        self.driver.leg().refuse_changed_key(now, &changed);
                        self.key_change = Some(words);
                    }
                }
            }
            Event::HandshakeFailed { why, call_goes_on } => {
                let words = self.explain(&why);
                tracing::info!("handshake failed: {words} (the call goes on: {call_goes_on})");
                self.record.failures.push(words);
            }
            Event::TurnedAway { identity } => {
                self.record
                    .failures
                    .push(format!("{} called and is not expected", identity.number));
            }
            Event::KeyLifeLow => self.renew_at = Some(now),
            Event::RemoteMoved { port, to } => tracing::info!("the peer's {port:?} moved to {to}"),
            Event::Report(report) => tracing::debug!("report: {report:?}"),
            Event::Ended(reason) => {
                tracing::info!("ended: {reason}");
                self.keep_keys();
                self.record.ended = Some(reason);
                self.is_over = true;
            }
            other => tracing::debug!("{other:?}"),
        }
    }

    /// Why a handshake has failed, with what is known besides.
    fn explain(&mut self, why: &Failure) -> String {
        let more = match why {
            Failure::RefusedHere(Refusal::KeyChanged) => self
                .key_change
                .take()
                .map(|words| format!("{words}; if that is right, give --accept-changed-key")),
            Failure::RefusedHere(Refusal::NotVouched | Refusal::RegistryUnavailable) => {
                self.last_look_up.clone()
            }
            Failure::TimedOut { .. } => self.driver.send_error().map(str::to_owned),
            _ => None,
        };
        match more {
            Some(more) => format!("{why}; {more}"),
            None => why.to_string(),
        }
    }

    /// Keys are kept as they come, since a renewal's replace them.
    fn keep_keys(&mut self) {
        if let Some(keys) = self.driver.leg().export_keys()
            && !self.record.keys.iter().any(|kept| kept.epoch == keys.epoch)
        {
            self.record.keys.push(keys);
        }
    }
}

fn key_changed(number: &Number, remembered: &str, presented: &str) -> String {
    format!("the key of {number} has changed, from {remembered} to {presented}")
}
