//! The connections of phones.
//!
//! Each is a task of its own, with a time for every step and an end to
//! everything: how many there are, from one address and in all, how long one
//! may take, how much it may say. Nothing that a phone asks waits for a node.

mod conversation;

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use crate::requests::Wait;
use crate::service::limits::RateLimit;
use crate::service::places::Places;
use crate::service::store::Store;
use crate::service::worker::{Terms, WorkError, Worker};
use crate::{Clock, Moment, Node, Random, Responder, ResponderKeys};

/// How much a service takes, from one and from all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Connections at a time.
    pub connections: usize,
    /// Of these, from one address (IPv6: one network of 64 bits). Those who
    /// have not completed the agreement are at most four times as many from
    /// one network of 56 bits, and sixteen times from one of 48. Where a bound
    /// is met, one of them ends for whoever comes.
    pub connections_per_address: usize,
    /// Connections begun by one address in a minute; four and sixteen times as
    /// many by networks of 56 and of 48 bits.
    pub begun_per_minute: u32,
    /// The time for each message of the agreement, and for TLS.
    pub patience: Duration,
    /// The time for the next request.
    pub idle: Duration,
    /// The time for a connection in all.
    pub connection: Duration,
    /// Requests with one token in ten minutes.
    pub requests_per_token: u32,
    /// How often the chain is looked at.
    pub poll: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_address: 16,
            begun_per_minute: 60,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            connection: Duration::from_secs(1_800),
            requests_per_token: 600,
            poll: Duration::from_secs(2),
        }
    }
}

/// An operator that answers phones.
///
/// ```no_run
/// use std::path::Path;
///
/// use callseal_eims::service::{Bounds, Server, Store, Terms, Worker};
/// use callseal_eims::{AccountKey, JsonRpcNode, OperatorId, ResponderKeys};
/// # use callseal_eims::Random;
///
/// # async fn serve(
/// #     operator: OperatorId, account: AccountKey, keys: ResponderKeys, random: Box<dyn Random + Send>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let terms = Terms::default();
/// let store = Store::open(Path::new("eims.redb"), operator)?;
/// let node = JsonRpcNode::new("http://127.0.0.1:8545")?;
/// let worker = Worker::new(store.clone(), node, account, terms);
/// let server = Server::new(store, keys, terms, Bounds::default(), random);
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:7474").await?;
/// server.serve(listener, worker).await?;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    shared: Arc<Shared>,
}

/// Why a service has ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The port.
    #[error("cannot take connections: {0}")]
    Listener(#[source] io::Error),
    /// What cannot get better by itself.
    #[error(transparent)]
    Work(WorkError),
    /// A fault in this program: a step has panicked. What was promised is in
    /// the records, and done when the service runs again.
    #[error("the service has a fault, and stopped; start it again")]
    Panicked,
}

struct Shared {
    store: Store,
    terms: Terms,
    bounds: Bounds,
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    /// Held for computing alone, and never on a thread that others wait for.
    agreement: Mutex<Agreement>,
    /// How many messages 1 are read at a time.
    reading: Arc<Semaphore>,
    requests: Mutex<RateLimit<[u8; 32]>>,
    places: Places,
    /// Wakes the worker.
    told: Notify,
    wait: Mutex<Arc<AtomicU8>>,
    stop: AtomicBool,
    stopped: Notify,
}

struct Agreement {
    responder: Responder,
    random: Box<dyn Random + Send>,
}

/// More at a time would only wait for each other.
const READING: usize = 4;

impl Server {
    /// An operator with these records and keys. Listens nowhere yet.
    pub fn new(
        store: Store,
        keys: ResponderKeys,
        terms: Terms,
        bounds: Bounds,
        random: Box<dyn Random + Send>,
    ) -> Self {
        let clock = Clock::start();
        Self::with_clock(store, keys, terms, bounds, random, move || clock.now())
    }

