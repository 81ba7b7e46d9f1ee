//! The call itself: two legs on two threads, on real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use callseal_devchain::Tally;
use callseal_endpoint::{Answering, Config, Port, Remote, Step};

use super::dialogue::Listener;
use super::folder::Folder;
use super::forger::Forgery;
use super::story::Story;
use super::subscribers::Enrolled;
use super::wires::{Tap, Wires};
use super::{ALICE, BOB};
use crate::clock::Clock;
use crate::interrupt::Interrupt;
use crate::leg_driver::LegDriver;
use crate::media_sockets::MediaSockets;
use crate::scripts::{Common, Demonstrator};
use crate::session::{self, Bounds, CallRecord};
use crate::speech::{AMR_WB_PAYLOAD_TYPE, SpeechPacket};

/// How long the call's set-up may take; on one machine it takes milliseconds.
const SET_UP_LIMIT: Duration = Duration::from_secs(60);

/// How the call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Whether speech is sent as fast as it is heard.
    pub(crate) is_fast: bool,
    /// Whether RTP and RTCP share a port (RFC 5761).
    pub(crate) is_muxed: bool,
}

/// The call, over.
pub(crate) struct Call {
    pub(super) begun: Duration,
    /// What nodes were asked by both phones together, before the call and during it.
    pub(super) asked: [u64; 2],
    pub(super) addresses: [Remote; 2],
    pub(super) records: [CallRecord; 2],
    pub(super) listeners: [Listener; 2],
    pub(super) speech: [Vec<SpeechPacket>; 2],
    /// What was injected towards each side.
    pub(super) injected: [Vec<Forgery>; 2],
    pub(super) wall: Duration,
    pub(super) terms: Terms,
    pub(super) is_interrupted: bool,
}

impl Call {
    /// Makes the call, from the first message to the BYE.
    pub(crate) fn make(
        terms: Terms,
        story: &Story,
        folder: &Folder,
        enrolled: &Enrolled,
        speech: [Vec<SpeechPacket>; 2],
    ) -> Result<Self> {
        let clock = Clock::start();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bind = || match terms.is_muxed {
            true => MediaSockets::muxed(any),
            false => MediaSockets::pair(any),
        };
        let sockets = [bind()?, bind()?];
        let addresses = [address_of(&sockets[ALICE])?, address_of(&sockets[BOB])?];
        story.phones(&addresses);

        let wires = Arc::new(Wires::open(clock, folder, &addresses)?);
        let common = Arc::new(Common::default());
        common.hold(true);
        let asked = Tally::default();
        let mut drivers = Vec::new();
        for (side, sockets) in sockets.into_iter().enumerate() {
            let subscriber = &enrolled.subscribers[side];
            let config = Config::new(subscriber.number, subscriber.key.clone())
                .clock_rate(AMR_WB_PAYLOAD_TYPE, 16_000)
                .session_bandwidth(16_000)
                .answering(match side {
                    ALICE => Answering::Nobody,
                    _ => Answering::Only(enrolled.subscribers[ALICE].number),
                });
            let source = enrolled.source(side, &asked)?;
            let mut driver = LegDriver::start(clock, config, sockets, source)?;
            driver.tap(Box::new(Tap {
                side,
                wires: Arc::clone(&wires),
            }));
            drivers.push(driver);
        }
        let (Some(mut bob), Some(mut alice)) = (drivers.pop(), drivers.pop()) else {
            bail!("two legs were to be started");
        };

        let counts = [speech[ALICE].len() as u64, speech[BOB].len() as u64];
        let is_fast = terms.is_fast;
        let mut scripts = [
            Demonstrator::caller(
                speech[ALICE].clone(),
                counts[BOB],
                is_fast,
                Arc::clone(&common),
            ),
            Demonstrator::callee(
                speech[BOB].clone(),
                counts[ALICE],
                is_fast,
                Arc::clone(&common),
            ),
        ];
        let mut listeners = [Listener::new(&speech[BOB]), Listener::new(&speech[ALICE])];
        let bounds = Bounds {
            set_up_limit: Some(SET_UP_LIMIT),
            interrupt: Interrupt::watch(vec![alice.waker(), bob.waker()])?,
            ..Bounds::default()
        };

        let asked_before = asked.reset();
        let begun = clock.now();
        alice
            .leg()
            .call(begun, addresses[BOB], enrolled.subscribers[BOB].number)?;
        let [alice_script, bob_script] = &mut scripts;
        let [alice_hears, bob_hears] = &mut listeners;
        let (records, injected) = thread::scope(|scope| -> Result<_> {
            let alice =
                scope.spawn(|| session::run(&mut alice, alice_script, alice_hears, &bounds, true));
            let bob = scope.spawn(|| session::run(&mut bob, bob_script, bob_hears, &bounds, true));
            let injected = accompany(
                &wires,
                &common,
                counts[ALICE] + counts[BOB],
                &[&alice, &bob],
                story,
            );
            common.hold(false);
            let records = [
                alice
                    .join()
                    .map_err(|_| anyhow!("Alice's leg panicked"))??,
                bob.join().map_err(|_| anyhow!("Bob's leg panicked"))??,
            ];
            Ok((records, injected?))
        })?;
        wires.finish()?;
        Ok(Self {
            begun,
            asked: [asked_before, asked.total()],
            addresses,
            records,
            listeners,
            speech,
            injected,
            wall: clock.now().saturating_sub(begun),
            terms,
            is_interrupted: bounds.interrupt.has_come(),
        })
    }

    /// When both sides had their keys, since the call began.
    pub(super) fn set_up_time(&self) -> Option<Duration> {
        let keys = |record: &CallRecord| step_at(record, Step::KeysDerived);
        let last = keys(&self.records[ALICE])?.max(keys(&self.records[BOB])?);
        Some(last.saturating_sub(self.begun))
    }
}

fn step_at(record: &CallRecord, wanted: Step) -> Option<Duration> {
    record
        .steps
        .iter()
        .find(|(step, _)| *step == wanted)
        .map(|(_, at)| *at)
}

fn address_of(sockets: &MediaSockets) -> Result<Remote> {
    Ok(Remote {
        rtp: sockets.local_address(Port::Rtp)?,
        rtcp: sockets.local_address(Port::Rtcp)?,
    })
}

/// Shows how far the call has come, and injects forgeries half way through.
fn accompany<T>(
    wires: &Wires,
    common: &Common,
    total: u64,
    legs: &[&ScopedJoinHandle<'_, T>],
    story: &Story,
) -> Result<[Vec<Forgery>; 2]> {
    const LOOK_AGAIN: Duration = Duration::from_millis(2);
    const PATIENCE: Duration = Duration::from_secs(60);
    let are_talking = || !legs.iter().any(|leg| leg.is_finished());
    let bar = story.progress_bar(total);
    let mut injected = [Vec::new(), Vec::new()];
    while are_talking() && common.sent() < total / 2 {
        bar.set_position(common.sent());
        thread::sleep(LOOK_AGAIN);
    }
    if are_talking() {
        injected = wires.forge().context("cannot inject forged packets")?;
        let count = injected.iter().map(Vec::len).sum::<usize>() as u64;
        let begun = Instant::now();
        while are_talking() && wires.foreign() < count && begun.elapsed() < PATIENCE {
            thread::sleep(LOOK_AGAIN);
        }
    }
    common.hold(false);
    while are_talking() {
        bar.set_position(common.sent());
        thread::sleep(LOOK_AGAIN);
    }
    bar.finish_and_clear();
    Ok(injected)
}
