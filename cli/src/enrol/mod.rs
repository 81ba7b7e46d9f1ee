//! A phone that enrols itself: what its enrolment has done, on a network, a
//! disk and a clock.

mod connection;
pub mod reader;
mod words;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use callseal_eims::{
    AccountKey, Advance, EnrolError, Enrolment, Node, Number as EimsNumber, OperatorId, Request,
    SealingPublicKey, SigningPublicKey, Status, Step, Surroundings, Token, TokenSigners,
    VerifyError, Waiting,
};
use callseal_registry_client::{Answer, Verified};
use callseal_sts::Number;

use crate::output_file::{Existing, OutputError, Privacy, write_whole};
use crate::phone_keys::PhoneKeys;
use crate::wallet_nodes::WalletNodes;
use connection::{Connection, Parties};
use reader::{ReadError, Reader};

pub use connection::ConnectionError;
pub use words::{advice, step_in_words, waiting_in_words, wrapped};

/// Everything that an enrolment is made of.
pub struct Enroller {
    keys: PhoneKeys,
    wallet: AccountKey,
    identity: AccountKey,
    token: Token,
    operator: OperatorId,
    /// Where the enrolment's notes are kept.
    notes: PathBuf,
    node: WalletNodes,
    reader: Reader,
    look_again: Duration,
    connection: Connection,
    sealing_key: Option<SealingPublicKey>,
}

/// What an [`Enroller`] needs to be told.
pub struct Terms {
    /// The phone's secrets.
    pub keys: PhoneKeys,
    /// The SIM's token.
    pub token: Token,
    /// Whose registry it is, from the phone's own configuration.
    pub operator: OperatorId,
    /// Where the operator listens: HOST:PORT.
    pub address: String,
    /// Where the enrolment's notes are kept.
    pub notes: PathBuf,
    /// Whom transactions are sent to.
    pub node: WalletNodes,
    /// How the registry is read.
    pub reader: Reader,
    /// How soon is looked again, where something is waited for. An operator
    /// takes 600 requests in ten minutes.
    pub look_again: Duration,
}

/// Is told how an enrolment goes on.
pub trait Watcher {
    /// A step is done, and stored.
    fn moved(&mut self, step: &Step);
    /// Something else has to happen first.
    fn waits(&mut self, waiting: &Waiting);
    /// Something went wrong that is tried again.
    fn tries_again(&mut self, error: &EnrolFailure);
    /// Whether to give up now.
    fn is_over(&mut self) -> bool;
}

/// How an enrolment ended.
#[derive(Debug)]
pub struct Ended {
    /// How far it is.
    pub step: Step,
    /// What it waited for when it was given up.
    pub waiting: Option<Waiting>,
    /// What it was stopped by.
    pub error: Option<EnrolFailure>,
    /// How long it took, pauses included.
    pub took: Duration,
    /// How long it did nothing but wait for others.
    pub paused: Duration,
}

