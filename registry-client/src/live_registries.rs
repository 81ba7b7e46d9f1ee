//! Several operators' registries as they stand now, by one light client.

use crate::evidence::EvidenceError;
use crate::light::{Beacon, SharedClient, SyncError, Synced};
use crate::live::{Found, LiveError, LiveRegistry, Policy, SeenRevision};
use crate::operators::{Operator, Operators};
use crate::readers::Readers;
use crate::registry::{Answer, LookUpError};
use crate::staple::{OwnStaple, OwnStapleError, StapleError};
use crate::transport::Transport;
use crate::verified::Verified;

/// A reader of the registries of several operators. A number is looked up at its own operator and nowhere else, and so
/// is what is handed over for it: which contract that is, the phone's own configuration says, and never a peer.
///
/// All registries are read by one light client, so that the network is followed once, and that two histories are proven
/// stops them all.
///
/// ```
/// use callseal_devchain::{DevBeacon, DevChain};
/// use callseal_registry_client::light::LightClient;
/// use callseal_registry_client::{
///     LiveRegistries, Operator, Operators, Policy, RegistryConfig, layout,
/// };
///
/// let chain = DevChain::new(1);
/// let beacon = DevBeacon::new(&chain)?;
/// let checkpoint = beacon.finalize();
/// let operator = |name: &str, octet, chain_id| Operator {
///     name: name.into(),
///     registry: RegistryConfig {
///         contract: alloy_primitives::Address::repeat_byte(octet),
///         code_hash: layout::CODE_HASH,
///         chain_id,
///     },
/// };
/// let operators = Operators::default()
///     .with(operator("North", 1, 1), ["+86".parse()?], [])?
///     .with(operator("South", 2, 7), ["+44".parse()?], [])?;
/// let (light, _) = LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], beacon.now())?;
/// let mut registries = LiveRegistries::new(operators, light, Policy::default(), || {
///     vec![("node".to_owned(), chain.clone())]
/// });
/// let refusal = registries.look_up("+4420000000002", beacon.now()).unwrap_err();
/// assert!(refusal.to_string().contains("South is on chain 7"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LiveRegistries<B, T> {
    readers: Readers<LiveRegistry<B, T>>,
    light: SharedClient<B>,
}

impl<B: Beacon, T: Transport> LiveRegistries<B, T> {
    /// A reader for these operators. `nodes` gives, for each on the light client's chain, whom to ask there, and what
    /// each is to be called; of other chains nothing is known. Asks nothing yet.
    pub fn new(
        operators: Operators,
        light: impl Into<SharedClient<B>>,
        policy: Policy,
        mut nodes: impl FnMut() -> Vec<(String, T)>,
    ) -> Self {
        let light = light.into();
        let chain_id = light.store().network().chain_id();
        let reader = |operator: &Operator| {
            (operator.registry.chain_id == chain_id)
                .then(|| LiveRegistry::new(operator.registry, light.clone(), nodes(), policy))
        };
        Self {
            readers: Readers::new(operators, reader),
            light,
        }
    }

    /// Whose number is whose.
    pub fn operators(&self) -> &Operators {
        self.readers.operators()
    }

    /// The light client.
    pub fn light(&self) -> &SharedClient<B> {
        &self.light
    }

    /// Brings the light client up to date.
    ///
    /// # Errors
    ///
    /// [`SyncError`], as [`SharedClient::sync`].
    pub fn sync(&mut self, now: u64) -> Result<Synced, SyncError> {
        self.light.sync(now)
    }

    /// The reader of the registry that a number is looked up in.
    ///
    /// # Errors
    ///
    /// [`LookUpError::NoOperator`] where the number is no operator's; [`LookUpError::NoNode`] where its operator's
    /// registry is on another chain.
    pub fn reader_of(&mut self, number: &str) -> Result<&mut LiveRegistry<B, T>, LookUpError> {
        self.readers.of(number)
    }

    /// The record of a number at its operator, as [`LiveRegistry::look_up`].
    ///
    /// # Errors
    ///
    /// [`LiveError`]; also [`LiveError::Registry`], as [`reader_of`](Self::reader_of).
    pub fn look_up(&mut self, number: &str, now: u64) -> Result<Found, LiveError> {
        self.reader_of(number)
            .map_err(configuration)?
            .look_up(number, now)
    }

    /// The same by what was handed over for the number, as [`LiveRegistry::look_up_stapled`].
    ///
    /// # Errors
    ///
    /// [`LiveError`]; also [`LiveError::Registry`], as [`reader_of`](Self::reader_of).
    pub fn look_up_stapled(
        &mut self,
        number: &str,
        key: &[u8; 33],
        staple: &[u8],
        now: u64,
    ) -> Result<Found, LiveError> {
        self.reader_of(number)
            .map_err(configuration)?
            .look_up_stapled(number, key, staple, now)
    }

    /// What a staple proves of a number at its operator, as [`LiveRegistry::verify_staple`].
    ///
    /// # Errors
    ///
    /// [`StapleError`]; also [`EvidenceError::LookUp`], as [`reader_of`](Self::reader_of).
    pub fn verify_staple(
        &mut self,
        number: &str,
        key: &[u8; 33],
        staple: &[u8],
        now: u64,
    ) -> Result<Verified<Answer>, StapleError> {
        self.reader_of(number)
            .map_err(EvidenceError::from)?
            .verify_staple(number, key, staple, now)
    }

    /// One's own record with what proves it, as [`LiveRegistry::own_staple`].
    ///
    /// # Errors
    ///
    /// [`OwnStapleError`]; also [`LiveError::Registry`], as [`reader_of`](Self::reader_of).
    pub fn own_staple(
        &mut self,
        number: &str,
        key: &[u8; 33],
        now: u64,
    ) -> Result<OwnStaple, OwnStapleError> {
        self.reader_of(number)
            .map_err(configuration)?
            .own_staple(number, key, now)
    }

    /// The highest revision of a number's record that was proven here, or remembered.
    pub fn seen_revision(&mut self, number: &str) -> Option<SeenRevision> {
        self.reader_of(number).ok()?.seen_revision(number)
    }

    /// Remembers a revision from an earlier run. One of a contract that is none of these operators' is passed over.
    pub fn remember(&mut self, seen: SeenRevision) {
        for reader in self.readers.iter_mut() {
            reader.remember(seen);
        }
    }
}

impl<B: Beacon, T: Transport> From<LiveRegistry<B, T>> for LiveRegistries<B, T> {
    /// A reader that looks every number up in this registry.
    fn from(registry: LiveRegistry<B, T>) -> Self {
        Self {
            light: registry.light().clone(),
            readers: Readers::only(*registry.config(), registry),
        }
    }
}

fn configuration(error: LookUpError) -> LiveError {
    match error {
        LookUpError::Number(error) => error.into(),
        error => LiveError::Registry(error),
    }
}
