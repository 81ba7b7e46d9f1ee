//! A provider of alloy's, as a node that can be asked.

use core::time::Duration;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_provider::Provider;
use alloy_provider::transport::{RpcError, TransportErrorKind};
use tokio::runtime::Handle;

use crate::json_rpc::quote;
use crate::transport::{RawProof, Transport, TransportError};

/// Asks whatever a provider of alloy's is connected to, for programs that hold one already.
///
/// How long answers may be is up to the provider's own connection. Its methods block: they are to be called from a thread
/// that is none of the runtime's own (`tokio::task::spawn_blocking` has such), and panic elsewhere, as
/// [`Handle::block_on`] does.
///
/// ```
/// use alloy_provider::ProviderBuilder;
/// use callseal_registry_client::{AlloyTransport, Transport};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// // In a program: .connect_http("https://rpc.example".parse()?)
/// let asserter = alloy_provider::mock::Asserter::new();
/// asserter.push_success(&"0x1");
/// let provider = ProviderBuilder::new().connect_mocked_client(asserter);
///
/// let mut node = AlloyTransport::new("our provider", provider, runtime.handle().clone());
/// assert_eq!(node.chain_id()?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AlloyTransport<P> {
    name: String,
    provider: P,
    runtime: Handle,
    limit: Duration,
}

impl<P: Provider> AlloyTransport<P> {
    /// A node that is to be called `name`, asked through `provider` on `runtime`; each answer may take ten seconds.
    pub fn new(name: impl Into<String>, provider: P, runtime: Handle) -> Self {
        Self {
            name: name.into(),
            provider,
            runtime,
            limit: Duration::from_secs(10),
        }
    }

    /// How long each answer may take.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn answer<T>(
        &self,
        asked: impl IntoFuture<Output = Result<T, RpcError<TransportErrorKind>>>,
    ) -> Result<T, TransportError> {
        let answered = self
            .runtime
            .block_on(async { tokio::time::timeout(self.limit, asked.into_future()).await });
        let node = self.name.clone();
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RpcError::ErrorResp(refusal))) => Err(TransportError::Refused {
                node,
                message: quote(&refusal.message),
            }),
            Ok(Err(RpcError::DeserError { err, .. })) => Err(TransportError::Nonsense {
                node,
                cause: err.to_string(),
            }),
            Ok(Err(error)) => Err(TransportError::Unreachable {
                node,
                cause: quote(&error.to_string()),
            }),
            Err(_) => Err(TransportError::TimedOut {
                node,
                limit: self.limit,
            }),
        }
    }
}

impl<P: Provider> Transport for AlloyTransport<P> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        let block = self.answer(self.provider.get_block_by_hash(block_hash))?;
        let block = block.ok_or_else(|| TransportError::UnknownBlock {
            node: self.name.clone(),
            block_hash,
        })?;
        Ok(block.header.inner)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let proof = self.provider.get_proof(contract, slots.to_vec());
        let proof = self.answer(proof.hash(block_hash))?;
        let octets = |nodes: Vec<alloy_primitives::Bytes>| {
            nodes.into_iter().map(|node| node.to_vec()).collect()
        };
        let slots = proof.storage_proof.into_iter();
        Ok(RawProof {
            account: octets(proof.account_proof),
            slots: slots.map(|slot| octets(slot.proof)).collect(),
        })
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.answer(self.provider.get_chain_id()).map(Some)
    }
}
