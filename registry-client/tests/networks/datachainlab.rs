//! Another light client's test data, from before headers carried an execution header: numbers without quotes,
//! branches beside what they prove.

use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use callseal_registry_client::light::{
    Activation, Applied, Bootstrap, Fork, LightHeader, Network, NetworkTerms, Preset, Store,
    SyncAggregate, SyncCommittee, Update, WithBranch, verify_bootstrap, verify_update,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{json_files, value};

/// Where it lies; not every folder has any.
pub(crate) fn folder(path: &str) -> Option<PathBuf> {
    let folder = super::folder("datachainlab/crates").join(path);
    let is_there = folder.is_dir();
    if !is_there {
        println!("{}: not there", folder.display());
    }
    is_there.then_some(folder)
}

/// Follows the loopback network from the folder's first state; gives the store and what was applied.
pub(crate) fn follow(folder: &Path) -> (Store, usize) {
    let start = value(&folder.join("initial_state.json"));
    let network = network(read(&start[2]));
    let bootstrap = Bootstrap {
        header: header(&start[0]["beacon_header"]),
        current_sync_committee: WithBranch {
            value: read(&start[0]["current_sync_committee"]),
            branch: read(&start[0]["current_sync_committee_branch"]),
        },
    };
    let now = network.time_of(bootstrap.header.beacon.slot);
    let checkpoint = bootstrap.header.beacon.root();
    let mut store = Store::new(verify_bootstrap(&network, checkpoint, &bootstrap, now).unwrap());

    let files = json_files(folder).into_iter();
    let files = files.filter(|path| !path.ends_with("initial_state.json"));
    let mut updates: Vec<_> = files
        .map(|path| (update(&value(&path)[0]["light_client_update"]), path))
        .collect();
    updates.sort_by_key(|(update, _)| update.signature_slot);
    for (update, path) in &updates {
        // The first is older than the checkpoint, and brings the committee after it.
        let now = now.max(network.time_of(update.signature_slot));
        let verified = verify_update(&store, update, now)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let applied = store.apply_update(verified);
        assert_ne!(applied, Applied::default(), "{}", path.display());
    }
    (store, updates.len())
}

/// An update in this form.
pub(crate) fn update(value: &Value) -> Update {
    let with_branch = |field: &str| {
        let pair = &value[field];
        (!pair.is_null()).then(|| (pair[0].clone(), read(&pair[1])))
    };
    let next = with_branch("next_sync_committee");
    let finalized = with_branch("finalized_header");
    let aggregate: SyncAggregate = read(&value["sync_aggregate"]);
    Update {
        attested_header: header(&value["attested_header"]),
        next_sync_committee: next.map(|(committee, branch)| WithBranch {
            value: read::<SyncCommittee>(&committee),
            branch,
        }),
        finalized_header: finalized.map(|(finalized, branch)| WithBranch {
            value: header(&finalized),
            branch,
        }),
        sync_aggregate: aggregate,
        signature_slot: value["signature_slot"].as_u64().unwrap(),
    }
}

/// A header in this form.
pub(crate) fn header(value: &Value) -> LightHeader {
    let mut beacon = value.clone();
    for number in ["slot", "proposer_index"] {
        beacon[number] = json!(value[number].to_string().trim_matches('"'));
    }
    read(&json!({ "beacon": beacon }))
}

pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// The minimal preset's own versions, all in force from genesis on.
fn network(genesis_validators_root: B256) -> Network {
    let forks = [Fork::Phase0, Fork::Altair, Fork::Bellatrix];
    Network::new(NetworkTerms {
        name: "datachainlab".into(),
        preset: Preset::Minimal,
        chain_id: 1,
        genesis_time: 1_578_009_600,
        genesis_validators_root,
        seconds_per_slot: 6,
        forks: forks
            .into_iter()
            .map(|fork| Activation {
                fork,
                epoch: 0,
                version: [fork as u8, 0, 0, 1],
            })
            .collect(),
    })
    .unwrap()
}
