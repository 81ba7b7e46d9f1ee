//! Committees whose secret keys are here.

use alloy_primitives::{B256, keccak256};
use blst::min_pk::{AggregatePublicKey, AggregateSignature, PublicKey, SecretKey};
use callseal_registry_client::light::{SignatureOctets, SyncCommittee};

pub(super) struct Committee {
    secrets: Vec<SecretKey>,
    given: SyncCommittee,
}

impl Committee {
    /// The committee of a period; anybody can derive it.
    pub(super) fn of(period: u64, size: usize) -> Self {
        let mut secrets: Vec<_> = (0..MEMBERS.min(size))
            .filter_map(|member| {
                let seed = keccak256(format!(
                    "callseal devchain: period {period}, member {member}"
                ));
                // It refuses seeds of fewer than 32 octets alone.
                SecretKey::key_gen(seed.as_slice(), &[]).ok()
            })
            .collect();
        secrets = secrets.iter().cycle().take(size).cloned().collect();
        let keys: Vec<_> = secrets.iter().map(SecretKey::sk_to_pk).collect();
        let sum = AggregatePublicKey::aggregate(&keys.iter().collect::<Vec<_>>(), false);
        let given = SyncCommittee {
            pubkeys: keys.iter().map(PublicKey::to_bytes).collect(),
            aggregate_pubkey: sum.map_or([0; 48], |sum| sum.to_public_key().to_bytes()),
        };
        Self { secrets, given }
    }

    pub(super) fn given(&self) -> &SyncCommittee {
        &self.given
    }

    /// What all members together sign.
    pub(super) fn sign(&self, signing_root: B256) -> SignatureOctets {
        let sign = |secret: &SecretKey| secret.sign(signing_root.as_slice(), CIPHERSUITE, &[]);
        let signatures: Vec<_> = self.secrets.iter().take(MEMBERS).map(sign).collect();
        let all: Vec<_> = signatures.iter().cycle().take(self.secrets.len()).collect();
        let sum = AggregateSignature::aggregate(&all, false);
        sum.map_or([0; 96], |sum| sum.to_signature().to_bytes())
    }
}

impl core::fmt::Debug for Committee {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Committee").finish_non_exhaustive()
    }
}

/// Each is in the committee several times, as large validators are: signing is what time goes into here.
const MEMBERS: usize = 8;

/// The consensus layer's ciphersuite.
const CIPHERSUITE: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
