//! What a phone's arguments say about the registry.

use anyhow::{Result, bail};
use callseal_registry_client::{
    HttpTransport, LiveRegistry, Policy, RawProof, Registry, RegistryConfig, Transport,
    TransportError, layout,
};
use callseal_sts::{Number, PublicKey};

use crate::clock::unix_time;
use crate::commands::light::light_client;
use crate::commands::phone::RegistryArguments;
use crate::record_source::{LiveSource, RecordSource};

/// Whom the phone with this number and key asks, over HTTP.
///
/// # Errors
/// What is unusable, by name.
pub(super) fn source(
    arguments: &RegistryArguments,
    number: Number,
    key: PublicKey,
) -> Result<Box<dyn RecordSource>> {
    let config = RegistryConfig {
        contract: arguments.contract,
        code_hash: layout::CODE_HASH,
        chain_id: arguments.chain_id.unwrap_or_default(),
    };
    let transport = HttpTransport::new(&arguments.rpc)?;
    if let Some(trusted_block) = arguments.trusted_block {
        let node = Node {
            transport,
            is_chain_checked: arguments.chain_id.is_some(),
        };
        return Ok(Box::new(Registry::new(config, trusted_block, node)));
    }
    let now = unix_time();
    let (network, state) = arguments.network.open()?;
    let chain_id = network.chain_id();
    if let Some(given) = arguments.chain_id
        && given != chain_id
    {
        bail!(
            "--chain-id is {given}, the network {} has {chain_id}",
            network.name()
        );
    }
    let (mut light, started) = light_client(
        &network,
        &state,
        &arguments.beacon,
        arguments.checkpoint,
        now,
    )?;
    // Where that fails, look-ups will say so; what is known may do for what peers hand over.
    let synced = light.sync(now);
    if let Err(error) = &synced {
        tracing::warn!("the light client is not up to date: {error}");
    }
    let faults = synced.into_iter().flat_map(|synced| synced.faults);
    for fault in started.faults.into_iter().chain(faults) {
        tracing::warn!("passed over {fault}");
    }
    state.keep(light.store())?;
    let config = RegistryConfig { chain_id, ..config };
    let nodes = [(arguments.rpc.clone(), transport)];
    let live = LiveRegistry::new(config, light, nodes, Policy::default());
    Ok(Box::new(LiveSource::new(
        live,
        (number, key),
        Box::new(unix_time),
        Some(state),
    )))
}

/// A node that is asked for its chain only where somebody has said which it
/// should be: a block's hash names its chain well enough.
struct Node {
    transport: HttpTransport,
    is_chain_checked: bool,
}

impl Transport for Node {
    fn header(
        &mut self,
        block_hash: alloy_primitives::B256,
    ) -> Result<alloy_consensus::Header, TransportError> {
        self.transport.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: alloy_primitives::Address,
        slots: &[alloy_primitives::B256],
        block_hash: alloy_primitives::B256,
    ) -> Result<RawProof, TransportError> {
        self.transport.proof(contract, slots, block_hash)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        match self.is_chain_checked {
            true => self.transport.chain_id(),
            false => Ok(None),
        }
    }
}
