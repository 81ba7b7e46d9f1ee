//! From a trusted block hash to what its header says.

use alloy_consensus::Header;
use alloy_primitives::B256;

/// What we take from a header whose hash is the trusted one.
///
/// Only fields at fixed places of the header's list are here: the optional ones at its end could be
/// given under each other's names without changing the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedHeader {
    block_hash: B256,
    number: u64,
    timestamp: u64,
    state_root: B256,
}

/// Takes a header for the trusted block's if it hashes to the trusted hash.
///
/// # Errors
///
/// [`HeaderError::Hash`] when it is some other header.
///
/// ```
/// use alloy_consensus::Header;
/// use callseal_registry_client::verify_header;
///
/// let header = Header { number: 7, ..Header::default() };
/// let trusted = header.hash_slow();
/// assert_eq!(verify_header(trusted, &header)?.number(), 7);
/// assert!(verify_header(trusted, &Header { number: 8, ..header }).is_err());
/// # Ok::<(), callseal_registry_client::HeaderError>(())
/// ```
pub fn verify_header(trusted: B256, header: &Header) -> Result<VerifiedHeader, HeaderError> {
    let got = header.hash_slow();
    if got != trusted {
        return Err(HeaderError::Hash {
            expected: trusted,
            got,
        });
    }
    Ok(VerifiedHeader {
        block_hash: got,
        number: header.number,
        timestamp: header.timestamp,
        state_root: header.state_root,
    })
}

impl VerifiedHeader {
    /// The block's hash.
    #[must_use]
    pub fn block_hash(&self) -> B256 {
        self.block_hash
    }

    /// The block's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When the block was made; Unix time in seconds.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The root of the state after the block.
    #[must_use]
    pub fn state_root(&self) -> B256 {
        self.state_root
    }
}

/// Why a header is not the trusted block's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It hashes to something else.
    #[error("the header hashes to {got}, the trusted block is {expected}")]
    Hash {
        /// The trusted hash.
        expected: B256,
        /// The header's hash.
        got: B256,
    },
}
