//! A server behind a URL.

use core::fmt;
use core::time::Duration;
use std::error::Error;

use ureq::http::Uri;

use crate::json_rpc::quote;
use crate::transport::TransportError;

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

/// Connections to one server, kept between questions.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: Uri,
    /// What errors call the server: not the whole URL, whose path or user may hold a secret.
    name: String,
    limits: Limits,
}

impl Client {
    pub(crate) fn new(url: &str, limits: Limits) -> Result<Self, UrlError> {
        let wrong = |why: String| UrlError {
            url: quote(url),
            why,
        };
        let uri: Uri = url
            .parse()
            .map_err(|error: ureq::http::uri::InvalidUri| wrong(error.to_string()))?;
        let name = name_of(&uri).map_err(|why| wrong(why.into()))?;
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
            name,
            limits,
        })
    }

    /// The server, as far as it is nobody's secret.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Puts a question in JSON; gives the status and the answer.
    pub(crate) fn post(&self, question: &[u8]) -> Result<(u16, Vec<u8>), TransportError> {
        self.twice_at_most(|| {
            let request = self
                .agent
                .post(&self.url)
                .header("content-type", "application/json");
            self.answer(request.send(question))
        })
    }

    /// Asks for what lies at `path`, which begins with a slash, below the server's URL.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, Vec<u8>), TransportError> {
        let scheme = self.url.scheme_str().unwrap_or_default();
        let authority = self
            .url
            .authority()
            .map_or("", |authority| authority.as_str());
        let base = self.url.path().trim_end_matches('/');
        let url = format!("{scheme}://{authority}{base}{path}");
        self.twice_at_most(|| {
            let request = self.agent.get(&url).header("accept", "application/json");
            self.answer(request.call())
        })
    }

    /// Asks once more where the connection broke: a server closes one that was idle when it likes, and no question
    /// here changes anything. One that has let our time run out is not given more.
    fn twice_at_most(
        &self,
        ask: impl Fn() -> Result<(u16, Vec<u8>), TransportError>,
    ) -> Result<(u16, Vec<u8>), TransportError> {
        match ask() {
            Err(TransportError::Unreachable { .. }) => ask(),
            answer => answer,
        }
    }

    pub(crate) fn nonsense(&self, cause: &str) -> TransportError {
        TransportError::Nonsense {
            node: self.name.clone(),
            cause: quote(cause),
        }
    }

    fn answer(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Vec<u8>), TransportError> {
        response
            .and_then(|response| self.read(response))
            .map_err(|error| self.transport_error(error))
    }

    fn read(
        &self,
        response: ureq::http::Response<ureq::Body>,
    ) -> Result<(u16, Vec<u8>), ureq::Error> {
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
        let node = self.name.clone();
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
                self.nonsense(&error.to_string())
            }
            _ => TransportError::Unreachable {
                node,
                cause: with_causes(&error),
            },
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
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
