//! What a subscriber does with its identity key towards the registry.

use alloy_primitives::B256;
use k256::ecdsa::SigningKey;

/// The public key as `addClient` takes it: x then y, 64 octets.
///
/// # Errors
///
/// [`NotASecret`] when `secret` is not a secret key of secp256k1.
pub fn uncompressed_key(secret: &[u8; 32]) -> Result<[u8; 64], NotASecret> {
    let point = signing_key(secret)?.verifying_key().to_sec1_point(false);
    let mut key = [0; 64];
    // SEC 1 section 2.3.3: one octet of prefix stands before the coordinates.
    key.copy_from_slice(&point.as_bytes()[1..]);
    Ok(key)
}

/// Signs the [digest](callseal_registry_client::proof_of_possession_digest) of a claim as `addClient` takes it:
/// r, s (low), v, 65 octets.
///
/// # Errors
///
/// [`NotASecret`] when `secret` is not a secret key of secp256k1.
///
/// ```
/// use alloy_primitives::B256;
/// use callseal_devchain::prove_possession;
///
/// let proof = prove_possession(&[7; 32], B256::repeat_byte(1))?;
/// assert!(matches!(proof[64], 27 | 28));
/// # Ok::<(), callseal_devchain::NotASecret>(())
/// ```
pub fn prove_possession(secret: &[u8; 32], digest: B256) -> Result<[u8; 65], NotASecret> {
    let (signature, recovery) = signing_key(secret)?.sign_prehash_recoverable(&digest.0);
    let mut proof = [0; 65];
    proof[..64].copy_from_slice(&signature.to_bytes());
    // The contract's ecrecover counts from 27.
    proof[64] = 27 + recovery.to_byte();
    Ok(proof)
}

/// The octets are zero, or not below the order of secp256k1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these 32 octets are no secret key of secp256k1")]
pub struct NotASecret;

fn signing_key(secret: &[u8; 32]) -> Result<SigningKey, NotASecret> {
    SigningKey::from_bytes(secret.into()).map_err(|_| NotASecret)
}
