//! What has been said so far, and what a sealed part is bound to
//! (PROTOCOL.md §3.2).

use sha2::{Digest as _, Sha256};

use crate::defences::defences;
use crate::messages::{HEAD_LEN, Kind};

/// A hash of all messages so far.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Transcript(pub(crate) [u8; 32]);

/// What a sealed part is bound to: HPKE's `info` and `aad`.
pub(crate) struct Context {
    info: Vec<u8>,
    aad: Vec<u8>,
}

const LABEL: &[u8] = b"callseal eims: agreement, version 1";

impl Transcript {
    // th_1 = SHA-256(label ‖ message 1)
    pub(crate) fn begin(message_1: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(LABEL).chain_update(message_1);
        Self(hash.finalize().into())
    }

    // th_n = SHA-256(th_(n-1) ‖ message n)
    #[must_use]
    pub(crate) fn and(self, message: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(self.0).chain_update(message);
        Self(hash.finalize().into())
    }
}

impl Context {
    // info = label ‖ u8(kind) ‖ th before this message, aad = the clear part
    pub(crate) fn new(kind: Kind, before: Option<Transcript>, clear: &[u8]) -> Self {
        let mut info = LABEL.to_vec();
        info.push(kind as u8);
        let mut aad = clear;
        if defences().sealed_to_transcript {
            info.extend_from_slice(before.as_ref().map_or(&[], |th| &th.0[..]));
        } else {
            aad = &clear[..HEAD_LEN];
        }
        Self {
            info,
            aad: aad.to_vec(),
        }
    }

    pub(crate) fn info(&self) -> &[u8] {
        &self.info
    }

    pub(crate) fn aad(&self) -> &[u8] {
        &self.aad
    }
}
