//! A beacon node behind a URL.

use core::fmt;

use alloy_primitives::B256;

use crate::http::client::{Client, Limits, UrlError};
use crate::light::json::{self, JsonError};
use crate::light::{Beacon, BeaconHeader, Bootstrap, Update};
use crate::transport::TransportError;

/// A beacon node's REST API over HTTP or HTTPS, with the limits and habits of
/// [`HttpTransport`](crate::HttpTransport).
///
/// ```no_run
/// use callseal_registry_client::HttpBeacon;
/// use callseal_registry_client::light::Beacon;
///
/// let update = HttpBeacon::new("http://127.0.0.1:5052")?.finality_update()?;
/// println!("slot {} was signed", update.attested_header.beacon.slot);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpBeacon {
    client: Client,
}

impl HttpBeacon {
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
        let client = Client::new(url, limits)?;
        Ok(Self { client })
    }

    fn ask<A>(
        &self,
        path: &str,
        read: impl FnOnce(&[u8]) -> Result<A, JsonError>,
    ) -> Result<A, TransportError> {
        let (status, octets) = self.client.get(path)?;
        self.read(status, &octets, read)
    }

    fn read<A>(
        &self,
        status: u16,
        octets: &[u8],
        read: impl FnOnce(&[u8]) -> Result<A, JsonError>,
    ) -> Result<A, TransportError> {
        match status {
            200 => read(octets).map_err(|error| self.client.nonsense(&error.to_string())),
            _ => Err(TransportError::Refused {
                node: self.client.name().into(),
                message: format!("HTTP status {status}"),
            }),
        }
    }
}

impl Beacon for HttpBeacon {
    fn name(&self) -> String {
        self.client.name().into()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        let path = format!("/eth/v1/beacon/light_client/bootstrap/{block_root}");
        self.ask(&path, json::bootstrap)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        // One at a time: some servers fail a whole range for one that is missing.
        let path = format!("/eth/v1/beacon/light_client/updates?start_period={period}&count=1");
        let updates = self.ask(&path, json::updates)?;
        let missing = || {
            self.client
                .nonsense(&format!("no update for period {period}"))
        };
        updates.into_iter().next().ok_or_else(missing)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        let path = "/eth/v1/beacon/light_client/finality_update";
        self.ask(path, json::finality_update)
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        let path = format!("/eth/v1/beacon/blocks/{slot}/root");
        let (status, octets) = self.client.get(&path)?;
        match status {
            // That a slot is empty is an answer.
            404 => Ok(None),
            _ => self.read(status, &octets, json::block_root).map(Some),
        }
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        let path = format!("/eth/v1/beacon/headers/{block_root}");
        self.ask(&path, json::block_header)
    }
}

impl fmt::Debug for HttpBeacon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBeacon")
            .field("client", &self.client)
            .finish()
    }
}
