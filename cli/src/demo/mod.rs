//! The demonstration: a registry, two phones, and people who mean no good.

pub(crate) mod call;
pub mod dialogue;
pub(crate) mod enrolments;
pub(crate) mod folder;
pub mod forger;
pub mod liar;
pub mod operators;
pub(crate) mod outcome;
pub(crate) mod story;
pub mod subscribers;
pub mod timeline;
pub mod walk;
pub(crate) mod wires;

/// The caller.
pub(crate) const ALICE: usize = 0;

/// The callee.
pub(crate) const BOB: usize = 1;

pub(crate) const NAMES: [&str; 2] = ["Alice", "Bob"];
pub(crate) const NUMBERS: [&str; 2] = ["+8613800000001", "+8613800000002"];