/// Why an enrolment does not go on.
pub type EnrolFailure = EnrolError<AroundError>;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AroundError {
    /// The notes cannot be kept.
    #[error(transparent)]
    Notes(#[from] OutputError),
    /// The operator gives no answer.
    #[error(transparent)]
    Operator(#[from] ConnectionError),
    /// The registry cannot be read.
    #[error("the registry cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The operator's registry names no key to seal to.
    #[error("the operator has published no key for enrolments")]
    NoSealingKey,
    /// The token is not the operator's, or not good.
    #[error("the token: {0}")]
    Token(#[from] VerifyError),
    /// The registry has a signing key that is none.
    #[error("the operator's signing key in the registry is no key")]
    SigningKey,
    /// A number that is one here and none there.
    #[error("the number is not one")]
    Number,
}

impl Enroller {
    /// Makes ready; asks nobody yet.
    ///
    /// # Errors
    /// Where the system refuses, or a secret is none.
    pub fn new(terms: Terms) -> anyhow::Result<Self> {
        Ok(Self {
            wallet: AccountKey::from_bytes(*terms.keys.wallet())?,
            identity: AccountKey::from_bytes(*terms.keys.identity.to_bytes())?,
            keys: terms.keys,
            token: terms.token,
            operator: terms.operator,
            notes: terms.notes,
            node: terms.node,
            reader: terms.reader,
            look_again: terms.look_again,
            connection: Connection::new(&terms.address)?,
            sealing_key: None,
        })
    }

    /// Enrols, from where the notes say that it stopped.
    ///
    /// # Errors
    /// Where the notes are there and unusable.
    pub fn run(&mut self, watcher: &mut dyn Watcher) -> anyhow::Result<Ended> {
        let begun = Instant::now();
        let mut enrolment = self.resumed()?;
        let wallet = self.wallet.clone();
        let (mut paused, mut waits_for) = (Duration::ZERO, None);
        let error = loop {
            match enrolment.advance(&wallet, self) {
                Ok(Advance::Done) => break None,
                Ok(Advance::Waiting(waiting)) => {
                    watcher.waits(&waiting);
                    waits_for = Some(waiting);
                }
                Ok(_) => {
                    watcher.moved(enrolment.step());
                    waits_for = None;
                    continue;
                }
                Err(error) if is_passing(&error) && !watcher.is_over() => {
                    watcher.tries_again(&error);
                }
                Err(error) => break Some(error),
            }
            if watcher.is_over() {
                break None;
            }
            let pause = Instant::now();
            std::thread::sleep(self.look_again);
            paused += pause.elapsed();
        };
        self.connection.close();
        Ok(Ended {
            step: enrolment.step().clone(),
            waiting: waits_for,
            error,
            took: begun.elapsed(),
            paused,
        })
    }

    fn resumed(&self) -> anyhow::Result<Enrolment> {
        use anyhow::Context as _;
        let number = self.token.unverified_claims().number;
        let (wallet, hash) = (self.wallet.address(), self.token.hash());
        let begun = Enrolment::new(self.operator, number, wallet, &self.identity, hash);
        let shown = || notes_shown(&self.notes);
        match crate::keys_file::read_text(&self.notes) {
            Ok(text) => begun.resumed(&text).with_context(shown),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(begun),
            Err(error) => Err(error).with_context(shown),
        }
    }

    /// The operator's sealing key, and whether its other key has signed our
    /// token, as the registry proves both.
    fn proven_sealing_key(&mut self) -> Result<SealingPublicKey, AroundError> {
        if let Some(key) = self.sealing_key {
            return Ok(key);
        }
        let (present, previous) = self.reader.operator_keys()?;
        let of = |key| SigningPublicKey::from_bytes(key).map_err(|_| AroundError::SigningKey);
        let mut signers = TokenSigners::new(of(present.signing_key)?);
        if let Some(previous) = previous {
            let key = of(previous.keys.signing_key)?;
            signers = signers.with_previous(key, previous.valid_until);
        }
        let now = callseal_eims::Clock::start().now().unix;
        self.token.verify(&self.operator, &signers, now)?;
        let key = present.sealing_key.ok_or(AroundError::NoSealingKey)?;
        self.sealing_key = Some(SealingPublicKey(key));
        Ok(SealingPublicKey(key))
    }
}

impl Surroundings for Enroller {
    type Error = AroundError;

    fn keep(&mut self, enrolment: &Enrolment) -> Result<(), AroundError> {
        let io_error = |error: serde_json::Error| OutputError::Io {
            path: self.notes.clone(),
            source: error.into(),
        };
        let text = enrolment.to_json().map_err(io_error)?;
        let (privacy, existing) = (Privacy::Owner, Existing::Replace);
        Ok(write_whole(
            &self.notes,
            privacy,
            existing,
            text.as_bytes(),
        )?)
    }

    fn ask_operator(&mut self, request: &Request) -> Result<Status, AroundError> {
        let sealing_key = self.proven_sealing_key()?;
        let parties = Parties {
            token: &self.token,
            phone_key: &self.keys.enrolment,
            operator: self.operator,
            sealing_key,
        };
        let answer = self.connection.ask(&parties, request);
        if answer.is_err() {
            // Perhaps it was replaced.
            self.sealing_key = None;
        }
        Ok(answer?)
    }

    fn node(&mut self) -> &mut dyn Node {
        &mut self.node
    }

    fn look_up(&mut self, number: EimsNumber) -> Result<Verified<Answer>, AroundError> {
        let number = Number::parse(&number.to_string()).map_err(|_| AroundError::Number)?;
        Ok(self.reader.look_up(&number)?)
    }
}

/// Whether it may be otherwise in a minute.
fn is_passing(error: &EnrolFailure) -> bool {
    match error {
        EnrolError::Node(_) => true,
        EnrolError::Send(error) => matches!(error, callseal_eims::SendError::Transport(_)),
        EnrolError::Surroundings(AroundError::Operator(error)) => error.is_passing(),
        EnrolError::Surroundings(AroundError::Read(error)) => error.is_passing(),
        _ => false,
    }
}

fn notes_shown(path: &Path) -> String {
    format!(
        "cannot go on from {}; move it away to begin anew, which pays and claims nothing twice",
        path.display()
    )
}
