//! An operator, its subscribers and its service in one process, over TCP on this
//! host. Only the chain is not there: a stand-in takes every transaction into a
//! block of its own at once, and keeps nothing of what is settled, so that
//! whatever grows is the service's.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, keccak256};
use callseal_eims::service::{Bounds, Server, ServerError, Store, Terms, Worker};
use callseal_eims::{
    AccountKey, Begin, BlockLog, CallEnd, Claim, Client, Clock, Head, Lifetime, LoggedClaim, Node,
    Number, OperatorId, Random, Receipt, ResponderKeys, SealingKey, SendError, SigningKey, Token,
    TokenClaims, TokenSigners, TransportError, contract,
};
use callseal_testkit::SplitMix64;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const CHAIN_ID: u64 = 31_337;

/// The operator's service, at work.
pub(crate) struct Service {
    server: Arc<Server>,
    task: JoinHandle<Result<(), ServerError>>,
    address: SocketAddr,
    chain: Chain,
    operator: Operator,
    clock: Clock,
    /// How far the clock of all is ahead, in seconds.
    ahead: Arc<AtomicU64>,
}

impl Service {
    /// Begins, with these records, which are `operator`'s. It looks at the chain so often.
    pub(crate) async fn start(
        operator: Operator,
        store: Store,
        poll: Duration,
    ) -> Result<Self, Box<dyn Error>> {
        let chain = Chain::of(&operator);
        let terms = Terms {
            depth: 0,
            from_block: Some(0),
            ..Terms::default()
        };
        let bounds = Bounds {
            poll,
            begun_per_minute: u32::MAX,
            requests_per_token: u32::MAX,
            ..Bounds::default()
        };
        let account = operator.account.clone();
        let worker = Worker::new(store.clone(), chain.clone(), account, terms);
        let signers = TokenSigners::new(operator.signing.public());
        let keys = ResponderKeys::new(operator.sealing.clone(), signers);
        let (clock, ahead) = (Clock::start(), Arc::new(AtomicU64::new(0)));
        let seconds = Arc::clone(&ahead);
        let now = move || {
            let ahead = Duration::from_secs(seconds.load(Ordering::Relaxed));
            clock.ahead_by(ahead).now()
        };
        let random = Box::new(Seeded::new(1));
        let server = Arc::new(Server::with_clock(store, keys, terms, bounds, random, now));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = Arc::clone(&server);
        Ok(Self {
            task: tokio::spawn(async move { serving.serve(listener, worker).await }),
            server,
            address,
            chain,
            operator,
            clock,
            ahead,
        })
    }

    /// Lets so much time go by.
    pub(crate) fn wait(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A subscriber with a SIM and a phone, the `index`th.
    pub(crate) fn subscriber(
        &self,
        index: u32,
        random: &mut Seeded,
    ) -> Result<Subscriber, Box<dyn Error>> {
        Subscriber::new(&self.operator, index, self.clock(), random)
    }

    /// A phone's connection.
    pub(crate) async fn connect(
        &self,
        phone: &Subscriber,
        random: &mut Seeded,
    ) -> Result<Client<TcpStream>, Box<dyn Error>> {
        let begin = Begin {
            token: &phone.token,
            phone_key: &phone.phone_key,
            operator: self.operator.id,
            sealing_key: self.operator.sealing.public(),
        };
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Client::connect(stream, begin, &self.clock(), random).await?)
    }

    /// What a phone is to tell, and to send to the chain.
    pub(crate) fn claim_of(&self, phone: &Subscriber) -> Claim {
        let (wallet, hash) = (phone.wallet.address(), phone.token.hash());
        Claim::make(
            self.operator.id,
            phone.number,
            wallet,
            &phone.identity,
            hash,
        )
    }

    /// A phone sends it.
    pub(crate) fn send(&self, claim: &Claim) {
        self.chain.claim(claim.as_logged());
    }

    /// Ends.
    pub(crate) async fn stop(self) -> Result<(), Box<dyn Error>> {
        self.server.stopper()();
        Ok(self.task.await??)
    }

    fn clock(&self) -> Clock {
        let ahead = self.ahead.load(Ordering::Relaxed);
        self.clock.ahead_by(Duration::from_secs(ahead))
    }
}

/// An operator's secrets.
pub(crate) struct Operator {
    /// Who it is.
    pub(crate) id: OperatorId,
    account: AccountKey,
    signing: SigningKey,
    sealing: SealingKey,
}

impl Operator {
    /// The same in every run.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            id: OperatorId {
                chain_id: CHAIN_ID,
                contract: [0xaa; 20],
            },
            account: AccountKey::from_bytes([0x51; 32])?,
            signing: SigningKey::from_bytes([0x52; 32])?,
            sealing: SealingKey::from_bytes([0x53; 32]),
        })
    }
}

/// A subscriber with a SIM and a phone.
pub(crate) struct Subscriber {
    /// Whose SIM it is.
    pub(crate) number: Number,
    token: Token,
    phone_key: SealingKey,
    wallet: AccountKey,
    identity: AccountKey,
}

impl Subscriber {
    fn new(
        operator: &Operator,
        index: u32,
        clock: Clock,
        random: &mut Seeded,
    ) -> Result<Self, Box<dyn Error>> {
        let number: Number = format!("+86138{index:08}").parse()?;
        let now = clock.now().unix;
        let claims = TokenClaims {
            operator: operator.id,
            number,
            serial: index.into(),
            lifetime: Lifetime::new(now - 1, now + 3_600).ok_or("no lifetime")?,
        };
        Ok(Self {
            number,
            token: Token::issue(claims, &operator.signing, random),
            phone_key: SealingKey::generate(random),
            wallet: AccountKey::generate(random),
            identity: AccountKey::generate(random),
        })
    }
}

