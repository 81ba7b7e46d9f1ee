//! What commands that run a light client have in common.

use std::path::PathBuf;

use alloy_primitives::B256;
use anyhow::{Context, Result, bail};
use callseal_registry_client::HttpBeacon;
use callseal_registry_client::light::{LightClient, Network, SharedClient, Synced};

use crate::light_state::{LightState, network_named};

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

    /// Starts the light client anew from this block root, no older than a week; not needed again while its state
    /// is kept. Take it from a source that you trust and that is not the operator: your own node, a block
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

impl BeaconArguments {
    /// The light client that the checkpoint or the kept state gives; what it finds is kept from now on.
    pub(crate) fn light_client(
        &self,
        network: &Network,
        state: &LightState,
        now: u64,
    ) -> Result<(SharedClient<HttpBeacon>, Synced)> {
        let beacons = self.beacon.iter().map(|url| HttpBeacon::new(url));
        let beacons = beacons.collect::<Result<_, _>>()?;
        let started = unkept_light_client(network, state, beacons, self.checkpoint, now);
        let (client, synced) = started?;
        let client = SharedClient::from(client);
        state.keep_always(&client)?;
        Ok((client, synced))
    }
}

fn unkept_light_client(
    network: &Network,
    state: &LightState,
    beacons: Vec<HttpBeacon>,
    checkpoint: Option<B256>,
    now: u64,
) -> Result<(LightClient<HttpBeacon>, Synced)> {
    if let Some(checkpoint) = checkpoint {
        let (client, synced) = LightClient::start(network, checkpoint, beacons, now)
            .with_context(|| format!("cannot start from the checkpoint {checkpoint}"))?;
        let slot = client.store().finalized_slot();
        if let Some(contested) = state.contested_slot(network, now)
            && slot <= contested
        {
            bail!(
                "two beacon nodes have proven different histories (slot {contested}), and the checkpoint {checkpoint} is no newer (slot {slot}); find out which of them is right, and take a newer one from somebody you trust"
            );
        }
        state.replace(client.store())?;
        return Ok((client, synced));
    }
    match state.read(network, now)? {
        Some(store) => Ok((LightClient::resume(store, beacons), Synced::default())),
        None => bail!(
            "{} does not exist, so there is nothing to start from: give a recent block root with --checkpoint",
            state.path().display()
        ),
    }
}
