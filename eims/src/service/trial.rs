//! What the service's tests run it on: the embedded chain as a node that can
//! be made to misbehave, and a disk that drops what was not synced.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_devchain::{DevChain, DevRegistry, Genesis, GenesisAccount};
use redb::StorageBackend;

use crate::service::{Backends, Point, Points, Stopped};
use crate::{
    AccountKey, BlockLog, CallEnd, Claim, Fees, Head, Lifetime, Node, Number, OperatorId, Random,
    Receipt, SealingKey, SendError, SigningKey, Token, TokenClaims, Transfer, TransportError,
    Unsigned,
};

pub(super) const NOON: u64 = 1_795_000_000;
const CHAIN_ID: u64 = 31_337;

/// SplitMix64's octets: the same in every run.
pub(super) struct Seeded(pub(super) u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// An operator's registry on a chain of its own, and its secrets.
pub(super) struct World {
    pub(super) chain: DevChain,
    pub(super) registry: DevRegistry,
    pub(super) operator: OperatorId,
    pub(super) account: AccountKey,
    pub(super) signing: SigningKey,
    pub(super) sealing: SealingKey,
}

/// A subscriber with all its secrets.
pub(super) struct Subscriber {
    pub(super) number: Number,
    pub(super) token: Token,
    pub(super) phone_key: SealingKey,
    pub(super) wallet: AccountKey,
    pub(super) claim: Claim,
}

impl World {
    /// The operator's account owns `ether`.
    pub(super) fn new(ether: u64) -> Self {
        let account = AccountKey::from_bytes([0x51; 32]).unwrap();
        let funds = GenesisAccount {
            balance: U256::from(ether) * U256::from(10_u64.pow(18)),
            ..GenesisAccount::default()
        };
        let genesis = Genesis::new(CHAIN_ID).with_account(account.address(), funds);
        let chain = DevChain::from_genesis(genesis);
        let signing = SigningKey::from_bytes([0x52; 32]).unwrap();
        let sealing = SealingKey::from_bytes([0x53; 32]);
        let signer = AccountKey::from_bytes(*signing.to_bytes()).unwrap();
        let keys = callseal_devchain::Operator {
            account: account.address(),
            signing_key: signer.uncompressed(),
            sealing_key: sealing.public().0,
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &keys).unwrap();
        Self {
            operator: OperatorId {
                chain_id: CHAIN_ID,
                contract: registry.address().into_array(),
            },
            chain,
            registry,
            account,
            signing,
            sealing,
        }
    }

    /// A subscriber with a token, the `seed`th.
    pub(super) fn subscriber(&self, seed: u8) -> Subscriber {
        let number: Number = format!("+86138000000{seed:02}").parse().unwrap();
        let claims = TokenClaims {
            operator: self.operator,
            number,
            serial: seed.into(),
            lifetime: Lifetime::new(1, u64::MAX).unwrap(),
        };
        let token = Token::issue(claims, &self.signing, &mut Seeded(seed.into()));
        let wallet = AccountKey::from_bytes([seed; 32]).unwrap();
        let identity = AccountKey::from_bytes([0x80 | seed; 32]).unwrap();
        Subscriber {
            number,
            phone_key: SealingKey::from_bytes([0x40 | seed; 32]),
            claim: Claim::make(
                self.operator,
                number,
                wallet.address(),
                &identity,
                token.hash(),
            ),
            token,
            wallet,
        }
    }

    /// The `seed`th subscriber, with another good token for somebody's number.
    pub(super) fn second_token(&self, person: &Subscriber, seed: u8) -> Subscriber {
        let mut claims = *person.token.unverified_claims();
        claims.serial = 99;
        let token = Token::issue(claims, &self.signing, &mut Seeded(9));
        let identity = AccountKey::from_bytes([0x77; 32]).unwrap();
        let second = self.subscriber(seed);
        let (wallet, hash) = (second.wallet.address(), token.hash());
        Subscriber {
            number: person.number,
            claim: Claim::make(self.operator, person.number, wallet, &identity, hash),
            token,
            ..second
        }
    }

    /// Sends `addClient` from a wallet that can pay for it and has sent nothing
    /// yet.
    pub(super) fn claim(&self, subscriber: &Subscriber) {
        let wallet = subscriber.wallet.address();
        if self.chain.nonce(wallet) > 0 || self.chain.balance(wallet) < U256::from(10_u64.pow(15)) {
            return;
        }
        let fees = Fees {
            max_per_gas: 20_000_000_000,
            tip_per_gas: 1,
        };
        let call = Unsigned::call(
            CHAIN_ID,
            0,
            fees,
            self.registry.address(),
            subscriber.claim.add_client(),
            crate::contract::ADD_CLIENT_GAS,
        );
        let _ = self.chain.send_raw(&call.sign(&subscriber.wallet).raw);
    }

    /// Somebody else with the account's keys sends so many transactions.
    pub(super) fn steal_nonces(&self, count: u64) {
        for _ in 0..count {
            let fees = Fees {
                max_per_gas: 20_000_000_000,
                tip_per_gas: 5,
            };
            let loot = Transfer {
                to: Address::repeat_byte(9),
                wei: U256::from(1),
            };
            let unsigned = Unsigned::transfer(CHAIN_ID, self.sent(), fees, loot);
            let raw = unsigned.sign(&self.account).raw;
            self.chain.send_raw(&raw).unwrap();
        }
    }

    /// The embedded chain as the operator's node.
    pub(super) fn node(&self) -> TrialNode {
        TrialNode {
            chain: self.chain.clone(),
            faults: Arc::default(),
        }
    }

    /// How many transactions the operator has in blocks.
    pub(super) fn sent(&self) -> u64 {
        self.chain.nonce(self.account.address())
    }

    pub(super) fn is_approved(&self, subscriber: &Subscriber) -> bool {
        let entry = self.registry.client(subscriber.claim.number_hash).unwrap();
        entry.is_some_and(|entry| {
            entry.revision == 1
                && entry.key == subscriber.claim.compressed_key()
                && entry.holder == subscriber.wallet.address()
        })
    }
}

/// What a node does wrong at the moment.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// It does not answer.
    pub(super) away: bool,
    /// It takes transactions and says that it could not be reached.
    pub(super) loses_answers: bool,
    /// It says that it took a transaction, so many times, and did not.
    pub(super) drops: usize,
    /// It says that it took the transaction that came as this one, and did not.
    pub(super) loses: Option<usize>,
    /// It refuses transactions.
    pub(super) rejects: bool,
    /// It knows of no receipt.
    pub(super) hides_receipts: bool,
    /// Its receipts say that all was taken back.
    pub(super) denies_success: bool,
    /// It is so many blocks behind.
    pub(super) lag: u64,
    /// A block is made whenever somebody asks for the newest one.
    pub(super) mines: bool,
    /// How often a transaction came.
    pub(super) came: usize,
    /// It finds every offer for gas too low.
    pub(super) underprices: bool,
    /// Of so many offers it finds two in a row too low.
    pub(super) underprices_every: Option<usize>,
    /// What it says that any account's next nonce is.
    pub(super) nonce: Option<u64>,
    /// The same with what waits.
    pub(super) nonce_with_waiting: Option<u64>,
    /// It says that all blocks but so many are final.
    pub(super) unfinal: Option<u64>,
    /// It tells logs of so many blocks at most.
    pub(super) most_blocks: Option<u64>,
    /// It tells no logs.
    pub(super) hides_logs: bool,
}

