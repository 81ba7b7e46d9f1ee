//! The operator's registry, read with proofs as it stands now.

use std::time::Duration;

use callseal_eims::{JsonRpcNode, Node as _};
use callseal_registry_client::light::{AnchorError, SharedClient, SyncError};
use callseal_registry_client::{
    Answer, HttpBeacon, HttpTransport, LookUpError, OperatorKeys, PreviousOperatorKeys, Registry,
    TransportError, Verified,
};
use callseal_sts::Number;

/// A reader that trusts a newer block for each question.
pub struct Reader {
    registry: Registry<HttpTransport>,
    trust: Trust,
    now: Box<dyn Fn() -> u64>,
}

/// Where the block that is trusted comes from.
pub struct Trust(Source);

enum Source {
    Light(SharedClient<HttpBeacon>),
    Node(Box<JsonRpcNode>),
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing is proven.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    /// The light client is not up to date.
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// What is final is too old.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The node that is trusted does not answer.
    #[error(transparent)]
    Node(#[from] TransportError),
}

impl ReadError {
    /// Whether it may be otherwise in a minute.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::LookUp(LookUpError::Transport(_)) | Self::Anchor(_) | Self::Node(_) => true,
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

    /// The word of a node: for those who run it themselves.
    pub fn node(node: JsonRpcNode) -> Self {
        Self(Source::Node(Box::new(node)))
    }
}

impl Reader {
    /// A reader of this registry. `now` is Unix time in seconds.
    pub fn new(
        registry: Registry<HttpTransport>,
        trust: Trust,
        now: impl Fn() -> u64 + 'static,
    ) -> Self {
        let now = Box::new(now);
        Self {
            registry,
            trust,
            now,
        }
    }

    /// What the registry has for a number.
    ///
    /// # Errors
    /// [`ReadError`]: nothing is known.
    pub fn look_up(&mut self, number: &Number) -> Result<Verified<Answer>, ReadError> {
        self.renew()?;
        Ok(self.registry.look_up(number.as_str())?)
    }

    /// The operator's keys, and those before them.
    ///
    /// # Errors
    /// [`ReadError`]: nothing is known.
    pub fn operator_keys(
        &mut self,
    ) -> Result<(OperatorKeys, Option<PreviousOperatorKeys>), ReadError> {
        self.renew()?;
        let present = self.registry.operator_keys()?.into_value();
        let previous = self.registry.previous_operator_keys()?.into_value();
        Ok((present, previous))
    }

    fn renew(&mut self) -> Result<(), ReadError> {
        match &mut self.trust.0 {
            Source::Light(light) => {
                let now = (self.now)();
                light.sync(now)?;
                self.registry
                    .trust_anchor(&light.store().anchor(now, MAX_AGE)?);
            }
            Source::Node(node) => self.registry.trust(node.head()?.hash),
        }
        Ok(())
    }
}
