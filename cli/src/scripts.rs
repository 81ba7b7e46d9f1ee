//! What legs say, and when they hang up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::session::{Action, Progress, Script};
use crate::speech::SpeechPacket;

/// Sends speech in real time, and hangs up when everybody is silent.
#[derive(Debug)]
pub struct Phone {
    speech: Vec<SpeechPacket>,
    next: usize,
    /// How long nothing may be said, by us or the peer, before we hang up.
    quiet: Duration,
    /// When we hang up at the latest, after the call was secured.
    duration: Option<Duration>,
}

impl Phone {
    /// A phone that says `speech`, and hangs up `duration` after the call was
    /// secured at the latest.
    ///
    /// With nothing to say it hangs up only after having heard something.
    pub fn new(speech: Vec<SpeechPacket>, quiet: Duration, duration: Option<Duration>) -> Self {
        Self {
            speech,
            next: 0,
            quiet,
            duration,
        }
    }
}

impl Script for Phone {
    fn next(&mut self, progress: &Progress) -> Action {
        let begun = progress.secured_at;
        let limit = self
            .duration
            .and_then(|duration| begun.checked_add(duration));
        if limit.is_some_and(|limit| progress.now >= limit) {
            return Action::HangUp("the time is up");
        }
        if let Some(packet) = self.speech.get(self.next) {
            let due = begun + packet.at;
            if progress.now < due {
                return Action::Wait(Some(limit.map_or(due, |limit| limit.min(due))));
            }
            self.next += 1;
            return Action::Send(packet.packet.clone());
        }
        if self.speech.is_empty() && progress.heard == 0 {
            return Action::Wait(limit);
        }
        let said_at = self.speech.last().map_or(begun, |last| begun + last.at);
        let quiet_at = progress.last_heard.max(said_at) + self.quiet;
        if progress.now >= quiet_at {
            return Action::HangUp("nobody says anything any more");
        }
        Action::Wait(Some(limit.map_or(quiet_at, |limit| limit.min(quiet_at))))
    }
}

/// What the two legs of a demonstration know of each other.
#[derive(Debug, Default)]
pub struct Common {
    /// Packets heard by the caller and by the callee.
    heard: [AtomicU64; 2],
    /// Packets sent by both.
    sent: AtomicU64,
    /// Somebody else still has something to do in the call.
    is_held: AtomicBool,
}

impl Common {
    /// Packets that both legs have sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// Keeps the call from ending, or lets it end.
    pub fn hold(&self, hold: bool) {
        self.is_held.store(hold, Ordering::Release);
    }
}

/// Sends speech in real time or as fast as it arrives, and hangs up when both
/// sides have heard everything.
#[derive(Debug)]
pub struct Demonstrator {
    side: usize,
    speech: Vec<SpeechPacket>,
    next: usize,
    /// How much the other side will say.
    expected: u64,
    is_fast: bool,
    common: Arc<Common>,
}

/// Packets on their way at once, without pacing: their buffers are far below
/// what a socket holds, so none is dropped.
const WINDOW: u64 = 48;

/// How long to wait for packets that do not come, before the call is ended
/// and found wanting: a busy machine may let a leg sleep for seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the other side's progress.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Demonstrator {
    /// The caller, who hangs up in the end.
    pub fn caller(
        speech: Vec<SpeechPacket>,
        expected: u64,
        is_fast: bool,
        common: Arc<Common>,
    ) -> Self {
        Self {
            side: 0,
            speech,
            next: 0,
            expected,
            is_fast,
            common,
        }
    }

    /// The callee.
    pub fn callee(
        speech: Vec<SpeechPacket>,
        expected: u64,
        is_fast: bool,
        common: Arc<Common>,
    ) -> Self {
        Self {
            side: 1,
            ..Self::caller(speech, expected, is_fast, common)
        }
    }

    fn heard_by(&self, side: usize) -> u64 {
        self.common.heard[side].load(Ordering::Acquire)
    }

    /// Until when the next packet has to wait, if it has to.
    fn wait_for(&self, packet: &SpeechPacket, progress: &Progress) -> Option<Duration> {
        match self.is_fast {
            true => {
                let under_way = (self.next as u64).saturating_sub(self.heard_by(1 - self.side));
                (under_way >= WINDOW).then(|| progress.now + LOOK_AGAIN)
            }
            false => {
                let due = progress.secured_at + packet.at;
                (progress.now < due).then_some(due)
            }
        }
    }
}

