//! An execution node behind a URL.

use core::fmt;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use serde::de::DeserializeOwned;

use crate::http::client::{Client, Limits, UrlError};
use crate::json_rpc::{self, BlockId, ResponseError};
use crate::transport::{RawProof, Transport, TransportError};

/// A JSON-RPC node over HTTP or HTTPS. Connections are kept between questions.
///
/// Every question has a time limit and every answer a length limit. Redirects are not followed.
/// The environment's proxy (`HTTPS_PROXY`, `NO_PROXY` and their like) is used, but never for this host itself.
///
/// ```no_run
/// use alloy_primitives::{address, b256};
/// use callseal_registry_client::{HttpTransport, Registry, RegistryConfig, layout};
///
/// let node = HttpTransport::new("http://127.0.0.1:8545")?;
/// let config = RegistryConfig {
///     contract: address!("5fbdb2315678afecb367f032d93f642f64180aa3"),
///     code_hash: layout::CODE_HASH,
///     chain_id: 31337,
/// };
/// let trusted = b256!("ed67f35b269817490e582f51a00e6046659ea9e58deb7f1dd793fc8a75c467b1");
/// let answer = Registry::new(config, trusted, node).look_up("+8613800000001")?;
/// println!("{:?} in block {}", answer.value(), answer.block_number());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HttpTransport {
    client: Client,
    next_id: u64,
    /// Whether the node takes a block's hash where a proof is asked for; assumed until it does not.
    takes_hashes: bool,
    /// The number that goes with a block's hash, as the node says.
    number: Option<(B256, u64)>,
}

impl HttpTransport {
    /// A node at `url`, which begins with `http://` or `https://`. Asks nothing yet.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when that is no such URL.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Self::with_limits(url, Limits::default())
    }

    /// A node at `url`, with limits of one's own.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when that is no such URL.
    pub fn with_limits(url: &str, limits: Limits) -> Result<Self, UrlError> {
        Ok(Self {
            client: Client::new(url, limits)?,
            next_id: 1,
            takes_hashes: true,
            number: None,
        })
    }

    /// What errors call the node: scheme, host and port, since the rest of a URL may hold a secret.
    #[must_use]
    pub fn name(&self) -> &str {
        self.client.name()
    }

    /// Puts a question that no proof answers: for those who have to believe a node of their own.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when there is no answer of this form; `Refused` holds the node's words.
    pub fn ask<A: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &serde_json::Value,
    ) -> Result<A, TransportError> {
        self.answer(
            |id| json_rpc::ask(id, method, params.clone()),
            json_rpc::result,
        )
    }

    /// Puts a question, which `ask` makes of its id, and reads the answer with `read`.
    fn answer<A>(
        &mut self,
        ask: impl FnOnce(u64) -> Vec<u8>,
        read: impl FnOnce(&[u8], u64) -> Result<A, ResponseError>,
    ) -> Result<A, TransportError> {
        let id = self.next_id;
        self.next_id += 1;
        let (status, octets) = self.client.post(&ask(id))?;
        read(&octets, id).map_err(|error| match error {
            ResponseError::Node { .. } => TransportError::Refused {
                node: self.client.name().into(),
                message: error.to_string(),
            },
            // Some nodes report errors with a status as well: only without a reason is the status the reason.
            error if status == 200 => self.client.nonsense(&error.to_string()),
            _ => self.client.nonsense(&format!("HTTP status {status}")),
        })
    }

    fn proof_at(
        &mut self,
        contract: Address,
        slots: &[B256],
        block: BlockId,
    ) -> Result<RawProof, TransportError> {
        self.answer(
            |id| json_rpc::ask_proof(id, contract, slots, block),
            json_rpc::proof,
        )
    }

    fn number_of(&mut self, block_hash: B256) -> Result<u64, TransportError> {
        match self.number {
            Some((hash, number)) if hash == block_hash => Ok(number),
            _ => Ok(self.header(block_hash)?.number),
        }
    }
}

impl Transport for HttpTransport {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        let header = self.answer(|id| json_rpc::ask_header(id, block_hash), json_rpc::header)?;
        let header = header.ok_or_else(|| TransportError::UnknownBlock {
            node: self.client.name().into(),
            block_hash,
        })?;
        self.number = Some((block_hash, header.number));
        Ok(header)
    }

    /// Asks by hash first: a number may name another block by the time the node reads it.
    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut by_hash = None;
        if self.takes_hashes {
            match self.proof_at(contract, slots, BlockId::Hash(block_hash)) {
                Err(TransportError::Refused { message, .. }) => by_hash = Some(message),
                answer => return answer,
            }
        }
        let number = self.number_of(block_hash)?;
        match (
            self.proof_at(contract, slots, BlockId::Number(number)),
            by_hash,
        ) {
            (Ok(proof), _) => {
                self.takes_hashes = false;
                Ok(proof)
            }
            (Err(TransportError::Refused { node, message }), Some(by_hash)) => {
                let message = format!("by the block's hash: {by_hash}; by its number: {message}");
                Err(TransportError::Refused { node, message })
            }
            (Err(error), _) => Err(error),
        }
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.answer(json_rpc::ask_chain_id, json_rpc::chain_id)
            .map(Some)
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
