//! What a phone's arguments say about the registry.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use anyhow::{Result, bail};
use callseal_registry_client::{
    HttpBeacon, HttpTransport, LiveRegistries, Operator, Operators, Policy, RawProof, Registries,
    Registry, RegistryConfig, Transport, TransportError, UrlError, layout,
};
use callseal_sts::{Number, PublicKey};

use crate::clock::unix_time;
use crate::commands::phone::{OfChain, RegistryArguments};
use crate::commands::which_registry::Named;
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
fn in_trusted_block(
    config: RegistryConfig,
    arguments: &RegistryArguments,
) -> Result<Registry<Node>> {
    let chain = arguments.chain_id;
    let said = (
        of_chain("--rpc", &arguments.rpc, chain)?,
        of_chain("--trusted-block", &arguments.trusted_block, chain)?,
    );
    let (Some(url), Some(trusted_block)) = said else {
        bail!("beside --contract, --rpc and --trusted-block name no chain but that of --chain-id");
    };
    let node = Node {
        transport: HttpTransport::new(url)?,
        is_chain_checked: chain.is_some(),
    };
    Ok(Registry::new(config, *trusted_block, node))
}

/// Each operator's registry, in the block of its chain that the arguments name.
fn of_operators(operators: Operators, arguments: &RegistryArguments) -> Result<Registries<Node>> {
    let node_of = |chain: u64| -> Result<Option<(B256, Node)>> {
        let said = (
            of_chain("--rpc", &arguments.rpc, Some(chain))?,
            of_chain("--trusted-block", &arguments.trusted_block, Some(chain))?,
        );
        // Where one is not named, others' numbers can be looked up all the same.
        let (Some(url), Some(trusted_block)) = said else {
            return Ok(None);
        };
        let node = Node {
            transport: HttpTransport::new(url)?,
            is_chain_checked: true,
        };
        Ok(Some((*trusted_block, node)))
    };
    let nodes = operators
        .iter()
        .map(|operator| node_of(operator.registry.chain_id));
    let mut nodes = nodes.collect::<Result<Vec<_>>>()?.into_iter();
    Ok(Registries::new(operators, |_| nodes.next().flatten()))
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
    let nodes_of_one = || -> Result<Vec<_>, UrlError> {
        let nodes = urls.iter().map(|url| HttpTransport::new(url));
        let named = urls.iter().zip(nodes);
        named
            .map(|(url, node)| Ok(((*url).clone(), node?)))
            .collect()
    };
    let nodes = (0..readers).map(|_| nodes_of_one());
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

/// The one thing that is said of this chain, or else of any.
fn of_chain<'a, T>(
    option: &str,
    said: &'a [OfChain<T>],
    chain: Option<u64>,
) -> Result<Option<&'a T>> {
    match all_of_chain(said, chain)[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => bail!(
            "{option} is given twice; beside --trusted-block one is asked, and for several chains, name them: CHAIN=…"
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
        let of = |chain| of_chain("--rpc", &nodes, chain).unwrap().unwrap().as_str();
        assert_eq!(of(Some(2)), "http://two");
        assert_eq!(of(Some(1)), "http://any");
        assert_eq!(of(None), "http://any");
        let of_two_alone = said(&["2=http://two"]);
        let of = |chain| of_chain("--rpc", &of_two_alone, chain).unwrap();
        assert_eq!((of(Some(1)), of(None)), (None, None));
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
    fn what_is_said_twice_of_one_chain_is_refused() {
        for (texts, chain) in [
            (["http://one", "http://two"], Some(1)),
            (["1=http://one", "1=http://two"], Some(1)),
        ] {
            let error = of_chain("--rpc", &said(&texts), chain).unwrap_err();
            assert!(error.to_string().starts_with("--rpc is given twice"));
        }
    }
}
