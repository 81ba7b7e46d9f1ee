//! A network in the test's own process, with a registry for each of several operators.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use callseal::demo::subscribers::{Subscriber, enrol_on};
use callseal::loopback_node::LoopbackNode;
use callseal_devchain::{DevBeacon, DevChain, DevRegistry, Genesis};
use serde_json::json;

use super::phones::Phone;
use super::text;

/// One chain, its committees and the operators on it, behind HTTP on loopback.
pub(crate) struct Network {
    pub(crate) chain: DevChain,
    pub(crate) beacon: DevBeacon,
    pub(crate) operators: Vec<Operator>,
    pub(crate) url: String,
    pub(crate) checkpoint: B256,
    folder: PathBuf,
}

/// An operator with a contract of its own, and its only subscriber.
pub(crate) struct Operator {
    pub(crate) registry: DevRegistry,
    pub(crate) subscriber: Subscriber,
}

impl Network {
    /// An operator for each of these numbers; the network's constants are in `folder`.
    pub(crate) fn new(folder: &Path, numbers: &[&str]) -> Self {
        // Far enough back that all its blocks have been by now.
        let began = now() - 12 * (40 + 8 * numbers.len() as u64);
        let chain = DevChain::from_genesis(Genesis::new(31_337).at(began));
        let beacon = DevBeacon::new(&chain).unwrap();
        let checkpoint = beacon.finalize();
        let operators = numbers.iter().map(|number| {
            let (registry, mut subscribers) = enrol_on(&chain, &[number]).unwrap();
            Operator {
                registry,
                subscriber: subscribers.remove(0),
            }
        });
        let operators = operators.collect();
        beacon.finalize();
        let constants = serde_json::to_string(beacon.network().terms()).unwrap();
        std::fs::write(folder.join("network.json"), constants).unwrap();
        Self {
            url: LoopbackNode::serve(&chain, &beacon, 0).unwrap().url(),
            chain,
            beacon,
            operators,
            checkpoint,
            folder: folder.to_owned(),
        }
    }

    /// The file with its constants.
    pub(crate) fn constants(&self) -> PathBuf {
        self.folder.join("network.json")
    }

    /// A file that gives each operator its subscriber's country.
    pub(crate) fn operators_file(&self) -> PathBuf {
        let path = self.folder.join("operators.json");
        let entry = |(index, operator): (usize, &Operator)| {
            json!({
                "name": format!("operator {index}"),
                "chain_id": self.chain.id(),
                "contract": operator.registry.address(),
                "prefixes": [&operator.subscriber.number.as_str()[..3]],
            })
        };
        let entries: Vec<_> = self.operators.iter().enumerate().map(entry).collect();
        let contents = json!({
            "format": "callseal operators", "version": 1, "operators": entries,
        });
        std::fs::write(&path, contents.to_string()).unwrap();
        path
    }

    /// What says which registry is read, and by whom, with a light client whose state is kept under this name.
    pub(crate) fn arguments(&self, registry: [&str; 2], state: &str) -> Vec<String> {
        let checkpoint = self.checkpoint.to_string();
        let network = self.constants();
        let state = self.folder.join(state);
        let light = [
            "--rpc",
            &self.url,
            "--beacon",
            &self.url,
            "--checkpoint",
            &checkpoint,
            "--network",
            text(&network),
            "--state",
            text(&state),
        ];
        let words = registry.into_iter().chain(light);
        words.map(str::to_owned).collect()
    }

    /// The phone of an operator's subscriber, which knows all operators.
    pub(crate) fn phone(&self, index: usize) -> Phone {
        let operators = self.operators_file();
        let state = format!("light-{index}.state");
        let subscriber = &self.operators[index].subscriber;
        Phone::new(
            &self.folder,
            subscriber.number.as_str(),
            &subscriber.key,
            self.arguments(["--operators", text(&operators)], &state),
        )
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}
