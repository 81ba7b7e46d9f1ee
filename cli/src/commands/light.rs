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

impl NetworkArguments {
    /// The network, and the file with what is known of it.
    pub(crate) fn open(&self) -> Result<(Network, LightState)> {
        let network = network_named(&self.network)?;
        let state = LightState::of(&network, self.state.as_deref())?;
        Ok((network, state))
    }
}

/// The light client that a checkpoint or the kept state gives; what it finds is kept from now on.
pub(crate) fn light_client(
    network: &Network,
    state: &LightState,
    beacons: &[String],
    checkpoint: Option<B256>,
    now: u64,
) -> Result<(SharedClient<HttpBeacon>, Synced)> {
    let (client, synced) = unkept_light_client(network, state, beacons, checkpoint, now)?;
    let client = SharedClient::from(client);
    state.keep_always(&client)?;
    Ok((client, synced))
}

fn unkept_light_client(
    network: &Network,
    state: &LightState,
    beacons: &[String],
    checkpoint: Option<B256>,
    now: u64,
) -> Result<(LightClient<HttpBeacon>, Synced)> {
    let beacons = beacons.iter().map(|url| HttpBeacon::new(url));
    let beacons: Vec<_> = beacons.collect::<Result<_, _>>()?;
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
