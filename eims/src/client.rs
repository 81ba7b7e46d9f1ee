//! A phone's connection to its operator.

use core::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::frames;
use crate::requests::{Clear, Fund, MalformedRequest, Refusal, Reply, Request, Status};
use crate::{
    AwaitMessage2, Begin, BeginError, Channel, ChannelError, Message2Error, Moment, Random,
};

/// A phone's connection to its operator: the agreement, then the channel, then
/// requests inside of it. One connection is one run of the agreement, of which
/// an operator takes eight with one token in ten minutes; so a phone keeps it
/// open while it waits, and [asks](Self::status) every few seconds.
///
/// ```no_run
/// use callseal_eims::{AccountKey, Begin, Claim, Client, Clock, Fund};
/// # use callseal_eims::{ConnectError, OperatorId, Random, SealingKey, SealingPublicKey, Token};
/// # async fn enrol(
/// #     token: Token, phone_key: SealingKey, sealing_key: SealingPublicKey, operator: OperatorId,
/// #     wallet: AccountKey, identity: AccountKey, random: &mut (dyn Random + Send),
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::start();
/// let begin = Begin { token: &token, phone_key: &phone_key, operator, sealing_key };
/// let stream = tokio::net::TcpStream::connect("eims.example:7474").await?;
/// let mut client = Client::connect(stream, begin, &clock, random).await?;
///
/// let number = token.unverified_claims().number;
/// let claim = Claim::make(operator, number, wallet.address(), &identity, token.hash());
/// let status = client.fund(Fund { number, claim }).await?;
/// println!("{:?}", status.payment);
/// // Once the ether is there: send `claim.add_client()`, and ask again.
/// println!("{:?}", client.status().await?.approval);
/// # Ok(())
/// # }
/// ```
pub struct Client<S: AsyncRead + AsyncWrite + Unpin> {
    channel: Channel<S>,
}

/// The clocks of this machine, for an agreement.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: std::time::Instant,
    ahead: Duration,
}

/// Why a phone has no connection to its operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The phone cannot begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// Somebody says, in the operator's name but without proof, that it will
    /// not go on.
    #[error("{0}")]
    Refused(Refusal),
    /// Message 2 is not the operator's.
    #[error(transparent)]
    Message2(#[from] Message2Error),
    /// There is no channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The operator speaks something else.
    #[error("whoever answers does not speak as an operator does")]
    NotAnOperator,
    /// The network failed, or the operator ended the connection.
    #[error("the connection to the operator failed: {0}")]
    Io(#[from] io::Error),
    /// The operator does not answer.
    #[error("the operator did not answer within {} s", Client::<tokio::net::TcpStream>::PATIENCE.as_secs())]
    TimedOut,
}

/// Why a request is not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The operator says why.
    #[error("{0}")]
    Refused(Refusal),
    /// The operator says something that is no answer.
    #[error(transparent)]
    Malformed(#[from] MalformedRequest),
    /// The network failed, or the operator ended the connection: connect again.
    #[error("the connection to the operator failed: {0}")]
    Io(#[from] io::Error),
    /// The operator does not answer: connect again.
    #[error("the operator did not answer within {} s", Client::<tokio::net::TcpStream>::PATIENCE.as_secs())]
    TimedOut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// How long each answer is awaited.
    pub const PATIENCE: Duration = Duration::from_secs(15);

    /// Agrees on a key with the operator and opens the channel.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]. A [`Refused`](ConnectError::Refused) here is not
    /// authenticated.
    pub async fn connect(
        mut stream: S,
        begin: Begin<'_>,
        clock: &Clock,
        random: &mut (dyn Random + Send),
    ) -> Result<Self, ConnectError> {
        let (state, message_1) = AwaitMessage2::begin(begin, clock.now(), random)?;
        let message_2 = exchange(&mut stream, &message_1).await?;
        if let Some(Clear::Refused(refusal)) = Clear::from_bytes(&message_2) {
            return Err(ConnectError::Refused(refusal));
        }
        let (message_3, psk) = state
            .receive(&message_2, clock.now().elapsed, random)
            .map_err(|refused| refused.error)?;
        let answer = exchange(&mut stream, &message_3).await?;
        match Clear::from_bytes(&answer) {
            Some(Clear::Proceed) => {}
            Some(Clear::Refused(refusal)) => return Err(ConnectError::Refused(refusal)),
            None => return Err(ConnectError::NotAnOperator),
        }
        let now = clock.now().elapsed;
        let channel = Channel::connect(stream, psk, now, Self::PATIENCE).await?;
        Ok(Self { channel })
    }

    /// Asks for the fee money of a claim and tells the operator of it. Again,
    /// with the same claim, it is the same as [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn fund(&mut self, fund: Fund) -> Result<Status, RequestError> {
        self.ask(&Request::Fund(Box::new(fund))).await
    }

    /// How far the enrolment is.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn status(&mut self) -> Result<Status, RequestError> {
        self.ask(&Request::Status).await
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.channel.close().await;
    }

    async fn ask(&mut self, request: &Request) -> Result<Status, RequestError> {
        let exchange = async {
            self.channel.send(&request.to_bytes()).await?;
            self.channel.receive().await
        };
        let answer = timeout(Self::PATIENCE, exchange)
            .await
            .map_err(|_| RequestError::TimedOut)??
            .ok_or(io::ErrorKind::UnexpectedEof)
            .map_err(io::Error::from)?;
        match Reply::from_bytes(&answer)? {
            Reply::Status(status) => Ok(status),
            Reply::Refused(refusal) => Err(RequestError::Refused(refusal)),
        }
    }
}

impl Clock {
    /// Begins to count.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: std::time::Instant::now(),
            ahead: Duration::ZERO,
        }
    }

    /// The same so much ahead of this machine: for trials of what takes long.
    #[must_use]
    pub fn ahead_by(self, ahead: Duration) -> Self {
        Self { ahead, ..self }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        let unix = std::time::SystemTime::UNIX_EPOCH.elapsed();
        Moment {
            unix: unix.map_or(0, |time| time.saturating_add(self.ahead).as_secs()),
            elapsed: self.started.elapsed().saturating_add(self.ahead),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    message: &[u8],
) -> Result<Vec<u8>, ConnectError> {
    let exchange = async {
        frames::send(stream, message).await?;
        frames::receive(stream, frames::MAX_LEN).await
    };
    timeout(Client::<S>::PATIENCE, exchange)
        .await
        .map_err(|_| ConnectError::TimedOut)??
        .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
}
