//! What commands that run a light client have in common.

use std::path::PathBuf;

use alloy_primitives::B256;
use anyhow::{Context, Result, bail};
use callseal_registry_client::HttpBeacon;
use callseal_registry_client::light::{Fault, LightClient, Network, SharedClient};

use crate::kept_history::compare;
use crate::light_state::{Kept, LightState, network_named};

/// Which network, and what is known of it.
#[derive(Debug, clap::Args)]
pub struct NetworkArguments {
    /// mainnet, hoodi, or a file with a network's constants in JSON
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = "mainnet",
        help_heading = "Light client"
    )]
    pub network: String,

    /// Where the light client keeps what it knows [default: callseal/light-NETWORK.state in the user's
    /// state folder]
    #[arg(long, value_name = "FILE", help_heading = "Light client")]
    pub state: Option<PathBuf>,
}

/// Whom a light client asks, and what it starts from.
#[derive(Debug, clap::Args)]
pub struct BeaconArguments {
    /// A beacon node to ask; may be repeated, the others are asked where one fails or lies
    #[arg(long, value_name = "URL", help_heading = "Light client")]
    pub beacon: Vec<String>,

    /// Starts the light client from this block root, no older than a week; not needed again while its state is kept,
    /// and compared with that where it is. Take it from a source that you trust and that is not the operator: your own node, a block
    /// explorer, several checkpoint services that agree
    #[arg(
        long,
        value_name = "ROOT",
        requires = "beacon",
        help_heading = "Light client"
    )]
    pub checkpoint: Option<B256>,
}

impl NetworkArguments {
    /// The network, and the file with what is known of it.
    pub(crate) fn open(&self) -> Result<(Network, LightState)> {
        let network = network_named(&self.network)?;
        let state = LightState::of(&network, self.state.as_deref())?;
        Ok((network, state))
    }
}

/// Where a light client has begun.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) from: BegunFrom,
    /// The block's root.
    pub(crate) root: B256,
    pub(crate) slot: u64,
    /// When that slot began; Unix time in seconds.
    pub(crate) time: u64,
    pub(crate) period: u64,
    /// What nodes failed at meanwhile, or lied about.
    pub(crate) faults: Vec<Fault>,
}

/// Why that block is believed.
#[derive(Debug)]
pub(crate) enum BegunFrom {
    /// It is the checkpoint.
    Checkpoint {
        /// The slot of what this phone had verified itself, where it had; the checkpoint was compared with that.
        compared_with: Option<u64>,
    },
    /// It was verified before, and kept.
    Kept(PathBuf),
}

impl BeaconArguments {
    /// The light client that the checkpoint or the kept state gives; what it finds is kept from now on.
    ///
    /// A checkpoint is compared with what is kept and young enough to be believed, and does not replace what it
    /// contradicts.
    pub(crate) fn light_client(
        &self,
        network: &Network,
        state: &LightState,
        now: u64,
    ) -> Result<(SharedClient<HttpBeacon>, Beginning)> {
        let beacons = self.beacon.iter().map(|url| HttpBeacon::new(url));
        let beacons = beacons.collect::<Result<_, _>>()?;
        let (client, from, faults) = match self.checkpoint {
            Some(checkpoint) => begun_at(network, state, beacons, checkpoint, now)?,
            None => resumed(network, state, beacons, now)?,
        };
        let client = SharedClient::from(client);
        let store = client.store();
        state.keep_always(&client)?;
        let slot = store.finalized_slot();
        let beginning = Beginning {
            from,
            root: store.finalized().beacon.root(),
            slot,
            time: network.time_of(slot),
            period: store.period(),
            faults,
        };
        Ok((client, beginning))
    }
}

type Begun = (LightClient<HttpBeacon>, BegunFrom, Vec<Fault>);

fn begun_at(
    network: &Network,
    state: &LightState,
    beacons: Vec<HttpBeacon>,
    checkpoint: B256,
    now: u64,
) -> Result<Begun> {
    let kept = state.before_checkpoint(network, now)?;
    let (client, started) = LightClient::start(network, checkpoint, beacons.clone(), now)
        .with_context(|| format!("cannot start from the checkpoint {checkpoint}"))?;
    let slot = client.store().finalized_slot();
    let mut faults = started.faults;
    let compared_with = match kept {
        Kept::Nothing => None,
        Kept::Verified(kept) => {
            let compared = compare(&kept, client.store(), &beacons, now);
            let unsaid = compared.with_context(|| {
                let path = state.path().display();
                format!(
                    "the checkpoint {checkpoint} is not shown to be of the history in {path}, which stays as it is (go on from there without --checkpoint, or with other nodes; if you are sure that the checkpoint is right, remove {path} and start again)"
                )
            })?;
            faults.extend(unsaid);
            Some(kept.finalized_slot())
        }
        Kept::Contested { slot: contested } if slot <= contested => bail!(
            "two beacon nodes have proven different histories (slot {contested}), and the checkpoint {checkpoint} is no newer (slot {slot}); find out which of them is right, and take a newer one from somebody you trust"
        ),
        Kept::Contested { .. } => {
            state.replace(client.store())?;
            None
        }
    };
    Ok((client, BegunFrom::Checkpoint { compared_with }, faults))
}

fn resumed(
    network: &Network,
    state: &LightState,
    beacons: Vec<HttpBeacon>,
    now: u64,
) -> Result<Begun> {
    let Some(store) = state.read(network, now)? else {
        bail!(
            "{} does not exist, so there is nothing to start from: give a recent block root with --checkpoint",
            state.path().display()
        );
    };
    let from = BegunFrom::Kept(state.path().to_owned());
    Ok((LightClient::resume(store, beacons), from, Vec::new()))
}
