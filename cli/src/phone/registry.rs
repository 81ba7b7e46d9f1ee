//! What a phone's arguments say about the registry.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use anyhow::{Result, bail};
use callseal_registry_client::{
    HttpBeacon, HttpTransport, LiveRegistries, Nodes, Operator, Operators, Policy, RawProof,
    Registries, RegistryConfig, Transport, TransportError, UrlError, layout,
};
use callseal_sts::{Number, PublicKey};

use crate::clock::unix_time;
use crate::commands::phone::{OfChain, RegistryArguments};
use crate::commands::which_registry::Named;
use crate::enrol::reader::named_nodes;
use crate::record_source::{LiveSource, RecordSource};
use crate::seen_revisions::SeenRevisions;

/// Whether it is said what everything is proven from, before anything is opened.
///
/// # Errors
/// Where it is not.
pub(super) fn check(arguments: &RegistryArguments) -> Result<()> {
    if arguments.trusted_block.is_empty() && arguments.beacons.beacon.is_empty() {
        bail!(
            "say how the registry is read: --beacon URL, for a light client that believes no node, \
             or --trusted-block HASH, for a block that you know"
        );
    }
    Ok(())
}

/// Whom the phone with this number and key asks, over HTTP.
///
/// # Errors
/// What is unusable, by name.
pub(super) fn source(
    arguments: &RegistryArguments,
    number: Number,
    key: PublicKey,
) -> Result<Box<dyn RecordSource>> {
    let is_live = arguments.trusted_block.is_empty();
    Ok(match arguments.registry.named()? {
        Named::Operators(operators) if is_live => {
            Box::new(live(|_| operators, arguments, (number, key))?)
        }
        Named::Operators(operators) => Box::new(of_operators(operators, arguments)?),
        Named::Contract(contract) => {
            let config = |chain_id| RegistryConfig {
                contract,
                code_hash: layout::CODE_HASH,
                chain_id,
            };
            match is_live {
                true => Box::new(live(|chain| only(config(chain)), arguments, (number, key))?),
                false => {
                    let config = config(arguments.chain_id.unwrap_or_default());
                    Box::new(in_trusted_block(config, arguments)?)
                }
            }
        }
    })
}

/// One without a name that has all numbers.
fn only(registry: RegistryConfig) -> Operators {
    Operators::only(Operator {
        name: String::new(),
        registry,
    })
}

/// One registry for every number, in the block that the arguments name.
fn in_trusted_block(config: RegistryConfig, arguments: &RegistryArguments) -> Result<Nodes<Node>> {
    let chain = arguments.chain_id;
    let nodes = nodes_of_chain(arguments, chain)?;
    let trusted_block = trusted_block_of_chain(&arguments.trusted_block, chain)?;
    let (false, Some(trusted_block)) = (nodes.is_empty(), trusted_block) else {
        bail!("beside --contract, --rpc and --trusted-block name no chain but that of --chain-id");
    };
    let mut nodes = Nodes::new(config, nodes);
    nodes.trust(*trusted_block);
    Ok(nodes)
}

/// Each operator's registry, in the block of its chain that the arguments name.
fn of_operators(operators: Operators, arguments: &RegistryArguments) -> Result<Registries<Node>> {
    let nodes_of = |chain: u64| -> Result<Option<(B256, NamedNodes)>> {
        let nodes = nodes_of_chain(arguments, Some(chain))?;
        let trusted_block = trusted_block_of_chain(&arguments.trusted_block, Some(chain))?;
        // Where one is not named, others' numbers can be looked up all the same.
        Ok(trusted_block
            .filter(|_| !nodes.is_empty())
            .map(|trusted_block| (*trusted_block, nodes)))
    };
    let nodes = operators
        .iter()
        .map(|operator| nodes_of(operator.registry.chain_id));
    let mut nodes = nodes.collect::<Result<Vec<_>>>()?.into_iter();
    Ok(Registries::new(operators, |_| nodes.next().flatten()))
}

/// Nodes, each with what errors call it.
type NamedNodes = Vec<(String, Node)>;

/// Whom the arguments name for this chain, or else for any.
fn nodes_of_chain(
    arguments: &RegistryArguments,
    chain: Option<u64>,
) -> Result<NamedNodes, UrlError> {
    let nodes = named_nodes(all_of_chain(&arguments.rpc, chain))?.into_iter();
    let node = |(name, transport)| {
        let is_chain_checked = chain.is_some();
        let node = Node {
            transport,
            is_chain_checked,
        };
        (name, node)
    };
    Ok(nodes.map(node).collect())
}