/// The embedded chain as a node.
#[derive(Clone)]
pub(super) struct TrialNode {
    chain: DevChain,
    pub(super) faults: Arc<Mutex<Faults>>,
}

impl TrialNode {
    pub(super) fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults.lock().unwrap());
    }

    fn away(&self) -> Result<(), TransportError> {
        match self.faults.lock().unwrap().away {
            true => Err(unreachable()),
            false => Ok(()),
        }
    }

    fn newest(&self) -> u64 {
        let lag = self.faults.lock().unwrap().lag;
        self.chain.head_number().saturating_sub(lag)
    }
}

impl Node for TrialNode {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        self.away()?;
        Ok(self.chain.id())
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        self.away()?;
        if self.faults.lock().unwrap().mines {
            self.chain.mine();
        }
        let number = self.newest();
        Ok(Head {
            number,
            hash: self.chain.block_hash(number).unwrap(),
            timestamp: self.chain.head_timestamp(),
            base_fee: self.chain.base_fee().into(),
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        self.away()?;
        Ok(self.chain.block_hash(number))
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        self.away()?;
        if let Some(nonce) = self.faults.lock().unwrap().nonce {
            return Ok(nonce);
        }
        Ok(self.chain.nonce(account))
    }

    fn nonce_with_waiting(&mut self, account: Address) -> Result<u64, TransportError> {
        self.away()?;
        let found = self.faults.lock().unwrap().nonce_with_waiting;
        Ok(found.unwrap_or_else(|| self.chain.nonce(account)))
    }

    fn finalized(&mut self) -> Result<Option<u64>, TransportError> {
        self.away()?;
        let newest = self.newest();
        let unfinal = self.faults.lock().unwrap().unfinal;
        Ok(unfinal.map(|blocks| newest.saturating_sub(blocks)))
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        self.away()?;
        Ok(self.chain.balance(account))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        self.away()?;
        Ok(1)
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        self.away()?;
        Node::call(&mut self.chain, from, to, data)
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        self.away().map_err(SendError::Transport)?;
        let (rejects, loses_answers) = {
            let mut faults = self.faults.lock().unwrap();
            faults.came += 1;
            if faults.drops > 0 {
                faults.drops -= 1;
                return Ok(());
            }
            if faults.loses == Some(faults.came) {
                return Ok(());
            }
            let every = faults.underprices_every;
            if faults.underprices || every.is_some_and(|every| faults.came % every < 2) {
                let message = "transaction underpriced: gas tip cap 1, minimum needed 2".into();
                return Err(SendError::Underpriced { message });
            }
            (faults.rejects, faults.loses_answers)
        };
        if rejects {
            let message = "txpool is full".into();
            return Err(SendError::Refused { message });
        }
        let sent = Node::send(&mut self.chain, raw);
        match loses_answers {
            true => Err(SendError::Transport(unreachable())),
            false => sent,
        }
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        self.away()?;
        let newest = self.newest();
        let faults = self.faults.lock().unwrap();
        if faults.hides_receipts {
            return Ok(None);
        }
        let receipt = Node::receipt(&mut self.chain, transaction)?;
        Ok(receipt
            .filter(|receipt| receipt.block_number <= newest)
            .map(|receipt| Receipt {
                succeeded: receipt.succeeded && !faults.denies_success,
                ..receipt
            }))
    }

    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        self.away()?;
        let (most_blocks, hides_logs) = {
            let faults = self.faults.lock().unwrap();
            (faults.most_blocks, faults.hides_logs)
        };
        if most_blocks.is_some_and(|most| to - from >= most) {
            return Err(TransportError::Refused {
                node: "the trial's node".into(),
                message: "query returned more than 10000 results".into(),
            });
        }
        if hides_logs {
            return Ok(Vec::new());
        }
        Node::logs(&mut self.chain, contract, topic, from, to)
    }
}

