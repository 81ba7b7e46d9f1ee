//! Beacon nodes' answers, one a file: a bootstrap, updates, and the blocks that they are about.

use std::path::{Path, PathBuf};

use alloy_primitives::{B256, b256};
use callseal_registry_client::light::{
    Activation, Fork, LightHeader, Network, NetworkTerms, Preset, Store, Update, UpdateError, json,
    verify_bootstrap, verify_update,
};
use serde_json::{Value, json};

use super::{json_files, text, value};

/// A network that was followed.
pub(crate) struct Followed {
    pub(crate) checkpoint: B256,
    pub(crate) store: Store,
    /// When its newest object was signed; Unix time in seconds.
    pub(crate) now: u64,
    /// What changed the store.
    pub(crate) applied: usize,
    /// Optimistic updates among them.
    pub(crate) optimistic: usize,
    /// Blocks that a believed header is of.
    pub(crate) blocks: usize,
}

/// Follows the network from the folder's bootstrap over everything that lies beside it.
pub(crate) fn follow(folder: &Path) -> Followed {
    let mut files = Files::default();
    for path in json_files(folder) {
        files.sort_in(path);
    }
    let [bootstrap] = files.bootstraps.as_slice() else {
        panic!("{}: one bootstrap is followed", folder.display());
    };
    let bootstrap = json::bootstrap(answer(value(bootstrap)).to_string().as_bytes()).unwrap();
    let checkpoint = bootstrap.header.beacon.root();
    // Nothing says which network it is, but for who has signed.
    let start = |network: &Network| {
        let now = network.time_of(bootstrap.header.beacon.slot);
        verify_bootstrap(network, checkpoint, &bootstrap, now).map(Store::new)
    };
    let has_signed = |network: &&Network| {
        let Ok(store) = start(network) else {
            return false;
        };
        let verifies = |update: &Update| {
            let slot = update.signature_slot.max(store.finalized_slot());
            verify_update(&store, update, network.time_of(slot)).is_ok()
        };
        files.updates.iter().any(|(_, update)| verifies(update))
    };
    let networks = [Network::mainnet(), Network::hoodi(), goerli()];
    let network = networks.iter().find(has_signed);
    let network = network.unwrap_or_else(|| panic!("{}: no network's", folder.display()));
    let mut store = start(network).unwrap();
    let mut now = network.time_of(store.finalized_slot());
    let mut believed = vec![bootstrap.header.clone()];

    let (mut applied, mut optimistic) = (0, 0);
    for (path, update) in files.updates_by_slot() {
        let at = format!("{}, slot {}", path.display(), update.signature_slot);
        now = now.max(network.time_of(update.signature_slot));
        let attested = update.attested_header.beacon.slot;
        match verify_update(&store, &update, now) {
            Ok(verified) => {
                assert!(store.apply_update(verified) != Default::default(), "{at}");
                applied += 1;
                optimistic += usize::from(update.finalized_header.is_none());
                believed.extend(update.finalized_header.map(|with| with.value));
                believed.push(update.attested_header);
            }
            Err(UpdateError::NothingNew) => {
                assert!(attested <= store.attested_slot(), "{at}");
                println!("{at}: known already");
            }
            Err(UpdateError::Period { got, store }) if got < store => {
                println!("{at}: of period {got}, before the checkpoint's, whose committee signs");
            }
            Err(error) => panic!("{at}: {error}"),
        }
    }
    let mut blocks = 0;
    for path in &files.blocks {
        let block = value(path);
        let message = block.pointer("/data/message").unwrap_or(&block);
        let slot: u64 = text(&message["slot"]).parse().unwrap();
        match believed.iter().find(|header| header.beacon.slot == slot) {
            Some(header) => {
                assert_is_of(header, message, path);
                blocks += 1;
            }
            None => println!("{}: no header of that slot came", path.display()),
        }
    }
    Followed {
        checkpoint,
        store,
        now,
        applied,
        optimistic,
        blocks,
    }
}

#[derive(Default)]
struct Files {
    bootstraps: Vec<PathBuf>,
    updates: Vec<(PathBuf, Update)>,
    blocks: Vec<PathBuf>,
}

