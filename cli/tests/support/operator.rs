//! An operator: its keys, its service as a process, and phones that enrol there.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use callseal::random::SystemRandom;
use callseal_eims::contract::{ADD_CLIENT_GAS, ask_operator, operator};
use callseal_eims::{
    AccountKey, Approval, Begin, CallEnd, Claim, Client, Clock, ConnectError, Fees, Fund,
    JsonRpcNode, Node, OperatorId, Refusal, SealingKey, SealingPublicKey, Status, Token, Unsigned,
};
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Done, callseal, run, text};

/// What the tests' key files are under.
const PASSPHRASE: &str = "open sesame";

/// An operator's files.
pub(crate) struct Operator {
    pub(crate) keys: PathBuf,
    pub(crate) passphrase: PathBuf,
    pub(crate) account: Address,
}

impl Operator {
    /// Makes its keys.
    pub(crate) fn new(folder: &Path) -> Self {
        let keys = folder.join("operator.json");
        let passphrase = folder.join("passphrase");
        std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
        let made = ["operator", "keys", text(&keys), "--json"];
        let made = run(&[&made[..], &["--passphrase-file", text(&passphrase)]].concat());
        let account = made.expect_code(0).json()["account"].clone();
        Self {
            account: account.as_str().unwrap().parse().unwrap(),
            keys,
            passphrase,
        }
    }

    /// Makes other keys with the same account.
    pub(crate) fn rotate_to(&self, keys: &Path) -> Self {
        let made = ["operator", "keys", text(keys), "--account-of"];
        let passphrase = ["--passphrase-file", text(&self.passphrase)];
        run(&[&made[..], &[text(&self.keys)], &passphrase].concat()).expect_code(0);
        Self {
            keys: keys.to_owned(),
            passphrase: self.passphrase.clone(),
            account: self.account,
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
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
    pub(crate) address: String,
}

impl Service {
    /// Starts it, and waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0", "--json", "--duration", "300"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let logged = Arc::clone(&log);
        let logging = thread::spawn(move || {
            for line in stderr.lines() {
                logged.lock().unwrap().push_str(&(line.unwrap() + "\n"));
            }
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said: Value = match serde_json::from_str(&line) {
            Ok(said) => said,
            Err(_) => {
                logging.join().unwrap();
                panic!("{line}{}", log.lock().unwrap())
            }
        };
        Self {
            child,
            log,
            logging: Some(logging),
            address: said["listen"].as_str().unwrap().to_owned(),
        }
    }

    /// Whether a line of its log says both.
    pub(crate) fn has_logged(&self, one: &str, other: &str) -> bool {
        let log = self.log.lock().unwrap();
        log.lines()
            .any(|line| line.contains(one) && line.contains(other))
    }

    /// Ends it as kill -9 does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as Ctrl-C does; what it has logged.
    pub(crate) fn interrupt(mut self) -> String {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(done.success());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the service does not end");
            thread::sleep(Duration::from_millis(5));
        };
        self.logging.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
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
        block_on(async {
            let mut client = self.connect(service, rpc).await;
            let begun = Instant::now();
            loop {
                let status = client.status().await.unwrap();
                if matches!(status.approval, Approval::Sent(_) | Approval::Settled(_)) {
                    return status;
                }
                assert!(begun.elapsed() < PATIENCE, "{status:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    }

    /// Waits until payment and approval are deep in the chain, and the token
    /// so used that the service refuses it.
    pub(crate) fn await_end(&self, service: &str, rpc: &str) {
        block_on(async {
            let begun = Instant::now();
            loop {
                match self.try_connect(service, rpc).await {
                    Ok(client) => client.close().await,
                    Err(ConnectError::Refused(Refusal::UsedToken)) => return,
                    Err(error) => panic!("{error}"),
                }
                assert!(begun.elapsed() < PATIENCE, "the token is not used yet");
                // An operator takes eight runs with a token in ten minutes.
                tokio::time::sleep(Duration::from_secs(3)).await;
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

/// Looks again and again, for a time.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "still not so: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// A hang is ended after this; nothing that goes well is as slow, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);