/// Each operator's registry, as of the newest final block of the light client's chain.
fn live(
    operators: impl FnOnce(u64) -> Operators,
    arguments: &RegistryArguments,
    own: (Number, PublicKey),
) -> Result<LiveSource<HttpBeacon, HttpTransport>> {
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
    let urls = all_of_chain(&arguments.rpc, Some(chain_id));
    if urls.is_empty() {
        bail!(
            "--rpc names another chain than that of {}, {chain_id}",
            network.name()
        );
    }
    let operators = operators(chain_id);
    let is_on_chain = |operator: &&Operator| operator.registry.chain_id == chain_id;
    // Two readers of each, with connections of their own; they are made here, where an unusable URL is an error.
    let readers = 2 * operators.iter().filter(is_on_chain).count();
    let nodes = (0..readers).map(|_| named_nodes(&urls));
    let mut nodes = nodes.collect::<Result<Vec<_>, _>>()?.into_iter();
    let (light, started) = arguments.beacons.light_client(&network, &state, now)?;
    // Where that fails, look-ups will say so; what is known may do for what peers hand over.
    let synced = light.sync(now);
    if let Err(error) = &synced {
        tracing::warn!("the light client is not up to date: {error}");
    }
    let faults = synced.into_iter().flat_map(|synced| synced.faults);
    for fault in started.faults.into_iter().chain(faults) {
        tracing::warn!("passed over {fault}");
    }
    let seen = SeenRevisions::beside(state.path())?;
    let readers = [operators.clone(), operators].map(|operators| {
        LiveRegistries::new(operators, light.clone(), Policy::default(), || {
            nodes.next().unwrap_or_default()
        })
    });
    Ok(LiveSource::new(readers, own, unix_time, Some(seen)))
}

/// All that is said of this chain, or else of any.
fn all_of_chain<T>(said: &[OfChain<T>], chain: Option<u64>) -> Vec<&T> {
    let of = |wanted: Option<u64>| -> Vec<&T> {
        let of_it = said.iter().filter(|said| said.chain_id == wanted);
        of_it.map(|said| &said.value).collect()
    };
    let named = of(chain);
    match named.is_empty() {
        true => of(None),
        false => named,
    }
}

/// The one block that is trusted of this chain, or else of any.
fn trusted_block_of_chain(said: &[OfChain<B256>], chain: Option<u64>) -> Result<Option<&B256>> {
    match all_of_chain(said, chain)[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => bail!(
            "--trusted-block is given twice: one block of a chain is trusted; for several chains, name them: CHAIN=HASH"
        ),
    }
}

/// A node that is asked for its chain only where somebody has said which it
/// should be: a block's hash names its chain well enough.
struct Node {
    transport: HttpTransport,
    is_chain_checked: bool,
}

impl Transport for Node {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.transport.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(texts: &[&str]) -> Vec<OfChain<String>> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_said_of_a_chain_counts_before_what_is_said_of_any() {
        let nodes = said(&["http://any", "2=http://two"]);
        let of = |chain| all_of_chain(&nodes, chain);
        assert_eq!(of(Some(2)), ["http://two"]);
        assert_eq!(of(Some(1)), ["http://any"]);
        assert_eq!(of(None), ["http://any"]);
        let of_two_alone = said(&["2=http://two"]);
        let of = |chain| all_of_chain(&of_two_alone, chain);
        assert!(of(Some(1)).is_empty() && of(None).is_empty());
    }

    #[test]
    fn several_nodes_of_one_chain_are_all_asked() {
        let nodes = said(&["http://any", "2=http://two", "2=http://three"]);
        assert_eq!(
            all_of_chain(&nodes, Some(2)),
            ["http://two", "http://three"]
        );
        assert_eq!(all_of_chain(&nodes, Some(1)), ["http://any"]);
    }

    #[test]
    fn of_one_chain_one_block_is_trusted() {
        let [one, other] = ["11", "22"].map(|octet| format!("0x{}", octet.repeat(32)));
        let said = |texts: [String; 2]| texts.map(|text| text.parse::<OfChain<B256>>().unwrap());
        for texts in [
            [one.clone(), other.clone()],
            [format!("1={one}"), format!("1={other}")],
        ] {
            let error = trusted_block_of_chain(&said(texts), Some(1)).unwrap_err();
            assert!(error.to_string().contains("--trusted-block is given twice"));
        }
        let of_two = said([format!("1={one}"), format!("2={other}")]);
        let found = trusted_block_of_chain(&of_two, Some(2)).unwrap();
        assert_eq!(found, Some(&B256::repeat_byte(0x22)));
    }
}