fn unreachable() -> TransportError {
    TransportError::Unreachable {
        node: "the trial's node".into(),
        cause: "connection refused".into(),
    }
}

/// A disk that drops what was not synced when it loses power.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<Platter>>, Arc<Gate>);

/// Where whoever syncs waits while it is shut.
#[derive(Debug, Default)]
struct Gate {
    /// Whether it is shut, and how many wait.
    state: Mutex<(bool, usize)>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Platter {
    synced: Vec<u8>,
    written: Vec<u8>,
    /// Of what is written, what is not synced.
    unsynced: Vec<std::ops::Range<usize>>,
    /// Handles from before a loss of power are dead.
    life: u64,
    /// Operations until it fails; none: it does not.
    fails_after: Option<usize>,
    /// How many operations there were.
    operations: usize,
}

/// An open file on the disk.
#[derive(Debug)]
struct Handle {
    disk: Disk,
    life: u64,
}

impl Disk {
    /// The machine is switched off and on.
    pub(super) fn lose_power(&self) {
        let mut platter = self.0.lock().unwrap();
        platter.written = platter.synced.clone();
        platter.unsynced.clear();
        platter.life += 1;
        platter.fails_after = None;
    }

    /// Every change fails after so many more, as on a full disk.
    pub(super) fn fail_after(&self, operations: Option<usize>) {
        self.0.lock().unwrap().fails_after = operations;
    }

