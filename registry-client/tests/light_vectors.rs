//! The consensus specification's `light_client/sync` vectors, and those of other networks, played against the
//! light client.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::path::{Path, PathBuf};

use alloy_primitives::{B256, b256};
use callseal_registry_client::light::ssz::{self, Shape};
use callseal_registry_client::light::{
    Activation, Fork, LightHeader, Network, NetworkTerms, Preset, Store, Update, UpdateError,
    verify_bootstrap, verify_update,
};
use callseal_testvectors::light_client::{
    HeaderCheck, SyncCase, SyncChecks, SyncStep, sync_cases, unpacked,
};

/// Where the vectors lie: one folder or several, separated by colons, each with cases anywhere below it.
const FOLDERS: &str = "CALLSEAL_LIGHT_CLIENT_VECTORS";

#[test]
#[ignore = "needs CALLSEAL_LIGHT_CLIENT_VECTORS, folders of consensus-spec-tests' light_client/sync"]
fn every_step_of_the_official_vectors_ends_where_it_should() {
    let folders = std::env::var(FOLDERS).expect(FOLDERS);
    let mut cases = 0;
    let mut total = Tally::default();
    for folder in folders.split(':').filter(|folder| !folder.is_empty()) {
        let found = sync_cases(Path::new(folder));
        assert!(!found.is_empty(), "no cases below {folder}");
        for case in found {
            let tally = Run::new(&case).play(&case);
            println!("{}: {tally:?}", name(&case.folder));
            assert_eq!(tally.steps, case.steps.len());
            let is_known = CHECKPOINTS.contains(&case.trusted_block_root.into());
            let expected = KNOWN.iter().find(|(name, _)| case.folder.ends_with(name));
            if let Some((name, expected)) = expected.filter(|_| is_known) {
                let got = (tally.steps, tally.checks, tally.forced);
                assert_eq!((got, tally.below_two_thirds), (*expected, 0), "{name}");
            }
            total.add(&tally);
            cases += 1;
        }
    }
    println!("{cases} cases, {total:?}");
    // Where every step were forced, nothing of ours would have been tried.
    assert!(total.checks > total.forced + total.below_two_thirds);
}

/// The cases that are known, by name: steps, checks, forced steps. None of their checks is waived.
const KNOWN: [(&str, (usize, usize, usize)); 3] = [
    ("light_client_sync", (10, 20, 2)),
    ("advance_finality_without_sync_committee", (5, 10, 0)),
    ("supply_sync_committee_from_past_update", (1, 2, 0)),
];
/// Their checkpoints.
const CHECKPOINTS: [B256; 4] = [
    b256!("381b93f69ccc772fbe71d8093f0560343ca3e5c6893dcaae7e5f677ecfd823fb"),
    b256!("40987e44961b3a380aefe1959db633a4464a532a2189e47ceadf5facf6941a18"),
    b256!("c0f6807024e3a40cea50955a9daa481045e44a5e08ccb5aed4d1cd705fc624d4"),
    b256!("e082390ea48cf68f18a7bd8c1c84729013c4311c4e7a1ba41689cb7f9e974731"),
];

/// What was checked, and what was not, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    steps: usize,
    /// Header slots and roots compared.
    checks: usize,
    /// Forced updates: ours is a client that fails instead of believing fewer than two thirds. The run goes on
    /// from the state that the vector gives, so that the steps after it are played too.
    forced: usize,
    /// Optimistic headers that only a client below two thirds would follow.
    below_two_thirds: usize,
    /// Updates that lie beside the case and that no step names, so that nobody says what comes of them: they are
    /// read, written again, and shown to the client after the last step.
    unnamed: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.checks += other.checks;
        self.forced += other.forced;
        self.below_two_thirds += other.below_two_thirds;
        self.unnamed += other.unnamed;
    }
}

struct Run {
    store: Store,
    tally: Tally,
    /// What came so far: a forced update takes one of them.
    updates: Vec<Update>,
    /// Attested headers that fewer than two thirds signed, by root.
    refused: Vec<String>,
}

