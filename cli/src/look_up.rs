//! The registry, asked on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use callseal_registry_client::{Answer, Status, Verified};
use callseal_sts::{Number, PublicKey, Staple};
use mio::Waker;

use crate::record_source::{NotKnown, OwnRecord, RecordSource};

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
/// waits for the answer. Another one renews what proves our own record: while
/// its nodes keep it waiting, callers are answered.
#[derive(Debug)]
pub struct LookUps {
    ask: Sender<Question>,
    /// Ends the other thread when it is dropped.
    _renewals: Sender<()>,
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
    /// Starts the threads; `own` is our own record, and what proves it already.
    /// They end when this is dropped, after the answer that they are waiting
    /// for.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start(
        source: impl RecordSource + 'static,
        own: Option<(Box<dyn OwnRecord>, Option<Staple>)>,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        Self::renewing_every(RENEWAL, source, own, waker)
    }

    fn renewing_every(
        interval: Duration,
        mut source: impl RecordSource + 'static,
        own: Option<(Box<dyn OwnRecord>, Option<Staple>)>,
        waker: Arc<Waker>,
    ) -> io::Result<Self> {
        let (ask, questions) = channel();
        let (answer, answers) = channel();
        let (renewals, ended) = channel();
        let teller = Teller { answer, waker };
        if let Some((mut record, mut kept)) = own {
            let teller = teller.clone();
            thread::Builder::new()
                .name("own record".to_owned())
                .spawn(move || {
                    while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                        let staple = renewed(&mut *record, &mut kept);
                        let told = staple.map(FromRegistry::OwnStaple);
                        if !told.is_none_or(|told| teller.tell(told)) {
                            return;
                        }
                    }
                })?;
        }
        thread::Builder::new()
            .name("registry".to_owned())
            .spawn(move || {
                for question in questions {
                    let looked_up = answer_to(question, &mut source);
                    if !teller.tell(FromRegistry::LookedUp(looked_up.into())) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            ask,
            _renewals: renewals,
            answers,
        })
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

/// Whom the threads answer.
#[derive(Clone)]
struct Teller {
    answer: Sender<FromRegistry>,
    waker: Arc<Waker>,
}

impl Teller {
    /// Whether somebody is there to hear it.
    fn tell(&self, told: FromRegistry) -> bool {
        self.answer.send(told).is_ok() && self.waker.wake().is_ok()
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
fn renewed(record: &mut dyn OwnRecord, own: &mut Option<Staple>) -> Option<Staple> {
    let staple = match record.staple() {
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
    struct Own(Vec<Result<Staple, NotKnown>>);

    impl OwnRecord for Own {
        fn staple(&mut self) -> Result<Staple, NotKnown> {
            match self.0.is_empty() {
                true => Err(NotKnown("nothing is known here".to_owned())),
                false => self.0.remove(0),
            }
        }
    }

    /// Is asked for our own record, and does not answer before it is let go.
    struct Stalled {
        begun: Sender<()>,
        go: Receiver<()>,
    }

    impl OwnRecord for Stalled {
        fn staple(&mut self) -> Result<Staple, NotKnown> {
            let _ = self.begun.send(());
            let _ = self.go.recv();
            Err(NotKnown("the node is slow".to_owned()))
        }
    }

    /// Knows nobody, at once.
    struct Nobody;

    impl RecordSource for Nobody {
        fn look_up(&mut self, _: &Number) -> Result<Verified<Answer>, NotKnown> {
            Err(NotKnown("nothing is known here".to_owned()))
        }
    }

    #[test]
    fn what_proves_our_own_record_is_told_when_it_is_another_and_kept_where_none_is_to_be_had() {
        let staple = |octet| Staple::new(&[octet; 9]).unwrap();
        let mut record = Own(vec![
            Ok(staple(1)),
            Err(NotKnown("the node is down".to_owned())),
            Ok(staple(1)),
            Ok(staple(2)),
        ]);
        let mut own = Some(staple(1));
        let told: Vec<_> = (0..5).map(|_| renewed(&mut record, &mut own)).collect();
        assert_eq!(told, [None, None, None, Some(staple(2)), None]);
        assert_eq!(own, Some(staple(2)));
    }

    #[test]
    fn a_caller_is_answered_while_the_nodes_keep_our_own_record_waiting() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (begun, has_begun) = channel();
        let (let_go, go) = channel();
        let own: Box<dyn OwnRecord> = Box::new(Stalled { begun, go });
        let interval = Duration::from_millis(1);
        let look_ups = LookUps::renewing_every(interval, Nobody, Some((own, None)), waker).unwrap();
        has_begun.recv().unwrap();
        let number: Number = "+8613800000001".parse().unwrap();
        look_ups.ask(number);
        let answer = look_ups.answers.recv_timeout(Duration::from_secs(20));
        let is_answered =
            matches!(answer, Ok(FromRegistry::LookedUp(found)) if found.number == number);
        assert!(is_answered);
        drop(let_go);
    }
}