    /// Whether nothing that is synced comes to an end.
    pub(super) fn stall(&self, stalls: bool) {
        self.1.state.lock().unwrap().0 = stalls;
        self.1.opened.notify_all();
    }

    /// How many wait for a disk that stalls.
    pub(super) fn stalled(&self) -> usize {
        self.1.state.lock().unwrap().1
    }

    /// How many changes there were.
    pub(super) fn operations(&self) -> usize {
        self.0.lock().unwrap().operations
    }
}

impl Backends for Disk {
    fn open(&self) -> Result<Box<dyn StorageBackend>, redb::DatabaseError> {
        let life = self.0.lock().unwrap().life;
        Ok(Box::new(Handle {
            disk: self.clone(),
            life,
        }))
    }
}

impl Handle {
    fn platter(&self) -> Result<std::sync::MutexGuard<'_, Platter>, io::Error> {
        let platter = self.disk.0.lock().unwrap();
        match platter.life == self.life {
            true => Ok(platter),
            false => Err(io::Error::other("the machine was switched off")),
        }
    }

    fn changing(&self) -> Result<std::sync::MutexGuard<'_, Platter>, io::Error> {
        let mut platter = self.platter()?;
        platter.operations += 1;
        match &mut platter.fails_after {
            Some(0) => Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "no space left on device",
            )),
            Some(left) => {
                *left -= 1;
                Ok(platter)
            }
            None => Ok(platter),
        }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.platter()?.written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let platter = self.platter()?;
        let from = offset as usize;
        let octets = platter.written.get(from..from + out.len());
        out.copy_from_slice(octets.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut platter = self.changing()?;
        let (before, len) = (platter.written.len(), len as usize);
        platter.written.resize(len, 0);
        platter.unsynced.push(before.min(len)..len);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let gate = &self.disk.1;
        let mut state = gate.state.lock().unwrap();
        state.1 += 1;
        state = gate.opened.wait_while(state, |(shut, _)| *shut).unwrap();
        state.1 -= 1;
        drop(state);
        let mut platter = self.changing()?;
        let Platter {
            synced,
            written,
            unsynced,
            ..
        } = &mut *platter;
        synced.resize(written.len(), 0);
        for part in unsynced.drain(..) {
            // It may have been cut off since.
            let end = part.end.min(written.len());
            if let Some(octets) = written.get(part.start..end) {
                synced[part.start..end].copy_from_slice(octets);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let from = offset as usize;
        let part = from..from + data.len();
        let mut platter = self.changing()?;
        platter.written[part.clone()].copy_from_slice(data);
        platter.unsynced.push(part);
        Ok(())
    }
}

/// Switches the machine off at the point of this number, and counts them.
#[derive(Clone, Debug)]
pub(super) struct StopAt {
    state: Arc<Mutex<(Option<usize>, Vec<Point>)>>,
    disk: Disk,
}

impl StopAt {
    /// After so many points; never, if not said.
    pub(super) fn new(points: Option<usize>, disk: &Disk) -> Self {
        Self {
            state: Arc::new(Mutex::new((points, Vec::new()))),
            disk: disk.clone(),
        }
    }

    pub(super) fn reached(&self) -> Vec<Point> {
        self.state.lock().unwrap().1.clone()
    }
}

impl Points for StopAt {
    fn reach(&self, point: Point) -> Result<(), Stopped> {
        let mut state = self.state.lock().unwrap();
        state.1.push(point);
        match &mut state.0 {
            Some(0) => {
                // Before anything is put in order: a killed process closes
                // nothing.
                self.disk.lose_power();
                Err(Stopped)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
