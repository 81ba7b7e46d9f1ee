//! The registry that a number's owner writes to, on a command line.

use anyhow::{Result, bail};
use callseal_eims::Node as _;
use callseal_registry_client::{RegistryConfig, layout};
use callseal_sts::Number;

use crate::clock::unix_time;
use crate::commands::light::{BeaconArguments, NetworkArguments};
use crate::commands::which_registry::WhichRegistry;
use crate::enrol::reader::{Reader, Trust};
use crate::node_faults::NodeFaults;
use crate::wallet_nodes::WalletNodes;

/// Which registry, whom transactions are sent to, and who is believed.
#[derive(Debug, clap::Args)]
pub struct OwnRegistryArguments {
    /// An Ethereum node, which transactions are sent to; what it says of keys and records is not believed without
    /// proof. May be repeated: the others are asked where one fails or lies
    #[arg(long, value_name = "URL", required = true, help_heading = "Registry")]
    rpc: Vec<String>,

    #[command(flatten)]
    registry: WhichRegistry,

    /// Believes the newest block of the --rpc nodes, if they have the same, instead of asking a --beacon for the newest
    /// final one: for nodes of one's own, and for tests
    #[arg(
        long,
        required_unless_present = "beacon",
        conflicts_with_all = ["beacon", "checkpoint"],
        help_heading = "Registry"
    )]
    trust_node: bool,

    #[command(flatten)]
    network: NetworkArguments,

    #[command(flatten)]
    beacons: BeaconArguments,
}

/// How the owner reaches the registry.
pub(crate) struct OwnRegistry {
    pub(crate) node: WalletNodes,
    pub(crate) reader: Reader,
    /// What nodes fail at meanwhile.
    pub(crate) faults: NodeFaults,
}

impl OwnRegistryArguments {
    /// The id of the light client's chain, or else of the nodes'.
    pub(crate) fn chain_id(&self) -> Result<u64> {
        match self.trust_node {
            false => Ok(self.network.open()?.0.chain_id()),
            true => Ok(WalletNodes::new(&self.rpc, NodeFaults::default())?.chain_id()?),
        }
    }

    /// The registry that a number is in, where a --contract is on this chain.
    pub(crate) fn config(&self, number: &Number, chain_id: u64) -> Result<RegistryConfig> {
        let at = |contract| RegistryConfig {
            contract,
            code_hash: layout::CODE_HASH,
            chain_id,
        };
        Ok(self.registry.operator_of(number, at)?.registry)
    }

    /// Makes ready to write and to read; starts the light client, where there is one.
    pub(crate) fn open(&self, config: RegistryConfig) -> Result<OwnRegistry> {
        let faults = NodeFaults::default();
        let chain_id = config.chain_id;
        let nodes = || {
            let nodes = WalletNodes::new(&self.rpc, faults.clone());
            nodes.map(|nodes| nodes.on_chain(chain_id))
        };
        let node = nodes()?;
        let trust = match self.trust_node {
            true => Trust::nodes(nodes()?),
            false => self.light_client(chain_id, &faults)?,
        };
        Ok(OwnRegistry {
            node,
            reader: Reader::new(config, &self.rpc, trust, unix_time, faults.clone())?,
            faults,
        })
    }

    fn light_client(&self, chain_id: u64, faults: &NodeFaults) -> Result<Trust> {
        let (network, state) = self.network.open()?;
        if network.chain_id() != chain_id {
            bail!(
                "the operator's registry is on chain {chain_id}, {} is chain {}: name the other with --network",
                network.name(),
                network.chain_id()
            );
        }
        let (light, started) = self.beacons.light_client(&network, &state, unix_time())?;
        faults.note_all(started.faults);
        Ok(Trust::light(light))
    }
}
