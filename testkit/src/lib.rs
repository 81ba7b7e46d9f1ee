//! What tests of sans-IO peers need and nothing else: a network in virtual
//! time, a driver that lets two peers talk over it, a seeded generator,
//! mutations of fuzz targets' seeds, a way to take defences away, and an
//! allocator that counts.
//!
//! Nothing here reads a clock, opens a socket or asks the system for
//! randomness, so a test that fails once fails again with the same seed.
//!
//! - [`Link`] carries datagrams of any kind between any number of addresses,
//!   with delay, jitter, loss, duplication, reordering, corruption and a
//!   bounded queue, each way on its own.
//! - [`Pair`] drives two [`Peer`]s over a [`Link`] from one moment in which
//!   something happens to the next, in a bounded number of steps.
//! - [`SplitMix64`] is the generator behind both, for tests that need
//!   reproducible bytes.
//! - [`play`] runs the body of a fuzz target over its seeds and mutations of
//!   these, in a test.
//! - [`without`] takes a defence away for as long as an attack is mounted.
//! - [`CountingAllocator`] shows what a piece of code allocates, thread by
//!   thread; [`WatchingAllocator`] what it leaves in memory that it gives back.
#![deny(unsafe_code)]

mod allocator;
mod defences;
mod freed_memory;
mod link;
mod mutation;
mod pair;
mod random;

pub use allocator::{Allocations, CountingAllocator};
pub use defences::without;
pub use freed_memory::{MAX_PATTERNS, WatchingAllocator, freed_blocks_holding, on_a_clean_stack};
pub use link::{Conditions, Datagram, Link, Tally};
pub use mutation::{play, seeds};
pub use pair::{Pair, Peer, RunError};
pub use random::SplitMix64;
