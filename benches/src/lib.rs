//! What measures callseal, beside the libraries it is measured by.
//!
//! A [`Load`] says what is measured: operation, profile, size, streams. A
//! [`Contender`] is who does it: this project on one of its backends, a peer,
//! or a bare kernel that does no SRTP work. A [`Source`] makes the packets, off
//! the clock, and checks what became of each. A [`Duel`] lets contenders take
//! turns, round by round, so that a ratio of two of them was measured within
//! the same moments of the same machine.

mod bare;
mod callseal;
mod contender;
mod duel;
mod instructions;
mod load;
mod machine;
mod packets;
mod peers;
mod source;

pub mod plot;
pub mod report;

pub use bare::ShaBlocks;
pub use callseal::{Callseal, Kernel, Mode};
pub use contender::{Contender, MakeSession, contenders, session_makers};
pub use duel::{Duel, Entry, Pace};
pub use instructions::{Beside, Cost, Costs};
pub use load::{Load, Operation, PAYLOAD_LENS, PROFILES, key_of};
pub use machine::Machine;
pub use packets::{PASS, Packets};
pub use peers::{peers, versions};
pub use source::Source;