    /// The same by another clock than this machine's, for trials: ages and
    /// dates are by it, while somebody's patience is real time.
    pub fn with_clock(
        store: Store,
        keys: ResponderKeys,
        terms: Terms,
        bounds: Bounds,
        random: Box<dyn Random + Send>,
        clock: impl Fn() -> Moment + Send + Sync + 'static,
    ) -> Self {
        let responder = Responder::new(store.operator(), keys, crate::Limits::default());
        let minute = Duration::from_secs(60);
        let requests = RateLimit::new(bounds.requests_per_token, 10 * minute, 16_384);
        Self {
            shared: Arc::new(Shared {
                store,
                terms,
                bounds,
                clock: Box::new(clock),
                agreement: Mutex::new(Agreement { responder, random }),
                reading: Arc::new(Semaphore::new(READING)),
                requests: Mutex::new(requests),
                places: Places::new(bounds),
                told: Notify::new(),
                wait: Mutex::new(Arc::new(AtomicU8::new(Wait::Turn as u8))),
                stop: AtomicBool::new(false),
                stopped: Notify::new(),
            }),
        }
    }

    /// After a rotation of the operator's keys.
    pub fn set_keys(&self, keys: ResponderKeys) {
        lock(&self.shared.agreement).responder.set_keys(keys);
    }

    /// What ends [`serve`](Self::serve) when it is called.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || {
            shared.stop.store(true, Ordering::Relaxed);
            shared.stopped.notify_waiters();
            shared.stopped.notify_one();
        }
    }

    /// Answers phones and works, until it is stopped or something is wrong
    /// that cannot get better by itself. Has to run on tokio's multi-threaded
    /// runtime.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub async fn serve<N: Node + 'static>(
        &self,
        listener: TcpListener,
        worker: Worker<N>,
    ) -> Result<(), ServerError> {
        let shared = &self.shared;
        *lock(&shared.wait) = worker.waits();
        let mut work = tokio::spawn(Arc::clone(shared).work(worker));
        let ended = tokio::select! {
            done = &mut work => {
                return match done {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(ServerError::Panicked),
                };
            }
            refused = Arc::clone(shared).listen(listener) => refused,
            () = shared.stopped.notified() => Ok(()),
        };
        // The worker ends between two steps, never inside of one.
        shared.stop.store(true, Ordering::Relaxed);
        shared.told.notify_one();
        let _ = work.await;
        ended
    }
}

impl Shared {
    /// One step after the other, on a thread where waiting blocks nobody.
    async fn work<N: Node + 'static>(
        self: Arc<Self>,
        mut worker: Worker<N>,
    ) -> Result<(), ServerError> {
        let mut before = String::new();
        while !self.stop.load(Ordering::Relaxed) {
            let stepped = tokio::task::spawn_blocking(move || {
                let done = worker.step();
                (worker, done)
            });
            let Ok((returned, done)) = stepped.await else {
                return Err(ServerError::Panicked);
            };
            worker = returned;
            match done {
                Ok(()) => before.clear(),
                Err(
                    error @ (WorkError::WrongChain { .. }
                    | WorkError::NotOperator { .. }
                    | WorkError::NoRegistry { .. }
                    | WorkError::Stopped(_)),
                ) => return Err(ServerError::Work(error)),
                Err(error) => {
                    // Said once, not every two seconds.
                    let words = error.to_string();
                    if words != before {
                        tracing::error!("{words}; it is tried again");
                        before = words;
                    }
                }
            }
            tokio::select! {
                () = self.told.notified() => {}
                () = sleep(self.bounds.poll) => {}
            }
        }
        Ok(())
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) -> Result<(), ServerError> {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    // Without a place the connection ends at once.
                    if let Some((place, lost)) = self.places.take(from.ip(), self.now().elapsed) {
                        let shared = Arc::clone(&self);
                        tokio::spawn(async move {
                            let life = shared.bounds.connection;
                            tokio::select! {
                                _ = timeout(life, shared.converse(stream, place)) => {}
                                _ = lost => {}
                            }
                        });
                    }
                }
                // Too many open files, or a connection that is gone already:
                // others are not to suffer from it.
                Err(error) if is_passing(&error) => {
                    tracing::warn!("cannot take a connection: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(ServerError::Listener(error)),
            }
        }
    }

    fn now(&self) -> Moment {
        (self.clock)()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing behind these is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_passing(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected
    )
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.shared.store.operator())
    }
}
