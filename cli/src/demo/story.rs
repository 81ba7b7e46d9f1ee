//! The demonstration as a person reads it.

use std::io::{IsTerminal, Write};
use std::path::Path;

use callseal_endpoint::{Remote, Step};
use indicatif::{ProgressBar, ProgressStyle};

use super::call::Call;
use super::enrolments::Told as Enrolment;
use super::liar::Told;
use super::outcome::{Direction, Outcome};
use super::subscribers::Enrolled;
use super::timeline::{Timeline, millis};
use super::{BOB, NAMES};
use crate::table::{Align, Table};

/// Tells a person what goes on.
pub(crate) struct Story {
    /// False where a program reads.
    pub(crate) is_told: bool,
}

impl Story {
    pub(crate) fn registry(&self, enrolled: &Enrolled) {
        let head = enrolled.chain.head_number();
        self.tell("1  The registry");
        self.tell(&format!(
            "   contract {} on an embedded chain, {head} blocks",
            enrolled.registry.address()
        ));
        for (subscriber, name) in enrolled.subscribers.iter().zip(NAMES) {
            self.tell(&format!(
                "   {name:<5} {}  approved with key {}",
                subscriber.number,
                subscriber.key.public()
            ));
        }
        let walk = &enrolled.walk;
        self.tell("   how the phones find the block that they trust, from a checkpoint on:");
        self.tell(&format!(
            "   checkpoint  slot {}: {}",
            walk.checkpoint_slot, walk.checkpoint
        ));
        self.tell(&format!(
            "   committees  {} updates, signed by two thirds at least, to period {} ({} ms)",
            walk.updates,
            walk.period,
            millis(walk.took)
        ));
        self.tell(&format!(
            "   final       slot {}, execution block {}",
            walk.anchor.slot(),
            walk.anchor.block_hash()
        ));
    }

    /// How two phones were enrolled, beside what was published.
    pub(crate) fn enrolments(&self, told: &[Enrolment], enrolled: &Enrolled) {
        self.tell("1  Two operators, and two phones that enrol themselves");
        for enrolment in told {
            self.tell(&format!(
                "   {} {} at {}, contract {}",
                enrolment.name, enrolment.number, enrolment.operator, enrolment.contract
            ));
            self.tell(&format!("   wallet {}", enrolment.wallet));
            for step in &enrolment.steps {
                self.tell(&format!("   {:>8.1} ms  {}", step.at_ms, step.step));
            }
            self.tell(&format!(
                "   {:>8.1} ms  in all, {:.1} ms of it pauses before it looked again",
                enrolment.took_ms, enrolment.paused_ms
            ));
        }
        self.tell("   published: 11,500 ms, nearly all of it one block's time. Here no block is");
        self.tell("   waited for: this chain makes one for each transaction, final at once. The");
        self.tell("   figures are the work of phone, operator and chain together. On Ethereum,");
        self.tell("   three blocks and some 15 minutes to finality come on top.");
        self.tell(&format!(
            "   both trust execution block {}, which is final",
            enrolled.walk.anchor.block_hash()
        ));
    }

    pub(crate) fn lies(&self, lies: &[Told]) {
        self.tell("\n2  A node that lies to Alice about Bob");
        for (lie, caught) in lies {
            self.tell(&format!("   \"{}\"", lie.claim()));
            self.tell(&match caught {
                Some(error) => format!("      caught: {error}"),
                None => "      BELIEVED".to_owned(),
            });
        }
    }

