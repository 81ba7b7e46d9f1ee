//! The whole of the published system, from an operator's keys to two enrolled
//! phones.

use std::path::Path;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use anyhow::{Result, bail};
use callseal_devchain::{DevBeacon, DevChain, DevRegistry};
use callseal_eims::{Step, Waiting};
use callseal_registry_client::light::LightClient;
use callseal_registry_client::{HttpBeacon, Operator as Configured, Operators};
use callseal_sts::Number;
use serde::Serialize;

use super::operators::Operator;
use super::subscribers::{CHAIN_ID, Enrolled, Subscriber};
use super::walk::Walk;
use super::{NAMES, NUMBERS};
use crate::enrol::reader::{Reader, Trust};
use crate::enrol::{EnrolFailure, Enroller, Terms, Watcher, step_in_words};
use crate::loopback_node::LoopbackNode;
use crate::node_faults::NodeFaults;
use crate::phone_keys::PhoneKeys;
use crate::random::SystemRandom;
use crate::wallet_nodes::WalletNodes;

/// Two operators, and a subscriber enrolled at each.
pub(crate) struct Enrolments {
    pub(crate) enrolled: Enrolled,
    pub(crate) told: Vec<Told>,
}

/// How a phone was enrolled.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) number: String,
    pub(crate) operator: String,
    pub(crate) contract: String,
    pub(crate) wallet: String,
    /// When each step was done, since the beginning.
    pub(crate) steps: Vec<DoneStep>,
    pub(crate) took_ms: f64,
    /// Of that, pauses before the phone asked again.
    pub(crate) paused_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DoneStep {
    pub(crate) at_ms: f64,
    pub(crate) step: String,
}

const OPERATORS: [&str; 2] = ["North", "South"];
/// Whose numbers begin with this are North's; Bob has taken his along to South.
const PREFIX: &str = "+86";

const PATIENCE: Duration = Duration::from_secs(300);

impl Enrolments {
    /// Provisions two operators on a chain of their own and enrols a
    /// subscriber at each, over loopback.
    pub(crate) fn make(folder: &Path, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let chain = DevChain::new(CHAIN_ID);
        let beacon = DevBeacon::new(&chain)?;
        let checkpoint = beacon.finalize();
        let mut operators = Vec::new();
        let node = LoopbackNode::serve_final(&chain, &beacon)?;
        for name in OPERATORS {
            operators.push(Operator::open(name, &chain, &node.url())?);
        }
        beacon.finalize();

        let (mut subscribers, mut told) = (Vec::new(), Vec::new());
        for (index, (operator, registry)) in operators.iter_mut().enumerate() {
            progress(&format!("{} enrols at {}", NAMES[index], operator.name()));
            let place = Place {
                folder,
                url: node.url(),
                beacon: &beacon,
                checkpoint,
                registry,
            };
            let (subscriber, how) = enrol(index, operator, &place)?;
            subscribers.push(subscriber);
            told.push(how);
        }
        beacon.finalize();
        let configured = |(operator, registry): &(Operator, DevRegistry)| Configured {
            name: operator.name().to_owned(),
            registry: registry.config(),
        };
        let (north, south) = (&operators[0], &operators[1]);
        Ok(Self {
            enrolled: Enrolled {
                walk: Walk::from(checkpoint, &beacon)?,
                registry: north.1.clone(),
                operators: Operators::default()
                    .with(configured(north), [PREFIX.parse()?], [])?
                    .with(configured(south), [], [NUMBERS[1]])?,
                subscribers,
                chain,
            },
            told,
        })
    }
}

/// Where an enrolment takes place.
struct Place<'a> {
    folder: &'a Path,
    url: String,
    beacon: &'a DevBeacon,
    checkpoint: B256,
    registry: &'a DevRegistry,
}

fn enrol(index: usize, operator: &mut Operator, place: &Place<'_>) -> Result<(Subscriber, Told)> {
    let (name, number) = (NAMES[index], Number::parse(NUMBERS[index])?);
    let token = operator.issue(NUMBERS[index].parse()?)?;
    let keys = PhoneKeys::generate(Some(number), None, &mut SystemRandom);
    let beacons = vec![HttpBeacon::new(&place.url)?];
    let network = place.beacon.network();
    let subscriber = Subscriber {
        number,
        key: keys.identity.clone(),
    };
    let wallet = keys.address().to_string();
    let mut steps = Steps::default();
    let (light, _) = LightClient::start(network, place.checkpoint, beacons, place.beacon.now())?;
    let beacon = place.beacon.clone();
    let (config, urls) = (place.registry.config(), [place.url.clone()]);
    let (faults, trust) = (NodeFaults::default(), Trust::light(light));
    let mut enroller = Enroller::new(Terms {
        keys,
        token,
        operator: operator.id(),
        address: operator.address().to_string(),
        notes: place.folder.join(format!("{name}.enrolment")),
        node: WalletNodes::new(&urls, faults.clone())?,
        reader: Reader::new(config, &urls, trust, move || beacon.now(), faults)?,
        look_again: Duration::from_millis(2),
    })?;
    steps.begun = Some(Instant::now());
    let ended = enroller.run(&mut steps)?;
    if let Some(error) = ended.error {
        bail!("{name} is not enrolled: {error}");
    }
    if !matches!(ended.step, Step::Enrolled { .. }) {
        bail!("{name} is not enrolled: {}", step_in_words(&ended.step));
    }
    let told = Told {
        name,
        number: number.to_string(),
        operator: operator.name().to_owned(),
        contract: place.registry.address().to_string(),
        wallet,
        steps: steps.done,
        took_ms: ended.took.as_secs_f64() * 1_000.0,
        paused_ms: ended.paused.as_secs_f64() * 1_000.0,
    };
    Ok((subscriber, told))
}

/// Notes when each step was done.
#[derive(Default)]
struct Steps {
    begun: Option<Instant>,
    done: Vec<DoneStep>,
}

impl Watcher for Steps {
    fn moved(&mut self, step: &Step) {
        let at = self.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        self.done.push(DoneStep {
            at_ms: at.as_secs_f64() * 1_000.0,
            step: step_in_words(step),
        });
    }

    fn waits(&mut self, _: &Waiting) {}

    fn tries_again(&mut self, error: &EnrolFailure) {
        tracing::warn!("tried again: {error}");
    }

    fn is_over(&mut self) -> bool {
        self.begun.is_some_and(|begun| begun.elapsed() > PATIENCE)
    }
}
