//! A node behind a URL.

use core::fmt;
use core::time::Duration;
use std::error::Error;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use ureq::http::Uri;

use crate::json_rpc::{self, BlockId, ResponseError, quote};
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
    agent: ureq::Agent,
    url: Uri,
    /// What errors call the node: not the whole URL, whose path or user may hold a secret.
    node: String,
    limits: Limits,
    next_id: u64,
    /// Whether the node takes a block's hash where a proof is asked for; assumed until it does not.
    takes_hashes: bool,
    /// The number that goes with a block's hash, as the node says.
    number: Option<(B256, u64)>,
}

/// How long a node may take and how much it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time for a connection.
    pub connect: Duration,
    /// The time for a question and its whole answer, connection included.
    pub answer: Duration,
    /// The length of an answer, in octets.
    pub answer_len: u64,
}

impl Default for Limits {
    /// 3 s to connect, 10 s in all, and room for a block that is full of transactions.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(10),
            answer_len: 512 * 1024,
        }
    }
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
        let wrong = |why: String| UrlError {
            url: quote(url),
            why,
        };
        let uri: Uri = url
            .parse()
            .map_err(|error: ureq::http::uri::InvalidUri| wrong(error.to_string()))?;
        let node = name_of(&uri).map_err(|why| wrong(why.into()))?;
        let mut config = ureq::Agent::config_builder()
            .timeout_connect(Some(limits.connect))
            .timeout_global(Some(limits.answer))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("callseal");
        if uri.host().is_some_and(is_this_host) {
            config = config.proxy(None);
        }
        Ok(Self {
            agent: config.build().into(),
            url: uri,
            node,
            limits,
            next_id: 1,
            takes_hashes: true,
            number: None,
        })
    }

    /// Puts a question, which `ask` makes of its id, and reads the answer with `read`.
    fn answer<A>(
        &mut self,
        ask: impl FnOnce(u64) -> Vec<u8>,
        read: impl FnOnce(&[u8], u64) -> Result<A, ResponseError>,
    ) -> Result<A, TransportError> {
        let id = self.next_id;
        self.next_id += 1;
        let response = self
            .exchange(&ask(id))
            .map_err(|error| self.transport_error(error))?;
        let (status, octets) = response;
        read(&octets, id).map_err(|error| match error {
            ResponseError::Node { .. } => TransportError::Refused {
                node: self.node.clone(),
                message: error.to_string(),
            },
            // Some nodes report errors with a status as well: only without a reason is the status the reason.
            error if status == 200 => self.nonsense(error.to_string()),
            _ => self.nonsense(format!("HTTP status {status}")),
        })
    }

    fn exchange(&self, question: &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
        let response = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(question)?;
        let status = response.status().as_u16();
        // One octet more than the limit: the reader is refused the end, too, once its limit is used up.
        let mut body = response
            .into_body()
            .into_with_config()
            .limit(self.limits.answer_len.saturating_add(1))
            .reader();
        let mut octets = Vec::new();
        std::io::Read::read_to_end(&mut body, &mut octets).map_err(|error| {
            match error.downcast() {
                Ok(error) => error,
                Err(error) => ureq::Error::Io(error),
            }
        })?;
        Ok((status, octets))
    }

    fn transport_error(&self, error: ureq::Error) -> TransportError {
        let node = self.node.clone();
        match error {
            ureq::Error::Timeout(_) => TransportError::TimedOut {
                node,
                limit: self.limits.answer,
            },
            ureq::Error::BodyExceedsLimit(_) => TransportError::TooLong {
                node,
                limit: self.limits.answer_len,
            },
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                self.nonsense(error.to_string())
            }
            _ => TransportError::Unreachable {
                node,
                cause: with_causes(&error),
            },
        }
    }

    fn nonsense(&self, cause: String) -> TransportError {
        TransportError::Nonsense {
            node: self.node.clone(),
            cause: quote(&cause),
        }
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
            node: self.node.clone(),
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
            .field("node", &self.node)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why a text is not the URL of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the URL of a node: {why}")]
pub struct UrlError {
    url: String,
    why: String,
}

/// Scheme, host and port: as much of a URL as is nobody's secret.
fn name_of(url: &Uri) -> Result<String, &'static str> {
    let scheme = url.scheme_str().unwrap_or_default();
    if scheme != "http" && scheme != "https" {
        return Err("it does not begin with http:// or https://");
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    match (url.host().unwrap_or_default(), url.port()) {
        ("", _) => Err("it names no host"),
        (host, Some(port)) => Ok(format!("{scheme}://{host}:{port}")),
        (host, None) if authority.ends_with(host) => Ok(format!("{scheme}://{host}")),
        // Something follows the host that the parser does not call a port.
        (_, None) => Err("its port is no number below 65536"),
    }
}

fn is_this_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<core::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// An error and what caused it, on one line.
fn with_causes(error: &ureq::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    quote(&text)
}
