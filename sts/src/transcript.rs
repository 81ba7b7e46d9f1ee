//! The transcript: a chain of hashes over everything that was sent
//! (PROTOCOL.md §4).
//!
//! Each link is a type of its own, so that a key which depends on M3 cannot
//! be derived from a transcript that has not seen M3.

use sha2::{Digest as _, Sha256};

use crate::defences::defences;
use crate::messages::M3;

/// After M1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Th1([u8; 32]);

/// After the clear part of M2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Th2([u8; 32]);

/// After all of M2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Th3([u8; 32]);

/// After M3.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Th4([u8; 32]);

impl Th1 {
    // th_1 = H("callseal sts v1 th1" || u32(length of M1) || M1)
    pub(crate) fn new(m1: &[u8]) -> Self {
        #[cfg(test)]
        if !defences().transcript_covers_suites {
            let parts = crate::messages::M1::parse(m1).unwrap().around_suites();
            return Self(link(b"callseal sts v1 th1", None, &parts));
        }
        Self(link(b"callseal sts v1 th1", None, &[m1]))
    }

    // th_2 = H("callseal sts v1 th2" || th_1 || u32(length of M2's clear part) || M2's clear part)
    pub(crate) fn with_m2_clear(&self, clear: &[u8]) -> Th2 {
        Th2(link(b"callseal sts v1 th2", Some(&self.0), &[clear]))
    }
}

impl Th2 {
    // th_3 = H("callseal sts v1 th3" || th_2 || u32(length of M2's sealed part) || M2's sealed part)
    pub(crate) fn with_m2_sealed(&self, sealed: &[u8]) -> Th3 {
        let covered = covered(sealed);
        Th3(link(b"callseal sts v1 th3", Some(&self.0), &[covered]))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Th3 {
    // th_4 = H("callseal sts v1 th4" || th_3 || u32(length of M3) || M3)
    pub(crate) fn with_m3(&self, m3: &M3<'_>) -> Th4 {
        let parts = [&m3.header[..], covered(m3.sealed)];
        Th4(link(b"callseal sts v1 th4", Some(&self.0), &parts))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Th4 {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn covered(sealed: &[u8]) -> &[u8] {
    if defences().transcript_covers_sealed {
        sealed
    } else {
        &[]
    }
}

fn link(label: &[u8], before: Option<&[u8; 32]>, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(label);
    if let Some(before) = before {
        hash.update(before);
    }
    // A message is at most 20,480 octets.
    let len: usize = parts.iter().map(|part| part.len()).sum();
    hash.update((len as u32).to_be_bytes());
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
