//! An operator: its keys, its service as a process, and phones that enrol there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use callseal::operator_keys::OperatorKeys;
use callseal::phone_keys::Work;
use callseal::random::SystemRandom;
use callseal_eims::contract::{ADD_CLIENT_GAS, ask_operator, operator};
use callseal_eims::{
    AccountKey, Approval, Begin, CallEnd, Claim, Client, Clock, ConnectError, Fees, Fund,
    JsonRpcNode, Node, OperatorId, Refusal, SealingKey, SealingPublicKey, Status, Token, Unsigned,
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::log::Log;
use super::{Done, PATIENCE, await_end, callseal, interrupt, text, until};

/// What the tests' key files are under.
const PASSPHRASE: &str = "open sesame";

/// An operator's files.
pub(crate) struct Operator {
    pub(crate) keys: PathBuf,
    pub(crate) passphrase: PathBuf,
    pub(crate) account: Address,
}

impl Operator {
    /// One whose keys are under a passphrase that costs nothing to try.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with(folder.join("operator.json"), OperatorKeys::generate(None))
    }

    /// Other keys in the same folder, with the same account.
    pub(crate) fn rotate_to(&self, keys: &Path) -> Self {
        let present = OperatorKeys::read(&self.keys, PASSPHRASE).unwrap();
        Self::with(
            keys.to_owned(),
            OperatorKeys::generate(Some(present.account)),
        )
    }

    fn with(keys: PathBuf, secrets: OperatorKeys) -> Self {
        let passphrase = keys.with_file_name("passphrase");
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        let written = secrets.write(&keys, PASSPHRASE, Work::LEAST, &mut SystemRandom);
        written.unwrap();
        Self {
            account: secrets.account.address(),
            keys,
            passphrase,
        }
    }

    /// `callseal operator COMMAND` with the keys and these arguments.
    pub(crate) fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut callseal = callseal();
        callseal
            .args(["operator", command, "--keys", text(&self.keys)])
            .args(["--passphrase-file", text(&self.passphrase)])
            .args(arguments);
        callseal
    }

    pub(crate) fn run(&self, command: &str, arguments: &[&str]) -> Done {
        let mut running = self.command(command, arguments);
        if command == "serve" {
            // One that is not refused ends by itself.
            running.args(["--listen", "127.0.0.1:0", "--duration", "10"]);
        }
        Done::of(&running.output().unwrap())
    }

    /// Deploys the registry, and says where.
    pub(crate) fn deploy(&self, rpc: &str) -> Address {
        let done = self.run("deploy", &["--rpc", rpc, "--json"]).expect_code(0);
        let contract = done.json()["contract"].clone();
        contract.as_str().unwrap().parse().unwrap()
    }

    /// `callseal operator serve` for a registry, with its records in `store` and on these terms.
    pub(crate) fn serve(
        &self,
        rpc: &str,
        contract: Address,
        store: &Path,
        terms: &[&str],
    ) -> Service {
        let contract = contract.to_string();
        let registry = [
            "--rpc",
            rpc,
            "--contract",
            &contract,
            "--store",
            text(store),
        ];
        Service::start(&mut self.command("serve", &[&registry[..], terms].concat()))
    }

    /// A token for this number.
    pub(crate) fn token(&self, number: &str, contract: Address, rpc: &str) -> Token {
        let contract = contract.to_string();
        let arguments = [number, "--contract", &contract, "--rpc", rpc, "--json"];
        let done = self.run("issue-token", &arguments).expect_code(0);
        done.json()["token"].as_str().unwrap().parse().unwrap()
    }
}

/// `callseal operator serve`, ended with the test.
pub(crate) struct Service {
    child: Child,
    log: Option<Log>,
    pub(crate) address: String,
}

