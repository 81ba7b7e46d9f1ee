//! The registry, asked on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use callseal_registry_client::{Answer, Status, Verified};
use callseal_sts::{Number, PublicKey, Staple};
use mio::Waker;

use crate::record_source::{NotKnown, RecordSource};

/// A finished look-up.
#[derive(Debug)]
pub struct LookedUp {
    /// Whose record was asked for.
    pub number: Number,
    /// The proven answer, or why there is none.
    pub answer: Result<Verified<Answer>, NotKnown>,
    /// What became of what the number's owner handed over, where it did: it is the answer, or it does not count.
    pub staple: Option<Result<(), NotKnown>>,
    /// How long asking and verifying took.
    pub took: Duration,
}

/// A thread that looks numbers up, one after another, and wakes whoever
/// waits for the answer.
#[derive(Debug)]
pub struct LookUps {
    ask: Sender<Question>,
    answers: Receiver<FromRegistry>,
}

#[derive(Debug)]
struct Question {
    number: Number,
    staple: Option<(PublicKey, Staple)>,
}

/// What the thread has to say.
#[derive(Debug)]
pub enum FromRegistry {
    /// A question is answered.
    LookedUp(Box<LookedUp>),
    /// What proves our own record was renewed.
    OwnStaple(Staple),
}

/// How often it is looked whether what proves our own record has grown old.
const RENEWAL: Duration = Duration::from_secs(60);

impl LookUps {
    /// Starts the thread. It ends when this is dropped, after the answer that
    /// it is waiting for.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start(
        mut source: impl RecordSource + 'static,
        mut own: Option<Staple>,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let (ask, questions) = channel();
        let (answer, answers) = channel();
        let work = move || {
            loop {
                let told = match questions.recv_timeout(RENEWAL) {
                    Ok(question) => FromRegistry::LookedUp(answer_to(question, &mut source).into()),
                    Err(RecvTimeoutError::Timeout) => match renewed(&mut source, &mut own) {
                        Some(staple) => FromRegistry::OwnStaple(staple),
                        None => continue,
                    },
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                if answer.send(told).is_err() || waker.wake().is_err() {
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
        self.put(Question {
            number,
            staple: None,
        });
    }

    /// Asks for a number's record, given what the owner of this key has handed over.
    pub fn ask_stapled(&self, number: Number, key: PublicKey, staple: Staple) {
        self.put(Question {
            number,
            staple: Some((key, staple)),
        });
    }

    /// What has come; `None` where there is nothing now.
    pub fn answer(&self) -> Option<FromRegistry> {
        self.answers.try_recv().ok()
    }

    fn put(&self, question: Question) {
        // The thread is alive as long as `self` is; were it not, the
        // handshake's own time limit would end the wait.
        let _ = self.ask.send(question);
    }
}

fn answer_to(question: Question, source: &mut impl RecordSource) -> LookedUp {
    let Question { number, staple } = question;
    let begun = Instant::now();
    let (answer, staple) = match staple {
        Some((key, staple)) => {
            let (answer, verdict) = source.look_up_stapled(&number, &key, &staple);
            (answer, Some(verdict))
        }
        None => (source.look_up(&number), None),
    };
    LookedUp {
        number,
        answer,
        staple,
        took: begun.elapsed(),
    }
}

/// What proves our own record, if it is not what it was.
fn renewed(source: &mut impl RecordSource, own: &mut Option<Staple>) -> Option<Staple> {
    let staple = match source.own_staple()? {
        Ok(staple) => staple,
        Err(error) => {
            tracing::warn!("what proves our own record is not renewed: {error}");
            return None;
        }
    };
    if own.as_ref() == Some(&staple) {
        return None;
    }
    *own = Some(staple.clone());
    Some(staple)
}

/// What a finished look-up says, in words.
pub fn describe(looked_up: &LookedUp) -> String {
    let number = &looked_up.number;
    let verified = match &looked_up.answer {
        Ok(verified) => verified,
        Err(error) => return format!("nothing is known of {number}: {error}"),
    };
    let block = verified.block_number();
    let by = match &looked_up.staple {
        Some(Ok(())) => "what it has handed over",
        Some(Err(_)) | None => "the registry",
    };
    match verified.clone().into_record() {
        None => format!("the registry has no record of {number}, as block {block} proves"),
        Some(record) if record.is_in_force() => {
            let key = hex::encode(record.value().key);
            let revision = record.value().revision;
            let said = format!(
                "{by} has key {key} for {number} (revision {revision}), as block {block} proves"
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Says these of our own record, one after another.
    struct Source(Vec<Result<Staple, NotKnown>>);

    impl RecordSource for Source {
        fn look_up(&mut self, _: &Number) -> Result<Verified<Answer>, NotKnown> {
            Err(NotKnown("nothing is known here".to_owned()))
        }

        fn own_staple(&mut self) -> Option<Result<Staple, NotKnown>> {
            (!self.0.is_empty()).then(|| self.0.remove(0))
        }
    }

    #[test]
    fn what_proves_our_own_record_is_told_when_it_is_another_and_kept_where_none_is_to_be_had() {
        let staple = |octet| Staple::new(&[octet; 9]).unwrap();
        let mut source = Source(vec![
            Ok(staple(1)),
            Err(NotKnown("the node is down".to_owned())),
            Ok(staple(1)),
            Ok(staple(2)),
        ]);
        let mut own = Some(staple(1));
        let told: Vec<_> = (0..5).map(|_| renewed(&mut source, &mut own)).collect();
        assert_eq!(told, [None, None, None, Some(staple(2)), None]);
        assert_eq!(own, Some(staple(2)));
    }
}
