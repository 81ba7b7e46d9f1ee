//! The demonstration's registry: a chain, the contract on it, two subscribers.

use callseal_devchain::{
    Claim, Counted, DevBeacon, DevChain, DevRegistry, NotASecret, Operator, RegistryError, Tally,
    prove_possession, uncompressed_key,
};
use callseal_registry_client::light::{LightClient, NetworkError, SharedClient};
use callseal_registry_client::{
    LiveRegistries, NumberError, Operator as Configured, Operators, Policy, number_hash,
};
use callseal_sts::{IdentityKey, Number, NumberError as NumberSyntaxError, Random};

use crate::demo::walk::{Walk, WalkError};
use crate::random::SystemRandom;
use crate::record_source::LiveSource;

/// The chain id that development chains use.
pub(crate) const CHAIN_ID: u64 = 31_337;

/// Committees that sign one after another before the phones begin.
const PERIODS: u64 = 2;

/// Accounts of the embedded chain.
const OPERATOR: usize = 0;
const FIRST_WALLET: usize = 1;

/// Somebody whom the registry vouches for.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// The telephone number.
    pub number: Number,
    /// The identity key.
    pub key: IdentityKey,
}

/// The registry of the demonstration.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The chain.
    pub chain: DevChain,
    /// The contract; of several, the first.
    pub registry: DevRegistry,
    /// Whose number is whose, as both phones have it in their configuration.
    pub operators: Operators,
    /// How phones find the block that they trust.
    pub walk: Walk,
    /// Those who were approved, in the order of their numbers given.
    pub subscribers: Vec<Subscriber>,
}

impl Enrolled {
    /// What the phone of a subscriber asks: nodes that count in `asked`, through a light client of its own.
    pub(super) fn source(
        &self,
        subscriber: usize,
        asked: &Tally,
    ) -> Result<LiveSource<Counted<DevBeacon>, Counted<DevChain>>, EnrolError> {
        let Subscriber { number, key } = &self.subscribers[subscriber];
        let beacon = self.walk.beacon.clone();
        let now = beacon.now();
        let beacons = vec![Counted::new(beacon.clone(), asked)];
        let (mut light, _) =
            LightClient::start(beacon.network(), self.walk.checkpoint, beacons, now)
                .map_err(WalkError::from)?;
        light.sync(now).map_err(WalkError::from)?;
        let light = SharedClient::from(light);
        let readers = [(); 2].map(|()| {
            let operators = self.operators.clone();
            LiveRegistries::new(operators, light.clone(), Policy::default(), || {
                let node = Counted::new(self.chain.clone(), asked);
                vec![("the embedded chain".to_owned(), node)]
            })
        });
        let clock = move || beacon.now();
        Ok(LiveSource::new(
            readers,
            (*number, key.public()),
            clock,
            None,
        ))
    }

    /// The operator whose number it is.
    pub(super) fn operator_of(&self, number: &str) -> Option<&Configured> {
        self.operators.of(number).ok().flatten()
    }
}

/// Why the registry could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The contract or the chain refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The chain's blocks cannot be made final.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The chain's committees cannot be followed.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A number is none.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A number is none.
    #[error(transparent)]
    NumberSyntax(#[from] NumberSyntaxError),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] NotASecret),
}

/// Deploys the contract on a chain of its own, and has a subscriber with a
/// fresh key claim each number and the operator approve it.
///
/// ```
/// let enrolled = callseal::demo::subscribers::enrol(&["+8613800000001"])?;
/// assert_eq!(enrolled.registry.approved_numbers()?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EnrolError`] where a number is none or the contract refuses.
pub fn enrol(numbers: &[&str]) -> Result<Enrolled, EnrolError> {
    let chain = DevChain::new(CHAIN_ID);
    let beacon = DevBeacon::new(&chain)?;
    let checkpoint = beacon.finalize();
    let (registry, subscribers) = enrol_on(&chain, numbers)?;
    beacon.pass_periods(PERIODS);
    Ok(Enrolled {
        walk: Walk::from(checkpoint, &beacon)?,
        operators: Operators::only(Configured {
            name: "the demonstration's".to_owned(),
            registry: registry.config(),
        }),
        chain,
        registry,
        subscribers,
    })
}

/// The same on a chain that is there already.
///
/// # Errors
/// [`EnrolError`] where a number is none or the contract refuses.
pub fn enrol_on(
    chain: &DevChain,
    numbers: &[&str],
) -> Result<(DevRegistry, Vec<Subscriber>), EnrolError> {
    let operator = chain.account(OPERATOR);
    let signing = IdentityKey::generate(&mut SystemRandom);
    let terms = Operator {
        account: operator,
        signing_key: uncompressed_key(&signing.to_bytes())?,
        sealing_key: [0; 32],
    };
    let registry = DevRegistry::deploy(chain, operator, &terms)?;
    let mut subscribers = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let wallet = chain.account(FIRST_WALLET + index);
        let key = IdentityKey::generate(&mut SystemRandom);
        let secret = key.to_bytes();
        let number_hash = number_hash(number)?;
        let digest = registry.proof_of_possession_digest(number_hash, wallet);
        let mut token_hash = [0; 32];
        SystemRandom.fill(&mut token_hash);
        let claim = Claim {
            number_hash,
            key: uncompressed_key(&secret)?,
            token_hash: token_hash.into(),
            proof_of_possession: prove_possession(&secret, digest)?,
        };
        registry.add_client(wallet, &claim)?;
        registry.approve_client(operator, number_hash, wallet, claim.record_hash(wallet))?;
        subscribers.push(Subscriber {
            number: Number::parse(number)?,
            key,
        });
    }
    Ok((registry, subscribers))
}
