//! The registry, asked on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use callseal_registry_client::{Answer, LookUpError, Registry, Status, Transport, Verified};
use callseal_sts::Number;
use mio::Waker;

/// A finished look-up.
#[derive(Debug)]
pub struct LookedUp {
    /// Whose record was asked for.
    pub number: Number,
    /// The proven answer, or why there is none.
    pub answer: Result<Verified<Answer>, LookUpError>,
    /// How long asking and verifying took.
    pub took: Duration,
}

/// A thread that looks numbers up, one after another, and wakes whoever
/// waits for the answer.
#[derive(Debug)]
pub struct LookUps {
    ask: Sender<Number>,
    answers: Receiver<LookedUp>,
}

impl LookUps {
    /// Starts the thread. It ends when this is dropped, after the answer that
    /// it is waiting for.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start<T: Transport + Send + 'static>(
        mut registry: Registry<T>,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let (ask, questions) = channel::<Number>();
        let (answer, answers) = channel();
        let work = move || {
            for number in questions {
                let begun = Instant::now();
                let found = registry.look_up(number.as_str());
                let looked_up = LookedUp {
                    number,
                    answer: found,
                    took: begun.elapsed(),
                };
                if answer.send(looked_up).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("registry".to_owned())
            .spawn(work)?;
        Ok(Self { ask, answers })
    }

    /// Asks for a number's record.
    pub fn ask(&self, number: Number) {
        // The thread is alive as long as `self` is; were it not, the
        // handshake's own time limit would end the wait.
        let _ = self.ask.send(number);
    }

    /// An answer that has come; `None` where there is none now.
    pub fn answer(&self) -> Option<LookedUp> {
        self.answers.try_recv().ok()
    }
}

/// What a finished look-up says, in words.
pub fn describe(looked_up: &LookedUp) -> String {
    let number = &looked_up.number;
    let verified = match &looked_up.answer {
        Ok(verified) => verified,
        Err(error) => return format!("nothing is known of {number}: {error}"),
    };
    let block = verified.block_number();
    match verified.clone().into_record() {
        None => format!("the registry has no record of {number}, as block {block} proves"),
        Some(record) if record.is_in_force() => {
            let key = hex::encode(record.value().key);
            let revision = record.value().revision;
            let said = format!(
                "the registry has key {key} for {number} (revision {revision}), as block {block} proves"
            );
            match &record.value().successor {
                None => said,
                Some(successor) => {
                    let hours = successor.valid_since.saturating_sub(record.timestamp()) / 3_600;
                    format!(
                        "{said}; the operator replaces it in {hours} hours, unless the holder objects"
                    )
                }
            }
        }
        Some(record) if record.value().status == Status::Revoked => {
            format!("the key of {number} is revoked, as block {block} proves")
        }
        Some(_) => {
            format!("the registry's record of {number} is not in force, as block {block} proves")
        }
    }
}
