//! Nodes behind URLs.

mod beacon;
mod client;
mod execution;

pub use beacon::HttpBeacon;
pub use client::{Limits, UrlError};
pub use execution::HttpTransport;
