//! The demonstration: a registry, two phones, and people who mean no good.

pub mod dialogue;
pub mod forger;
pub mod liar;
pub mod subscribers;
pub mod timeline;
