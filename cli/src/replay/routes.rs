//! Which keys the packets of one way are for, remembered.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use super::{KeyRing, Protocol};

/// Ways that are remembered; a forger can make any number.
const MAX_ROUTES: usize = 65_536;

/// Ways that are found without a search, by a part of their SSRC.
const RECENT: usize = 64;

/// The packets of one SSRC between two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) ssrc: u32,
    pub(super) protocol: Protocol,
}

/// What is known of a way.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) way: Way,
    /// The sets to try, in order.
    pub(super) candidates: Rc<[usize]>,
    /// The set that opened the latest packet, and the place of its stream in
    /// the tally.
    pub(super) proven: Option<Proven>,
}

/// A set that opens the packets of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    pub(super) set: usize,
    pub(super) stream: usize,
}

/// All ways of a capture.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
    places: HashMap<Way, usize>,
    recent: Vec<usize>,
}

impl Routes {
    /// The place of a way's route, and the route.
    pub(super) fn of(&mut self, way: Way, ring: &KeyRing) -> (usize, &mut Route) {
        let hint = (way.ssrc ^ (way.ssrc >> 16) ^ u32::from(way.to.port())) as usize % RECENT;
        self.recent.resize(RECENT, usize::MAX);
        let recent = self.recent[hint];
        let place = match self.routes.get(recent) {
            Some(route) if route.way == way => recent,
            _ => self.search(way, ring),
        };
        self.recent[hint] = place;
        (place, &mut self.routes[place])
    }

    /// The route in a place that [`of`](Self::of) gave.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Route> {
        self.routes.get_mut(place)
    }

    /// Whether there is no room for another way; [`clear`](Self::clear) makes
    /// some.
    pub(super) fn is_full(&self) -> bool {
        self.routes.len() >= MAX_ROUTES
    }

    /// Forgets all ways. Nothing is lost but time.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn search(&mut self, way: Way, ring: &KeyRing) -> usize {
        if let Some(&place) = self.places.get(&way) {
            return place;
        }
        self.routes.push(Route {
            way,
            candidates: ring.candidates(way.from, way.to, way.ssrc).into(),
            proven: None,
        });
        self.places.insert(way, self.routes.len() - 1);
        self.routes.len() - 1
    }
}
