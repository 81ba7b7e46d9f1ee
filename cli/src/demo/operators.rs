//! The demonstration's operators: each with a contract, keys and a service of
//! its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use alloy_primitives::{Bytes, U256};
use anyhow::{Context, Result};
use callseal_devchain::{DevChain, DevRegistry, Operator as Deployed, Transaction};
use callseal_eims::service::{Bounds, Memory, Server, Store, Terms, Worker};
use callseal_eims::{
    AccountKey, JsonRpcNode, Lifetime, Number, OperatorId, ResponderKeys, SealingKey, SigningKey,
    Token, TokenClaims, TokenSigners,
};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::clock::unix_time;
use crate::random::SystemRandom;

/// An operator at work. It stops when this is dropped.
pub struct Operator {
    name: String,
    /// Where it takes enrolments.
    address: SocketAddr,
    id: OperatorId,
    signing: SigningKey,
    issued: u64,
    stop: Box<dyn Fn() + Send + Sync>,
    service: Option<JoinHandle<()>>,
}

/// An operator's secrets.
pub struct OperatorSecrets {
    /// Of the account that approves, and pays.
    pub account: AccountKey,
    /// Signs tokens.
    pub signing: SigningKey,
    /// What phones seal to.
    pub sealing: SealingKey,
}

/// What an operator of the demonstration has to spend, in wei: a hundred ether.
const TREASURY: u128 = 100_000_000_000_000_000_000;

impl OperatorSecrets {
    /// Fresh ones.
    pub fn generate() -> Self {
        Self {
            account: AccountKey::generate(&mut SystemRandom),
            signing: SigningKey::generate(&mut SystemRandom),
            sealing: SealingKey::generate(&mut SystemRandom),
        }
    }

    /// What the contract's constructor takes.
    ///
    /// # Errors
    /// None that a signing key causes.
    pub fn deployed(&self) -> Result<Deployed> {
        let signing = AccountKey::from_bytes(*self.signing.to_bytes())?;
        Ok(Deployed {
            account: self.account.address(),
            signing_key: signing.uncompressed(),
            sealing_key: self.sealing.public().0,
        })
    }
}

impl Operator {
    /// Puts a contract on an embedded chain, and opens a service that reaches
    /// the chain by the node at `url` alone.
    ///
    /// # Errors
    /// Where the chain or the system refuses.
    pub fn open(name: &str, chain: &DevChain, url: &str) -> Result<(Self, DevRegistry)> {
        let secrets = OperatorSecrets::generate();
        chain.transact(Transaction {
            from: chain.account(0),
            to: Some(secrets.account.address()),
            value: U256::from(TREASURY),
            data: Bytes::new(),
        })?;
        let account = secrets.account.address();
        let registry = DevRegistry::deploy(chain, account, &secrets.deployed()?)?;
        let id = OperatorId {
            chain_id: chain.id(),
            contract: registry.address().into(),
        };
        Ok((Self::serve(name, id, secrets, url)?, registry))
    }

    /// Opens the service of an operator whose contract is there.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn serve(name: &str, id: OperatorId, secrets: OperatorSecrets, url: &str) -> Result<Self> {
        let OperatorSecrets {
            account,
            signing,
            sealing,
        } = secrets;
        let terms = Terms {
            depth: 1,
            ..Terms::default()
        };
        let bounds = Bounds {
            poll: Duration::from_millis(5),
            // Its phones ask every few milliseconds, however long it takes.
            requests_per_token: u32::MAX,
            ..Bounds::default()
        };
        let store = Store::on(Memory, (), id)?;
        let worker = Worker::new(store.clone(), JsonRpcNode::new(url)?, account, terms);
        let keys = ResponderKeys::new(sealing, TokenSigners::new(signing.public()));
        let server = Server::new(store, keys, terms, bounds, Box::new(SystemRandom));
        let stop = Box::new(server.stopper());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("an operator finds no port")?;
        let address = listener.local_addr()?;
        let named = name.to_owned();
        let work = move || {
            if let Err(error) = runtime.block_on(server.serve(listener, worker)) {
                tracing::error!("operator {named}: {error}");
            }
        };
        Ok(Self {
            name: name.to_owned(),
            address,
            id,
            signing,
            issued: 0,
            stop,
            service: Some(thread::Builder::new().name(name.to_owned()).spawn(work)?),
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it takes enrolments.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whose registry it is.
    pub fn id(&self) -> OperatorId {
        self.id
    }

    /// A token for a number, as it is on a SIM; good for a day.
    ///
    /// # Errors
    /// None before the end of time.
    pub fn issue(&mut self, number: Number) -> Result<Token> {
        let now = unix_time();
        let lifetime =
            Lifetime::new(now.saturating_sub(60), now + 86_400).context("a day has an end")?;
        Ok(self.issue_for(number, lifetime))
    }

    /// A token for a number, good for so long.
    pub fn issue_for(&mut self, number: Number, lifetime: Lifetime) -> Token {
        self.issued += 1;
        let claims = TokenClaims {
            operator: self.id,
            number,
            serial: self.issued,
            lifetime,
        };
        Token::issue(claims, &self.signing, &mut SystemRandom)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        (self.stop)();
        if let Some(service) = self.service.take() {
            let _ = service.join();
        }
    }
}