/// The same octets in every run.
pub(crate) struct Seeded(SplitMix64);

impl Seeded {
    /// Others by another seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }
}

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let octets = self.0.next_u64().to_be_bytes();
            chunk.copy_from_slice(&octets[..chunk.len()]);
        }
    }
}

/// The stand-in for a chain. A clone is another handle on it.
#[derive(Clone)]
struct Chain(Arc<Mutex<Blocks>>);

struct Blocks {
    operator: [Bytes; 2],
    number: u64,
    nonce: u64,
    /// The newest transactions and their blocks.
    receipts: VecDeque<(B256, u64)>,
    /// Claims that are not approved, by number hash, and their blocks.
    pending: BTreeMap<B256, (u64, LoggedClaim)>,
}

impl Chain {
    /// More than the service ever has out at a time.
    const RECEIPTS: usize = 64;

    fn of(operator: &Operator) -> Self {
        let signing = operator.signing.public();
        let (prefix, x) = (signing.as_bytes()[0], &signing.as_bytes()[1..]);
        let account = operator.account.address();
        let answer = [
            B256::from_slice(x),
            account.into_word(),
            word(1),
            word(1),
            word(prefix.into()),
            B256::from(operator.sealing.public().0),
        ];
        Self(Arc::new(Mutex::new(Blocks {
            operator: [contract::ask_operator(), answer.concat().into()],
            number: 1,
            nonce: 0,
            receipts: VecDeque::new(),
            pending: BTreeMap::new(),
        })))
    }

    /// A phone's claim, in a block of its own.
    fn claim(&self, claim: LoggedClaim) {
        let mut blocks = self.blocks();
        blocks.number += 1;
        let number = blocks.number;
        blocks.pending.insert(claim.number_hash, (number, claim));
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node for Chain {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        Ok(CHAIN_ID)
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        let number = self.blocks().number;
        Ok(Head {
            number,
            hash: keccak256(word(number)),
            timestamp: 0,
            base_fee: 1_000_000_000,
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        Ok(Some(keccak256(word(number))))
    }

    fn nonce(&mut self, _: Address) -> Result<u64, TransportError> {
        Ok(self.blocks().nonce)
    }

    fn balance(&mut self, _: Address) -> Result<U256, TransportError> {
        Ok(U256::from(u128::MAX))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        Ok(1_000_000_000)
    }

    fn call(&mut self, _: Address, _: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        let blocks = self.blocks();
        if data == blocks.operator[0] {
            return Ok(CallEnd::Returned(blocks.operator[1].clone()));
        }
        // getPending names its sender as well; getClient finds nobody.
        let pending = contract::ask_pending(B256::ZERO, Address::ZERO);
        let asked = data.get(4..36).map(B256::from_slice).unwrap_or_default();
        let found = blocks.pending.get(&asked);
        let answer = match found.filter(|_| data[..4] == pending[..4]) {
            Some((_, claim)) => [
                B256::from_slice(&claim.key[1..]),
                claim.sender.into_word(),
                word(1),
                word(0),
                word(claim.key[0].into()),
                word(1),
                B256::from(claim.token_hash.0),
            ],
            None => [B256::ZERO; 7],
        };
        Ok(CallEnd::Returned(answer.concat().into()))
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        let refused = |message: &str| SendError::Refused {
            message: message.into(),
        };
        let sent =
            TxEnvelope::decode_2718(&mut &*raw).map_err(|error| refused(&error.to_string()))?;
        let mut blocks = self.blocks();
        if sent.nonce() != blocks.nonce {
            return Err(refused("a nonce out of turn"));
        }
        blocks.nonce += 1;
        blocks.number += 1;
        let number = blocks.number;
        blocks.receipts.push_back((*sent.tx_hash(), number));
        if blocks.receipts.len() > Self::RECEIPTS {
            blocks.receipts.pop_front();
        }
        if let Some(number_hash) = sent.input().get(4..36) {
            blocks.pending.remove(number_hash);
        }
        Ok(())
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        let blocks = self.blocks();
        let found = blocks
            .receipts
            .iter()
            .find(|(hash, _)| *hash == transaction);
        Ok(found.map(|(_, number)| Receipt {
            block_number: *number,
            block_hash: keccak256(word(*number)),
            succeeded: true,
        }))
    }

    fn logs(
        &mut self,
        address: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        let blocks = self.blocks();
        let within = blocks.pending.values();
        let within = within.filter(|(number, _)| (from..=to).contains(number));
        let log = |(block_number, claim): &(u64, LoggedClaim)| {
            let topics = vec![topic, claim.number_hash, claim.sender.into_word()];
            let data = [
                B256::from_slice(&claim.key[1..]),
                word(claim.key[0].into()),
                B256::from(claim.token_hash.0),
                claim.record_hash(),
            ];
            BlockLog {
                block_number: *block_number,
                log: Log {
                    address,
                    data: LogData::new_unchecked(topics, data.concat().into()),
                },
            }
        };
        Ok(within.map(log).collect())
    }
}

fn word(value: u64) -> B256 {
    B256::from(U256::from(value))
}