impl Script for Demonstrator {
    fn next(&mut self, progress: &Progress) -> Action {
        self.common.heard[self.side].store(progress.heard, Ordering::Release);
        let patience_ends = progress.last_heard + PATIENCE;
        if let Some(packet) = self.speech.get(self.next) {
            let is_stuck = self.is_fast && progress.now >= patience_ends;
            if let Some(wait) = self.wait_for(packet, progress)
                && !is_stuck
            {
                return Action::Wait(Some(wait));
            }
            self.next += 1;
            self.common.sent.fetch_add(1, Ordering::AcqRel);
            return Action::Send(packet.packet.clone());
        }
        let said = self.speech.len() as u64;
        let all_heard = progress.heard >= self.expected && self.heard_by(1 - self.side) >= said;
        let is_held = self.common.is_held.load(Ordering::Acquire);
        let is_caller = self.side == 0;
        if is_caller && ((all_heard && !is_held) || progress.now >= patience_ends) {
            return Action::HangUp("all is said");
        }
        Action::Wait(Some(progress.now + LOOK_AGAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: u64) -> Progress {
        Progress {
            now: Duration::from_millis(now),
            ..Progress::default()
        }
    }

    fn speech(count: u64) -> Vec<SpeechPacket> {
        let packet = |index: u64| SpeechPacket {
            at: Duration::from_millis(20 * index),
            packet: vec![index as u8],
        };
        (0..count).map(packet).collect()
    }

    fn until(millis: u64) -> Action {
        Action::Wait(Some(Duration::from_millis(millis)))
    }

    #[test]
    fn a_phone_speaks_in_real_time_and_hangs_up_when_all_are_silent() {
        let mut phone = Phone::new(speech(2), Duration::from_secs(1), None);
        assert_eq!(phone.next(&at(0)), Action::Send(vec![0]));
        assert_eq!(phone.next(&at(0)), until(20));
        assert_eq!(phone.next(&at(20)), Action::Send(vec![1]));
        assert_eq!(phone.next(&at(20)), until(1_020));
        let heard = Progress {
            last_heard: Duration::from_millis(500),
            ..at(1_020)
        };
        assert_eq!(phone.next(&heard), until(1_500));
        assert!(matches!(phone.next(&at(1_020)), Action::HangUp(_)));
    }

    #[test]
    fn a_phone_with_nothing_to_say_waits_to_be_spoken_to() {
        let mut phone = Phone::new(vec![], Duration::from_secs(1), None);
        assert_eq!(phone.next(&at(100_000)), Action::Wait(None));
        let limit = Some(Duration::from_secs(60));
        let mut phone = Phone::new(vec![], Duration::from_secs(1), limit);
        assert_eq!(phone.next(&at(59_999)), until(60_000));
        assert!(matches!(phone.next(&at(60_000)), Action::HangUp(_)));
    }

    #[test]
    fn without_pacing_no_more_is_under_way_than_a_socket_holds() {
        let common = Arc::new(Common::default());
        let mut alice = Demonstrator::caller(speech(100), 0, true, Arc::clone(&common));
        let burst = (0..100)
            .take_while(|_| matches!(alice.next(&at(0)), Action::Send(_)))
            .count();
        assert_eq!(burst as u64, WINDOW);
        common.heard[1].store(10, Ordering::Release);
        let burst = (0..100)
            .take_while(|_| matches!(alice.next(&at(0)), Action::Send(_)))
            .count();
        assert_eq!(burst, 10);
    }

    #[test]
    fn the_caller_hangs_up_only_when_both_have_heard_all() {
        let common = Arc::new(Common::default());
        let mut alice = Demonstrator::caller(speech(1), 1, true, Arc::clone(&common));
        assert!(matches!(alice.next(&at(0)), Action::Send(_)));
        assert!(matches!(alice.next(&at(0)), Action::Wait(_)));
        common.heard[1].store(1, Ordering::Release);
        let heard = Progress { heard: 1, ..at(0) };
        common.hold(true);
        assert!(matches!(alice.next(&heard), Action::Wait(_)));
        common.hold(false);
        assert!(matches!(alice.next(&heard), Action::HangUp(_)));
    }
}