    /// What is under way, on a terminal.
    pub(crate) fn progress(&self, line: &str) {
        if self.is_told && std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr(), "   {line} …");
        }
    }

    pub(super) fn phones(&self, addresses: &[Remote; 2]) {
        self.tell("\n3  Two phones on UDP sockets");
        for (Remote { rtp, rtcp }, name) in addresses.iter().zip(NAMES) {
            self.tell(&match rtp == rtcp {
                true => format!("   {name:<5} RTP and RTCP {rtp}"),
                false => format!("   {name:<5} RTP {rtp}, RTCP {rtcp}"),
            });
        }
    }

    pub(super) fn progress_bar(&self, total: u64) -> ProgressBar {
        if !self.is_told || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total);
        match ProgressStyle::with_template("   talking {bar:40} {pos}/{len} packets, {eta} left") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    pub(crate) fn set_up(&self, call: &Call) {
        self.tell("\n4  The handshake, over RTCP, in four messages: M1 to M4");
        let mut timeline = Timeline::new(["Alice, the caller", "Bob, the callee"], call.begun);
        for (side, record) in call.records.iter().enumerate() {
            let mut look_ups = record.look_ups.iter();
            for (step, at) in &record.steps {
                let took = match step {
                    Step::LookUpAnswered => look_ups.next(),
                    _ => None,
                };
                timeline.add(
                    side,
                    *at,
                    match took {
                        Some(took) => format!("{step} ({} ms, proofs included)", millis(*took)),
                        None => step.to_string(),
                    },
                );
            }
        }
        for line in timeline.to_string().lines() {
            self.tell(&format!("   {line}"));
        }
        let [before, during] = call.asked;
        self.tell(&format!(
            "   nodes were asked {before} times before the call and {during} times during it, by both phones together"
        ));
        if let Some(time) = call.set_up_time() {
            self.tell(&format!(
                "   both sides secure after {} ms (published: 1,218 ms, over a real network)",
                millis(time)
            ));
        }
        for (record, name) in call.records.iter().zip(NAMES) {
            if let Some(secured) = &record.secured {
                self.tell(&format!(
                    "   {name:<5} talks with {}, {}, epoch {}; to be compared aloud: {}",
                    secured.peer.number,
                    secured.suite.media_profile(),
                    secured.epoch,
                    secured.sas
                ));
            }
        }
    }

    pub(crate) fn speech(&self, call: &Call) {
        let said: usize = call.speech.iter().map(Vec::len).sum();
        let pace = match call.terms.is_fast {
            true => "as fast as it was heard",
            false => "in real time",
        };
        self.tell(&format!(
            "\n5  Speech, {pace}: {said} packets in {:.1} s",
            call.wall.as_secs_f64()
        ));
        let forged: usize = call.injected.iter().map(Vec::len).sum();
        self.tell(&format!("   meanwhile somebody injected {forged} packets:"));
        for forgery in &call.injected[BOB] {
            self.tell(&format!("   - {}", forgery.what));
        }
    }

    pub(crate) fn outcome(&self, outcome: &Outcome, call: &Call) {
        self.tell("\n6  What arrived");
        let mut table = Table::new([
            ("direction", Align::Left),
            ("stream", Align::Left),
            ("SSRC", Align::Left),
            ("packets", Align::Right),
            ("bytes", Align::Right),
            ("lost", Align::Right),
            ("replayed", Align::Right),
            ("rejected", Align::Right),
            ("jitter", Align::Right),
        ]);
        for direction in &outcome.directions {
            let name = format!("{} -> {}", direction.sender, direction.receiver);
            for stream in &direction.streams {
                table.row([
                    name.clone(),
                    stream.codec.to_owned(),
                    stream.ssrc.to_string(),
                    stream.packets.to_string(),
                    stream.bytes.to_string(),
                    stream.lost.to_string(),
                    String::new(),
                    String::new(),
                    format!("{:.2} ms", stream.jitter_ms),
                ]);
            }
            table.row([
                name,
                "all".to_owned(),
                String::new(),
                direction.packets.to_string(),
                direction.bytes.to_string(),
                direction.lost.to_string(),
                direction.replayed.to_string(),
                direction.rejected.to_string(),
                String::new(),
            ]);
        }
        for line in table.to_string().lines() {
            self.tell(&format!("   {line}"));
        }
        if call.terms.is_fast {
            self.tell("   (without pacing, jitter says nothing)");
        }
        for direction in &outcome.directions {
            let Direction {
                receiver,
                forged,
                forged_refused,
                ..
            } = direction;
            self.tell(&format!(
                "   of {forged} forged packets {receiver} refused {forged_refused}"
            ));
        }
        let verdict = match outcome.ok {
            true => "every payload arrived byte for byte, and nothing else was delivered",
            false => "THE CALL WAS NOT AS IT SHOULD BE:",
        };
        self.tell(&format!("   {verdict}"));
        for problem in &outcome.problems {
            self.tell(&format!("   - {problem}"));
        }
        let folder = &outcome.folder;
        self.tell(&format!("\n7  Left in {folder}"));
        self.tell("   call.pcapng, call-and-forgeries.pcapng, keys.json, and what each side heard");
        let path = |name: &str| Path::new(folder).join(name).display().to_string();
        self.tell(&format!(
            "   callseal replay {} --keys {}",
            path("call.pcapng"),
            path("keys.json")
        ));
    }

    fn tell(&self, line: &str) {
        if self.is_told {
            // Somebody who closes the pipe has heard enough.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }
}
