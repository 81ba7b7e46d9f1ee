//! `callseal devnet`, and what is on it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use callseal::demo::subscribers::Subscriber;
use callseal::identity_file::IdentityFile;
use callseal_registry_client::light::{LightClient, Network, json};
use callseal_registry_client::{
    HttpBeacon, HttpTransport, LiveRegistry, Policy, RegistryConfig, layout,
};
use serde_json::Value;

use super::phones::Phone;
use super::{callseal, text};

/// A network that ends with the test, or by itself.
pub(crate) struct Devnet {
    child: Child,
    said: Value,
    pub(crate) folder: PathBuf,
}

impl Devnet {
    /// Starts it, with its files in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = callseal()
            .args(["devnet", "--json", "--duration", "3600", "--out"])
            .arg(folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it said {line:?}"));
        Self {
            child,
            said,
            folder: folder.to_owned(),
        }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.said[field].as_str().unwrap()
    }

    /// The subscribers, in order.
    pub(crate) fn subscribers(&self) -> Vec<Subscriber> {
        let subscribers = self.said["subscribers"].as_array().unwrap();
        let read = |subscriber: &Value| {
            let file = Path::new(subscriber["key_file"].as_str().unwrap());
            let identity = IdentityFile::read(file).unwrap();
            Subscriber {
                number: identity.number.unwrap(),
                key: identity.key,
            }
        };
        subscribers.iter().map(read).collect()
    }

    /// The phone of a subscriber, with a light client of its own.
    pub(crate) fn phone(&self, index: usize) -> Phone {
        let subscriber = &self.subscribers()[index];
        let state = self.folder.join(format!("light-{index}.state"));
        let registry = [
            "--rpc",
            self.text("url"),
            "--contract",
            self.text("contract"),
            "--beacon",
            self.text("url"),
            "--checkpoint",
            self.text("checkpoint"),
            "--network",
            self.text("network"),
            "--state",
            text(&state),
        ];
        let registry = registry.map(str::to_owned).to_vec();
        let number = subscriber.number.to_string();
        Phone::new(&self.folder, &number, &subscriber.key, registry)
    }

    /// What a subscriber hands over.
    pub(crate) fn own_staple(&self, index: usize) -> Vec<u8> {
        let subscriber = &self.subscribers()[index];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        let constants = std::fs::read(self.text("network")).unwrap();
        let network = Network::new(json::network(&constants).unwrap()).unwrap();
        let url = self.text("url");
        let beacons = vec![HttpBeacon::new(url).unwrap()];
        let checkpoint = self.text("checkpoint").parse().unwrap();
        let (light, _) = LightClient::start(&network, checkpoint, beacons, now).unwrap();
        let config = RegistryConfig {
            contract: self.text("contract").parse().unwrap(),
            code_hash: layout::CODE_HASH,
            chain_id: network.chain_id(),
        };
        let nodes = [(url.to_owned(), HttpTransport::new(url).unwrap())];
        let mut live = LiveRegistry::new(config, light, nodes, Policy::default());
        let key = subscriber.key.public();
        let own = live.own_staple(subscriber.number.as_str(), key.as_bytes(), now);
        own.unwrap().octets
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
