//! Who is measured.

use crate::bare;
use crate::callseal::{Callseal, Kernel, Mode};
use crate::load::Load;
use crate::packets::Packets;
use crate::peers::{self, peers};
use callseal_srtp::Backend;

/// Somebody who works through the packets of a pass.
pub trait Contender {
    /// Its backend's or library's name.
    fn name(&self) -> String;

    /// How many packets it is given at a time.
    fn batch(&self) -> usize;

    /// Whether it does the whole of SRTP, and not its kernels alone.
    fn is_srtp(&self) -> bool;

    /// Does what the load says with every packet, and sets each packet's
    /// length. This is what the clock sees.
    ///
    /// # Panics
    ///
    /// Where it refuses a packet.
    fn run(&mut self, packets: &mut Packets);

    /// Lays the results into the packets where `run` left them elsewhere.
    fn collect(&mut self, _packets: &mut Packets) {}
}

/// Everybody who can do `load`: this project by backend and batch, the peers
/// that are built in, and the bare kernels.
#[must_use]
pub fn contenders(load: Load) -> Vec<Box<dyn Contender>> {
    let mut all: Vec<Box<dyn Contender>> = Vec::new();
    for backend in Backend::available() {
        for mode in Mode::ALL {
            // Of the slower ones, what tells them apart.
            if backend == Backend::detected() || mode.is_telling() {
                all.push(Box::new(Callseal::new(load, backend, mode)));
            }
        }
    }
    all.extend(Kernel::all(load));
    all.extend(peers(load));
    all.extend(bare::all(load));
    all
}

/// Makes and drops a session.
pub type MakeSession = Box<dyn FnMut()>;

/// Everybody who has sessions, by name, with what makes one of them and drops
/// it again.
#[must_use]
pub fn session_makers(load: Load) -> Vec<(String, MakeSession)> {
    let mut all: Vec<(String, MakeSession)> = Vec::new();
    for backend in Backend::available() {
        let make = move || drop(Callseal::new(load, backend, Mode::Single));
        all.push((backend.name().to_owned(), Box::new(make)));
    }
    all.extend(peers::session_makers(load));
    all
}