impl Run {
    fn new(case: &SyncCase) -> Self {
        let network = network(case);
        let shape = shape(case, &network, case.bootstrap_fork_digest);
        let bootstrap = ssz::bootstrap(&case.bootstrap, shape).unwrap();
        assert_eq!(ssz::bootstrap_octets(&bootstrap, shape), case.bootstrap);
        let now = network.time_of(bootstrap.header.beacon.slot);
        let checkpoint = B256::from(case.trusted_block_root);
        let verified = verify_bootstrap(&network, checkpoint, &bootstrap, now).unwrap();
        Self {
            store: Store::new(verified),
            tally: Tally::default(),
            updates: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn play(mut self, case: &SyncCase) -> Tally {
        for (index, step) in case.steps.iter().enumerate() {
            let at = format!("{} step {index}", name(&case.folder));
            self.tally.steps += 1;
            match step {
                SyncStep::ProcessUpdate {
                    name,
                    fork_digest,
                    update,
                    current_slot,
                    checks,
                } => {
                    let at = format!("{at} ({name})");
                    let shape = shape(case, self.store.network(), *fork_digest);
                    let octets = update;
                    let update = ssz::update(octets, shape).unwrap();
                    assert_eq!(ssz::update_octets(&update, shape), *octets, "{at}");
                    self.process(&update, *current_slot, &at);
                    self.updates.push(update);
                    self.check(checks, &at);
                }
                SyncStep::ForceUpdate { checks, .. } => {
                    self.force(checks, &at);
                    self.check(checks, &at);
                }
                SyncStep::UpgradeStore { checks } => self.check(checks, &at),
            }
        }
        for path in &case.unnamed {
            self.show(path, case);
        }
        self.tally
    }

    fn show(&mut self, path: &Path, case: &SyncCase) {
        let at = path.display();
        if path.extension().is_none_or(|it| it != "ssz_snappy") {
            println!("{at}: not a vector");
            return;
        }
        let network = self.store.network();
        let shape = shape(case, network, case.bootstrap_fork_digest);
        let octets = unpacked(path);
        let update = ssz::update(&octets, shape).unwrap_or_else(|e| panic!("{at}: {e}"));
        assert_eq!(ssz::update_octets(&update, shape), octets, "{at}");
        let now = network.time_of(update.signature_slot.max(self.store.finalized_slot()));
        let end = verify_update(&self.store, &update, now).map(|_| "verified");
        println!("{at}: no step names it: {end:?}");
        self.tally.unnamed += 1;
    }

    fn process(&mut self, update: &Update, current_slot: u64, at: &str) {
        // Vectors may name a slot before that of the checkpoint, whose own time has come all the same.
        let now = self.store.network().time_of(current_slot);
        match verify_update(&self.store, update, now) {
            Ok(verified) => {
                self.store.apply_update(verified);
            }
            Err(UpdateError::NothingNew) => {}
            Err(error @ UpdateError::Participation { .. }) => {
                println!("{at}: refused, {error}");
                let root = update.attested_header.beacon.root();
                self.refused.push(root.to_string());
            }
            Err(error) => panic!("{at}: {error}"),
        }
    }

    fn force(&mut self, checks: &SyncChecks, at: &str) {
        let root = &checks.finalized_header.beacon_root;
        if self.store.finalized().beacon.root().to_string() == *root {
            return;
        }
        self.tally.forced += 1;
        println!("{at}: waived, ours forces no update; the run goes on from the state after it");
        let is_it = |header: &LightHeader| header.beacon.root().to_string() == *root;
        let (update, header) = self
            .updates
            .iter()
            .rev()
            .find_map(|update| {
                let finalized = update.finalized_header.as_ref().map(|with| &with.value);
                let headers = finalized.into_iter().chain([&update.attested_header]);
                Some((update, headers.into_iter().find(|header| is_it(header))?))
            })
            .unwrap_or_else(|| panic!("{at}: forced to what never came"));
        let brought = update.next_sync_committee.clone().map(|with| with.value);
        let network = self.store.network().clone();
        let is_next_period = network.period_of(header.beacon.slot) == self.store.period() + 1;
        let (current, next) = match (self.store.next_committee(), is_next_period) {
            (Some(next), true) => (next.clone(), brought),
            (next, _) => (
                self.store.current_committee().clone(),
                next.cloned().or(brought),
            ),
        };
        let attested = match self.store.attested_slot() > header.beacon.slot {
            true => self.store.attested().clone(),
            false => header.clone(),
        };
        self.store = Store::trusting(network, header.clone(), current, next).attesting(attested);
    }

    fn check(&mut self, checks: &SyncChecks, at: &str) {
        let fork = |header: &LightHeader| self.store.network().fork_of(header.beacon.slot);
        let compare = |header: &LightHeader, check: &HeaderCheck, which: &str| {
            assert_eq!(header.beacon.slot, check.slot, "{at}: {which}");
            assert_eq!(
                header.beacon.root().to_string(),
                check.beacon_root,
                "{at}: {which}"
            );
            if let Some(root) = &check.execution_root {
                let ours = match fork(header) >= Fork::Capella {
                    true => header.execution.root(fork(header)),
                    false => B256::ZERO,
                };
                assert_eq!(ours.to_string(), *root, "{at}: {which}");
            }
        };
        compare(
            self.store.finalized(),
            &checks.finalized_header,
            "finalized",
        );
        self.tally.checks += 1;
        let optimistic = &checks.optimistic_header;
        if self.refused.contains(&optimistic.beacon_root) {
            println!("{at}: waived, fewer than two thirds signed the optimistic header");
            assert!(self.store.attested_slot() < optimistic.slot, "{at}");
            self.tally.below_two_thirds += 1;
            return;
        }
        // What is final may be above what was attested last.
        let newest = match self.store.attested_slot() >= self.store.finalized_slot() {
            true => self.store.attested(),
            false => self.store.finalized(),
        };
        compare(newest, optimistic, "optimistic");
        self.tally.checks += 1;
    }
}

fn network(case: &SyncCase) -> Network {
    let number = |key: &str| case.config.get(key).and_then(|value| value.as_u64());
    let version =
        |fork: &str| number(&format!("{fork}_FORK_VERSION")).map(|v| (v as u32).to_be_bytes());
    let mut forks = Vec::new();
    for fork in Fork::ALL {
        let upper = fork.name().to_uppercase();
        let (epoch, version) = match fork {
            Fork::Phase0 => (Some(0), version("GENESIS")),
            _ => (number(&format!("{upper}_FORK_EPOCH")), version(&upper)),
        };
        // A fork that is never to be is at the end of time.
        if let (Some(epoch), Some(version)) = (epoch.filter(|epoch| *epoch < u64::MAX), version) {
            forks.push(Activation {
                fork,
                epoch,
                version,
            });
        }
    }
    let preset = match case
        .config
        .get("PRESET_BASE")
        .and_then(|value| value.as_str())
    {
        Some("mainnet") => Preset::Mainnet,
        _ => Preset::Minimal,
    };
    let terms = NetworkTerms {
        name: "vectors".into(),
        preset,
        chain_id: number("DEPOSIT_CHAIN_ID").unwrap_or(1),
        genesis_time: number("MIN_GENESIS_TIME").unwrap_or(0),
        genesis_validators_root: case.genesis_validators_root.into(),
        seconds_per_slot: number("SECONDS_PER_SLOT").unwrap_or(6),
        forks,
    };
    Network::new(terms).unwrap()
}

/// The shape that a fork's digest stands for.
fn shape(case: &SyncCase, network: &Network, digest: [u8; 4]) -> Shape {
    let forks = &network.terms().forks;
    let named = forks.iter().find(|active| {
        let mut data = [0; 64];
        data[..4].copy_from_slice(&active.version);
        data[32..].copy_from_slice(&case.genesis_validators_root);
        ethereum_hashing::hash_fixed(&data)[..4] == digest
    });
    // From Fulu on, digests depend on the blobs' schedule too.
    let newest = forks.last().filter(|newest| newest.fork >= Fork::Fulu);
    let fork = named.or(newest).map(|active| active.fork);
    Shape {
        fork: fork.unwrap_or_else(|| panic!("{}: {digest:02x?} is no fork", name(&case.folder))),
        preset: network.preset(),
    }
}

fn name(folder: &Path) -> String {
    let parts: Vec<_> = folder.iter().rev().take(2).collect();
    let path: PathBuf = parts.iter().rev().collect();
    path.display().to_string()
}
