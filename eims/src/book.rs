//! The operator's record of tokens.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::TokenHash;
use crate::sealing::SealingPublicKey;

/// The operator's record of how its tokens stand. A service keeps it in a
/// database; a `BTreeMap` serves tests and trials.
pub trait TokenBook {
    /// How a token stands; one that is not recorded is [`Standing::Unused`].
    ///
    /// # Errors
    ///
    /// [`BookUnavailable`].
    fn standing(&self, token: &TokenHash) -> Result<Standing, BookUnavailable>;

    /// Binds a token to a phone's key if it is unused, in one step and for
    /// good, and says how it stands then.
    ///
    /// # Errors
    ///
    /// [`BookUnavailable`]; nothing is bound.
    fn bind(
        &mut self,
        token: &TokenHash,
        phone: &SealingPublicKey,
    ) -> Result<Standing, BookUnavailable>;
}

/// How a token stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// No phone has completed an agreement with it.
    Unused,
    /// A phone has; only that phone's key goes with it now.
    Bound(SealingPublicKey),
    /// Its number is enrolled; it is good for nothing more.
    Used,
}

/// The record cannot be read or written now.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the record of tokens cannot be read or written now")]
pub struct BookUnavailable;

impl TokenBook for BTreeMap<TokenHash, Standing> {
    fn standing(&self, token: &TokenHash) -> Result<Standing, BookUnavailable> {
        Ok(self.get(token).copied().unwrap_or(Standing::Unused))
    }

    fn bind(
        &mut self,
        token: &TokenHash,
        phone: &SealingPublicKey,
    ) -> Result<Standing, BookUnavailable> {
        let standing = self.entry(*token).or_insert(Standing::Unused);
        if *standing == Standing::Unused {
            *standing = Standing::Bound(*phone);
        }
        Ok(*standing)
    }
}