impl Files {
    /// By its name, as far as it is light clients' at all.
    fn sort_in(&mut self, path: PathBuf) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_block = path
            .parent()
            .is_some_and(|folder| folder.ends_with("blocks"));
        if is_block || name.starts_with("block") {
            self.blocks.push(path);
        } else if name.starts_with("bootstrap") {
            self.bootstraps.push(path);
        } else if name.starts_with("update") {
            let list = match value(&path) {
                Value::Array(list) => list,
                one => vec![one],
            };
            let octets = Value::from_iter(list.into_iter().map(answer)).to_string();
            let updates = json::updates(octets.as_bytes())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let updates = updates.into_iter().map(|update| (path.clone(), update));
            self.updates.extend(updates);
        } else if name.starts_with("finality") || name.starts_with("optimistic") {
            let mut answer = answer(value(&path));
            // An optimistic update is a finality update that shows nothing final.
            if answer["data"].get("finalized_header").is_none() {
                answer["data"]["finalized_header"] = json!(LightHeader::default());
                answer["data"]["finality_branch"] = json!([]);
            }
            let update = json::finality_update(answer.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            self.updates.push((path, update));
        } else {
            let text = value(&path).to_string();
            let is_ours =
                text.contains("attested_header") || text.contains("sync_committee_branch");
            assert!(!is_ours, "{}: not played", path.display());
            println!("{}: nothing that light clients read", path.display());
        }
    }

    fn updates_by_slot(&self) -> Vec<(PathBuf, Update)> {
        let mut updates = self.updates.clone();
        updates.sort_by_key(|(_, update)| update.signature_slot);
        updates
    }
}

/// An object as the API has answered since Capella: with its headers' beacon part apart, and in an envelope.
fn answer(object: Value) -> Value {
    let mut object = match object.get("data") {
        Some(_) => return object,
        None => object,
    };
    for name in ["header", "attested_header", "finalized_header"] {
        if let Some(header) = object.get_mut(name).filter(|it| it.get("slot").is_some()) {
            *header = json!({ "beacon": header });
        }
    }
    json!({ "data": object })
}

/// A test network that is no more, by the name of a part of Berlin.
fn goerli() -> Network {
    let fork = |fork, epoch, first| Activation {
        fork,
        epoch,
        version: [first, 0, 0x10, 0x20],
    };
    Network::new(NetworkTerms {
        name: "goerli".into(),
        preset: Preset::Mainnet,
        chain_id: 5,
        genesis_time: 1_616_508_000,
        genesis_validators_root: b256!(
            "043db0d9a83813551ee2f33450d23797757d430911a9320530ad8a0eabc43efb"
        ),
        seconds_per_slot: 12,
        forks: vec![
            fork(Fork::Phase0, 0, 0),
            fork(Fork::Altair, 36_660, 1),
            fork(Fork::Bellatrix, 112_260, 2),
            fork(Fork::Capella, 162_304, 3),
            fork(Fork::Deneb, 231_680, 4),
        ],
    })
    .unwrap()
}

/// Every field that a block and its header both have.
fn assert_is_of(header: &LightHeader, block: &Value, path: &Path) {
    let compare = |ours: Value, theirs: &Value, names: &[&str]| {
        let mut compared = 0;
        for (name, field) in ours.as_object().unwrap() {
            if let Some(said) = theirs.get(name) {
                let (ours, theirs) = (text(field).to_lowercase(), text(said).to_lowercase());
                assert_eq!(ours, theirs, "{}: {name}", path.display());
                compared += usize::from(names.contains(&name.as_str()));
            }
        }
        assert_eq!(compared, names.len(), "{}", path.display());
    };
    let beacon = ["slot", "proposer_index", "parent_root", "state_root"];
    compare(json!(header.beacon), block, &beacon);
    let execution = match header.execution.block_hash.is_zero() {
        // Before Capella headers name none.
        true => return,
        false => ["block_hash", "state_root", "block_number", "timestamp"],
    };
    let payload = &block["body"]["execution_payload"];
    compare(json!(header.execution), payload, &execution);
}
