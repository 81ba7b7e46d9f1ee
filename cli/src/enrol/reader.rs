//! The operator's registry, read with proofs as it stands now.

use std::time::Duration;

use callseal_registry_client::light::{AnchorError, SharedClient, SyncError};
use callseal_registry_client::{
    Answer, Asked, HttpBeacon, HttpTransport, LookUpError, Nodes, NodesError, OperatorKeys,
    PreviousOperatorKeys, RegistryConfig, UrlError, Verified,
};
use callseal_sts::Number;

use crate::node_faults::NodeFaults;
use crate::wallet_nodes::{HeadError, WalletNodes};

/// A reader that trusts a newer block for each question.
pub struct Reader {
    nodes: Nodes<HttpTransport>,
    trust: Trust,
    now: Box<dyn Fn() -> u64>,
    faults: NodeFaults,
}

/// Where the block that is trusted comes from.
pub struct Trust(Source);

enum Source {
    Light(SharedClient<HttpBeacon>),
    Nodes(Box<WalletNodes>),
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing is proven.
    #[error(transparent)]
    LookUp(#[from] NodesError),
    /// The light client is not up to date.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// What is final is too old.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The nodes that are trusted do not answer, or not the same.
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl ReadError {
    /// Whether it may be otherwise in a minute.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Anchor(_) | Self::Head(_) => true,
            Self::LookUp(NodesError::NoAnswer { faults }) => faults
                .iter()
                .any(|fault| matches!(fault.cause, LookUpError::Transport(_))),
            Self::Sync(error) => matches!(error, SyncError::NoAnswer { .. }),
            Self::LookUp(_) => false,
        }
    }
}

/// No answer comes from an older block.
const MAX_AGE: Duration = Duration::from_secs(3_600);

impl Trust {
    /// A light client.
    pub fn light(client: impl Into<SharedClient<HttpBeacon>>) -> Self {
        Self(Source::Light(client.into()))
    }

    /// The word of nodes, if it is the same: for those who run them themselves.
    pub fn nodes(nodes: WalletNodes) -> Self {
        Self(Source::Nodes(Box::new(nodes)))
    }
}

impl Reader {
    /// A reader of this registry by the nodes at these URLs. `now` is Unix time in seconds.
    ///
    /// # Errors
    /// [`UrlError`] names a URL that is none.
    pub fn new(
        config: RegistryConfig,
        urls: &[String],
        trust: Trust,
        now: impl Fn() -> u64 + 'static,
        faults: NodeFaults,
    ) -> Result<Self, UrlError> {
        Ok(Self {
            nodes: Nodes::new(config, named_nodes(urls)?),
            trust,
            now: Box::new(now),
            faults,
        })
    }

    /// What the registry has for a number.
    ///
    /// # Errors
    /// [`ReadError`]: nothing is known.
    pub fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, ReadError> {
        self.renew()?;
        let Asked { answer, faults, .. } = self.nodes.look_up(number.as_str())?;
        self.faults.note_all(faults);
        Ok(answer)
    }

    /// The operator's keys, and those before them.
    ///
    /// # Errors
    /// [`ReadError`]: nothing is known.
    pub fn operator_keys(
        &mut self,
    ) -> Result<(OperatorKeys, Option<PreviousOperatorKeys>), ReadError> {
        self.renew()?;
        let present = self.nodes.operator_keys()?;
        let previous = self.nodes.previous_operator_keys()?;
        self.faults
            .note_all(present.faults.into_iter().chain(previous.faults));
        Ok((present.answer.into_value(), previous.answer.into_value()))
    }

    fn renew(&mut self) -> Result<(), ReadError> {
        match &mut self.trust.0 {
            Source::Light(light) => {
                let now = (self.now)();
                self.faults.note_all(light.sync(now)?.faults);
                self.nodes
                    .trust_anchor(&light.store().anchor(now, MAX_AGE)?);
            }
            Source::Nodes(nodes) => self.nodes.trust(nodes.agreed_head()?.hash),
        }
        Ok(())
    }
}

/// The nodes at these URLs, each with what errors call it.
///
/// # Errors
/// [`UrlError`] names the URL that is none.
pub(crate) fn named_nodes(
    urls: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Vec<(String, HttpTransport)>, UrlError> {
    let named = urls.into_iter().map(|url| {
        let node = HttpTransport::new(url.as_ref())?;
        Ok((node.name().to_owned(), node))
    });
    named.collect()
}
