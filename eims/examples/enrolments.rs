//! How much an enrolment costs, and whether the service's memory grows with
//! them: `cargo run --release -p callseal-eims --features service --example
//! enrolments [HOW MANY]`.
//!
//! Phone and service are in this one process, over TCP on this host: the
//! agreement, TLS, the requests, and the records in a file, each change synced.
//! Only the chain is not there: a stand-in takes every transaction into a block
//! of its own at once, and keeps nothing of what is settled, so that whatever
//! grows is the service's. A second goes by for each enrolment, by the clock of
//! both.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, keccak256};
use callseal_eims::service::{Bounds, Server, Store, Terms, Worker};
use callseal_eims::{
    AccountKey, Approval, Begin, BlockLog, CallEnd, Claim, Client, Clock, Fund, Head, Lifetime,
    LoggedClaim, Node, Number, OperatorId, Random, Receipt, ResponderKeys, SealingKey, SendError,
    SigningKey, Token, TokenClaims, TokenSigners, TransportError, contract,
};
use callseal_testkit::{Allocations, CountingAllocator, SplitMix64};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const CHAIN_ID: u64 = 31_337;
const POLL: Duration = Duration::from_millis(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let enrolments: u32 = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |word| word.parse())?;
    let operator = Operator::new()?;
    let chain = Chain::of(&operator);
    let time = Arc::new(AtomicU64::new(0));
    let records = tempfile()?;
    let store = Store::open(&records.0, operator.id)?;
    let terms = Terms {
        depth: 0,
        from_block: Some(0),
        ..Terms::default()
    };
    let bounds = Bounds {
        poll: POLL,
        begun_per_minute: u32::MAX,
        requests_per_token: u32::MAX,
        ..Bounds::default()
    };
    let account = operator.account.clone();
    let worker = Worker::new(store.clone(), chain.clone(), account, terms);
    let signers = TokenSigners::new(operator.signing.public());
    let keys = ResponderKeys::new(operator.sealing.clone(), signers);
    let (clock, seconds) = (Clock::start(), Arc::clone(&time));
    let now = move || {
        let ahead = Duration::from_secs(seconds.load(Ordering::Relaxed));
        clock.ahead_by(ahead).now()
    };
    let random = Box::new(Seeded(SplitMix64::new(1)));
    let server = Arc::new(Server::with_clock(store, keys, terms, bounds, random, now));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = Arc::clone(&server);
    let service = tokio::spawn(async move { serving.serve(listener, worker).await });

    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "enrolments  heap, octets  resident, KiB  records, KiB  CPU of one, ms"
    )?;
    let mut random = Seeded(SplitMix64::new(2));
    let mut took = Took::with_room_for(enrolments as usize);
    let (mut cpu_before, mut before) = (cpu_time()?, 0);
    for index in 1..=enrolments {
        let seconds = time.fetch_add(1, Ordering::Relaxed) + 1;
        let clock = Clock::start().ahead_by(Duration::from_secs(seconds));
        let person = Subscriber::new(&operator, index, clock, &mut random)?;
        person
            .enrol(&operator, &chain, address, clock, &mut random, &mut took)
            .await?;
        if index == 1_000.min(enrolments) || index % (enrolments / 10).max(1) == 0 {
            let cpu = cpu_time()?;
            let one = (cpu - cpu_before) / (index - before).max(1);
            writeln!(
                stdout,
                "{index:>10}  {:>12}  {:>13}  {:>12}  {:>14.2}",
                Allocations::live_len_of_all_threads(),
                resident_kib()?,
                std::fs::metadata(&records.0)?.len() / 1_024,
                one.as_secs_f64() * 1e3,
            )?;
            (cpu_before, before) = (cpu, index);
        }
    }
    writeln!(stdout)?;
    took.say(&mut stdout)?;
    server.stopper()();
    service.await??;
    Ok(())
}

/// How long each part took, in real time, of every enrolment.
struct Took {
    connected: Vec<Duration>,
    funded: Vec<Duration>,
    claimed: Vec<Duration>,
    whole: Vec<Duration>,
}

impl Took {
    /// All of its memory, so that none of what grows meanwhile is ours.
    fn with_room_for(enrolments: usize) -> Self {
        let room = || Vec::with_capacity(enrolments);
        Self {
            connected: room(),
            funded: room(),
            claimed: room(),
            whole: room(),
        }
    }

    fn say(mut self, stdout: &mut dyn std::io::Write) -> std::io::Result<()> {
        for (what, times) in [
            ("agreement and TLS", &mut self.connected),
            ("claim told, and its answer", &mut self.funded),
            ("claim signed", &mut self.claimed),
            ("whole, with the waits for polls", &mut self.whole),
        ] {
            times.sort_unstable();
            let at = |part: usize| times.get(times.len() * part / 100).copied();
            let ms = |part| at(part).unwrap_or_default().as_secs_f64() * 1e3;
            writeln!(
                stdout,
                "{what:<32} median {:>7.2} ms, 99 of 100 below {:>7.2} ms",
                ms(50),
                ms(99)
            )?;
        }
        Ok(())
    }
}

/// An operator's secrets.
struct Operator {
    id: OperatorId,
    account: AccountKey,
    signing: SigningKey,
    sealing: SealingKey,
}

impl Operator {
    fn new() -> Result<Self, Box<dyn Error>> {
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
struct Subscriber {
    number: Number,
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

    async fn enrol(
        &self,
        operator: &Operator,
        chain: &Chain,
        address: std::net::SocketAddr,
        clock: Clock,
        random: &mut Seeded,
        took: &mut Took,
    ) -> Result<(), Box<dyn Error>> {
        let began = Instant::now();
        let begin = Begin {
            token: &self.token,
            phone_key: &self.phone_key,
            operator: operator.id,
            sealing_key: operator.sealing.public(),
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Client::connect(stream, begin, &clock, random).await?;
        took.connected.push(began.elapsed());
        let at = Instant::now();
        let (wallet, hash) = (self.wallet.address(), self.token.hash());
        let claim = Claim::make(operator.id, self.number, wallet, &self.identity, hash);
        took.claimed.push(at.elapsed());
        let at = Instant::now();
        let number = self.number;
        let mut status = client.fund(Fund { number, claim }).await?;
        took.funded.push(at.elapsed());
        chain.claim(claim.as_logged());
        while !matches!(status.approval, Approval::Settled(_)) {
            tokio::time::sleep(POLL).await;
            status = client.status().await?;
        }
        client.close().await;
        took.whole.push(began.elapsed());
        Ok(())
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

/// The same octets in every run.
struct Seeded(SplitMix64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let octets = self.0.next_u64().to_be_bytes();
            chunk.copy_from_slice(&octets[..chunk.len()]);
        }
    }
}

fn word(value: u64) -> B256 {
    B256::from(U256::from(value))
}

/// A file in this machine's folder for such, removed in the end.
struct Temporary(std::path::PathBuf);

fn tempfile() -> std::io::Result<Temporary> {
    let name = format!("callseal-enrolments-{}.redb", std::process::id());
    Ok(Temporary(std::env::temp_dir().join(name)))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What this process has computed, all threads together (proc(5)).
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    /// Linux counts in hundredths of a second here, whatever its clock.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or("no such file as proc(5) says")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| -> Result<u32, Box<dyn Error>> {
        Ok(fields.get(index).ok_or("too few fields")?.parse()?)
    };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// What this process has in memory, in units of 1,024 octets.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.ok_or("no VmRSS")?.parse()?)
}