impl Service {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--json", "--duration", "3600"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said: Value = match serde_json::from_str(&line) {
            Ok(said) => said,
            Err(_) => panic!("{line}{}", log.finish()),
        };
        Self {
            child,
            log: Some(log),
            address: said["listen"].as_str().unwrap().to_owned(),
        }
    }

    /// Waits until a line of its log says all of these.
    pub(crate) fn await_line(&self, parts: &[&str]) {
        self.log.as_ref().unwrap().await_line(parts);
    }

    /// Ends it as kill -9 does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as Ctrl-C does; what it has logged.
    pub(crate) fn interrupt(mut self) -> String {
        interrupt(&self.child);
        let status = await_end(&mut self.child);
        let log = self.log.take().unwrap().finish();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A subscriber's secrets.
pub(crate) struct Subscriber {
    pub(crate) token: Token,
    pub(crate) phone_key: SealingKey,
    pub(crate) wallet: AccountKey,
    pub(crate) identity: AccountKey,
}

impl Subscriber {
    pub(crate) fn new(token: Token) -> Self {
        Self {
            token,
            phone_key: SealingKey::generate(&mut SystemRandom),
            wallet: AccountKey::generate(&mut SystemRandom),
            identity: AccountKey::generate(&mut SystemRandom),
        }
    }

    pub(crate) fn claim(&self) -> Claim {
        let claims = self.token.unverified_claims();
        let (wallet, hash) = (self.wallet.address(), self.token.hash());
        Claim::make(claims.operator, claims.number, wallet, &self.identity, hash)
    }

    /// Tells the service the claim, and asks for its fee money.
    pub(crate) fn fund(&self, service: &str, rpc: &str) -> Status {
        let fund = Fund {
            number: self.token.unverified_claims().number,
            claim: self.claim(),
        };
        block_on(async {
            let mut client = self.connect(service, rpc).await;
            let status = client.fund(fund).await.unwrap();
            client.close().await;
            status
        })
    }

    /// Sends `addClient`, once the wallet has been paid.
    pub(crate) fn send_claim(&self, rpc: &str) {
        let mut node = JsonRpcNode::new(rpc).unwrap();
        let wallet = self.wallet.address();
        until("the wallet is paid", || {
            node.balance(wallet).unwrap() > U256::ZERO
        });
        let fees = Fees {
            max_per_gas: 5_000_000_000,
            tip_per_gas: 1_000_000_000,
        };
        let (chain_id, nonce) = (node.chain_id().unwrap(), node.nonce(wallet).unwrap());
        let contract = self.token.unverified_claims().operator.contract.into();
        let call = Unsigned::call(
            chain_id,
            nonce,
            fees,
            contract,
            self.claim().add_client(),
            ADD_CLIENT_GAS,
        );
        node.send(&call.sign(&self.wallet).raw).unwrap();
    }

    /// Waits until the service says that its approval is sent, or settled.
    pub(crate) fn await_approval(&self, service: &str, rpc: &str) -> Status {
        self.await_status(service, rpc, |status| {
            matches!(status.approval, Approval::Sent(_) | Approval::Settled(_))
        })
    }

    /// Waits until the service says something like this, and goes on to say it.
    pub(crate) fn await_status(
        &self,
        service: &str,
        rpc: &str,
        is_it: impl Fn(&Status) -> bool,
    ) -> Status {
        block_on(async {
            let mut client = self.connect(service, rpc).await;
            let (begun, mut pause) = (Instant::now(), Duration::from_millis(50));
            loop {
                let status = client.status().await.unwrap();
                if is_it(&status) {
                    return status;
                }
                assert!(begun.elapsed() < PATIENCE, "{status:?}");
                tokio::time::sleep(pause).await;
                // An operator takes 600 requests with a token in ten minutes.
                pause = (2 * pause).min(Duration::from_secs(1));
            }
        })
    }

    /// Waits until payment and approval are deep in the chain, and the token
    /// so used that the service refuses it.
    pub(crate) fn await_end(&self, service: &str, rpc: &str) {
        block_on(async {
            let (begun, mut pause) = (Instant::now(), Duration::from_secs(3));
            loop {
                match self.try_connect(service, rpc).await {
                    Ok(client) => client.close().await,
                    Err(ConnectError::Refused(Refusal::UsedToken)) => return,
                    Err(error) => panic!("{error}"),
                }
                assert!(begun.elapsed() < PATIENCE, "the token is not used yet");
                // An operator takes eight runs with a token in ten minutes.
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        });
    }

    async fn connect(&self, service: &str, rpc: &str) -> Client<TcpStream> {
        self.try_connect(service, rpc).await.unwrap()
    }

    async fn try_connect(
        &self,
        service: &str,
        rpc: &str,
    ) -> Result<Client<TcpStream>, ConnectError> {
        let operator = self.token.unverified_claims().operator;
        let begin = Begin {
            token: &self.token,
            phone_key: &self.phone_key,
            operator,
            sealing_key: sealing_key(operator, rpc),
        };
        let stream = TcpStream::connect(service).await.unwrap();
        let clock = Clock::start();
        Client::connect(stream, begin, &clock, &mut SystemRandom).await
    }
}

/// What the registry says, without proofs: a phone reads it with proofs.
fn sealing_key(id: OperatorId, rpc: &str) -> SealingPublicKey {
    let mut node = JsonRpcNode::new(rpc).unwrap();
    let answer = node.call(Address::ZERO, id.contract.into(), ask_operator());
    let CallEnd::Returned(answer) = answer.unwrap() else {
        panic!("no registry")
    };
    SealingPublicKey(operator(&answer).unwrap().sealing_key)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
