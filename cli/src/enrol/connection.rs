//! A phone's connection to its operator, made when it is needed.

use std::io;
use std::time::{Duration, Instant};

use callseal_eims::{
    Begin, Client, Clock, ConnectError, OperatorId, Request, RequestError, SealingKey,
    SealingPublicKey, Status, Token,
};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::random::SystemRandom;

/// A connection, or none at the moment.
pub(super) struct Connection {
    runtime: Runtime,
    /// Where the operator listens.
    address: String,
    clock: Clock,
    client: Option<Client<TcpStream>>,
    /// When the next try may begin, and what the last one failed by.
    not_before: Option<(Instant, String)>,
    failures: u32,
}

/// What a phone shows its operator, and whom it takes for it.
pub(super) struct Parties<'a> {
    pub(super) token: &'a Token,
    pub(super) phone_key: &'a SealingKey,
    pub(super) operator: OperatorId,
    pub(super) sealing_key: SealingPublicKey,
}

/// Why the operator gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Nobody is reached at its address.
    #[error("cannot reach the operator at {address}: {source}")]
    Reach {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The next try is not due yet.
    #[error("{why}")]
    Pausing {
        /// Why the last one failed.
        why: String,
    },
    /// The operator is reached, and there is no channel.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is a channel, and no answer.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Tries come no faster than the operator takes them: eight runs in ten minutes
/// with one token.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(90);
/// How long the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long it may take to reach an address.
const REACH: Duration = Duration::from_secs(15);

impl Connection {
    pub(super) fn new(address: &str) -> io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            address: address.to_owned(),
            clock: Clock::start(),
            client: None,
            not_before: None,
            failures: 0,
        })
    }

    pub(super) fn ask(
        &mut self,
        parties: &Parties<'_>,
        request: &Request,
    ) -> Result<Status, ConnectionError> {
        if let Some(client) = self.client.take() {
            match self.ask_by(client, request) {
                // The operator ends connections on which nobody has asked for a
                // minute; every request may be made again.
                Err(RequestError::Io(_)) => {}
                answer => return Ok(answer?),
            }
        }
        let client = self.connect(parties)?;
        Ok(self.ask_by(client, request)?)
    }

    /// The connection stays, unless it has failed.
    fn ask_by(
        &mut self,
        mut client: Client<TcpStream>,
        request: &Request,
    ) -> Result<Status, RequestError> {
        let answer = self.runtime.block_on(async {
            match request {
                Request::Fund(fund) => client.fund(**fund).await,
                Request::Status => client.status().await,
            }
        });
        if !matches!(answer, Err(RequestError::Io(_) | RequestError::TimedOut)) {
            self.client = Some(client);
        }
        answer
    }

    /// Says good-bye.
    pub(super) fn close(&mut self) {
        if let Some(client) = self.client.take() {
            // The operator sees the end of the connection in any case.
            let farewell = async { tokio::time::timeout(FAREWELL, client.close()).await };
            let _ = self.runtime.block_on(farewell);
        }
    }

    fn connect(&mut self, parties: &Parties<'_>) -> Result<Client<TcpStream>, ConnectionError> {
        if let Some((at, why)) = &self.not_before
            && *at > Instant::now()
        {
            return Err(ConnectionError::Pausing { why: why.clone() });
        }
        let (address, clock) = (self.address.clone(), self.clock);
        let connected: Result<_, ConnectionError> = self.runtime.block_on(async {
            let reached = tokio::time::timeout(REACH, TcpStream::connect(&*address)).await;
            let stream = reached
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(|source| ConnectionError::Reach { address, source })?;
            stream.set_nodelay(true).map_err(ConnectError::Io)?;
            let begin = Begin {
                token: parties.token,
                phone_key: parties.phone_key,
                operator: parties.operator,
                sealing_key: parties.sealing_key,
            };
            Ok(Client::connect(stream, begin, &clock, &mut SystemRandom).await?)
        });
        match &connected {
            Ok(_) => self.failures = 0,
            Err(error) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(6));
                let at = Instant::now() + pause.min(LONGEST_PAUSE);
                self.not_before = Some((at, error.to_string()));
                self.failures += 1;
            }
        }
        connected
    }
}

impl ConnectionError {
    /// Whether it may be otherwise in a minute.
    pub(super) fn is_passing(&self) -> bool {
        use callseal_eims::Refusal;
        let refusal = match self {
            Self::Reach { .. } | Self::Pausing { .. } => return true,
            Self::Connect(ConnectError::Refused(refusal))
            | Self::Request(RequestError::Refused(refusal)) => refusal,
            Self::Connect(ConnectError::Io(_) | ConnectError::TimedOut)
            | Self::Request(RequestError::Io(_) | RequestError::TimedOut) => return true,
            Self::Connect(_) | Self::Request(_) => return false,
        };
        matches!(
            refusal,
            Refusal::Busy | Refusal::Unavailable | Refusal::TooMany | Refusal::Over
        )
    }
}
