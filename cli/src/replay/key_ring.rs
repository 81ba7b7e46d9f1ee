//! The receivers that a capture is opened with, and which of them a packet is
//! for.

use std::collections::HashMap;
use std::net::SocketAddr;

use callseal_srtp::{Receiver, UnprotectError};

use super::key_set::{KeySet, KeySetError};
use crate::keys_file::KeysFile;

/// Sets that a packet of nobody's address is tried with, at most.
const MAX_TRIALS: usize = 64;

/// RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RTP, as SRTP.
    Rtp,
    /// RTCP, as SRTCP.
    Rtcp,
}

/// One SRTP context for each set of keys.
#[derive(Debug, Default)]
pub struct KeyRing {
    sets: Vec<KeySet>,
    seats: Vec<Seat>,
    receivers: Vec<Receiver>,
    probes: HashMap<usize, Receiver>,
    by_from: HashMap<SocketAddr, Vec<usize>>,
    by_to: HashMap<SocketAddr, Vec<usize>>,
    anywhere: Vec<usize>,
}

/// Where a set's receiver is.
#[derive(Clone, Copy, Debug)]
enum Seat {
    /// Not made yet: a capture may name more keys than it uses.
    Empty,
    Taken(usize),
    /// The set's parts do not go together.
    Unusable,
}

/// A packet that authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Its length in the buffer, in octets.
    pub len: usize,
    /// The 48-bit index in SRTP, the 31-bit one in SRTCP.
    pub index: u64,
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No key is for this address and SSRC.
    #[error("no key is for this address and SSRC")]
    NoKey,
    /// The capture kept a part of the packet only.
    #[error("cut short by the capture's snap length: {kept_len} of {len} octets")]
    CutShort {
        /// What was kept, in octets.
        kept_len: usize,
        /// What was on the wire, in octets.
        len: usize,
    },
    /// Octets on a stream's way that are no packet of RTP or RTCP.
    #[error("not a packet: {len} octets that are neither RTP nor RTCP")]
    NotAPacket {
        /// How many there are.
        len: usize,
    },
    /// SRTP refuses it.
    #[error(transparent)]
    Srtp(#[from] UnprotectError),
}

impl Refused {
    /// Whether the packet's index was received before, or lies behind the
    /// replay window. SRTP looks at that before the tag.
    pub fn is_replay(self) -> bool {
        matches!(
            self,
            Self::Srtp(UnprotectError::Replayed | UnprotectError::TooOld)
        )
    }
}

/// Why keys cannot be used. It shows no key.
#[derive(Debug, thiserror::Error)]
#[error("key {number}: {error}")]
pub struct KeyRingError {
    /// Which key, counted from 1.
    pub number: usize,
    /// What is wrong with it.
    pub error: KeySetError,
}

impl KeySet {
    /// The sets of a file's keys; keys that agree in all but key, salt and MKI
    /// are one sender's over time, and one set.
    ///
    /// # Errors
    /// [`KeyRingError`] says which key cannot be used and why.
    pub fn all_of_file(file: &KeysFile) -> Result<Vec<Self>, KeyRingError> {
        let payload_types = std::sync::Arc::new(file.payload_types.clone());
        let mut sets: Vec<Self> = Vec::new();
        for (key, number) in file.keys.iter().zip(1..) {
            let wrong = |error| KeyRingError { number, error };
            let mut set = Self::of_file(key).map_err(wrong)?;
            let first = sets
                .iter_mut()
                .find(|first| first.continues(&set) && first.mki_len() > 0 && set.mki_len() > 0);
            let changed = match first {
                Some(first) => {
                    first.add(set).map_err(wrong)?;
                    first
                }
                None => {
                    if set.name.is_empty() {
                        set.name = format!("key {number}");
                    }
                    set.payload_types = payload_types.clone();
                    sets.push(set);
                    let Some(last) = sets.last_mut() else {
                        continue;
                    };
                    last
                }
            };
            changed.receiver().map_err(wrong)?;
        }
        Ok(sets)
    }
}

impl KeyRing {
    /// A ring of these sets. What cannot be used is found when a packet needs
    /// it, and passed over.
    pub fn new(sets: Vec<KeySet>) -> Self {
        let mut ring = Self {
            seats: vec![Seat::Empty; sets.len()],
            ..Self::default()
        };
        for (place, set) in sets.iter().enumerate() {
            for (addresses, by) in [(&set.from, &mut ring.by_from), (&set.to, &mut ring.by_to)] {
                for address in addresses {
                    let places = by.entry(*address).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                }
            }
            if set.from.is_empty() && set.to.is_empty() {
                ring.anywhere.push(place);
            }
        }
        ring.sets = sets;
        ring
    }

    /// The sets of keys.
    pub fn sets(&self) -> &[KeySet] {
        &self.sets
    }

    /// A set of keys.
    pub fn set(&self, place: usize) -> Option<&KeySet> {
        self.sets.get(place)
    }

    /// How many sets there are.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The sets that a packet is to be tried with, in order.
    ///
    /// A sender's own packets are tried with its keys only, the newest first.
    /// A packet from an address that is no sender's is tried with those of the
    /// address that it goes to, or else with everybody's, as the phone that it
    /// was sent to would: an address is easily forged, and may move.
    pub(super) fn candidates(&self, from: SocketAddr, to: SocketAddr, ssrc: u32) -> Vec<usize> {
        let places = |by: &HashMap<SocketAddr, Vec<usize>>, address| {
            by.get(&address).cloned().unwrap_or_default()
        };
        let sent = places(&self.by_from, from);
        let received = places(&self.by_to, to);
        let mut found = Vec::new();
        let mut add = |places: &[usize]| {
            for &place in places {
                if !found.contains(&place) && found.len() < MAX_TRIALS {
                    found.push(place);
                }
            }
        };
        let newest_first = |places: &[usize]| places.iter().rev().copied().collect::<Vec<_>>();
        let both: Vec<_> = sent
            .iter()
            .filter(|place| received.contains(place))
            .copied()
            .collect();
        add(&newest_first(&both));
        add(&newest_first(&sent));
        if sent.is_empty() {
            add(&newest_first(&received));
        }
        add(&self.anywhere);
        if sent.is_empty() && received.is_empty() {
            for place in 0..self.sets.len().min(MAX_TRIALS) {
                add(&[place]);
            }
        }
        found.retain(|&place| {
            let ssrcs = &self.sets[place].ssrcs;
            ssrcs.is_empty() || ssrcs.contains(&ssrc)
        });
        found
    }

    /// Whether packets between these addresses are expected under a set: it
    /// names the source, the SSRC, or nobody.
    pub(super) fn is_own(&self, place: usize, from: SocketAddr) -> bool {
        let Some(set) = self.sets.get(place) else {
            return false;
        };
        set.from.is_empty() || set.from.contains(&from)
    }

    /// Whether a set says what packets it is for.
    pub(super) fn is_specific(&self, place: usize) -> bool {
        self.sets
            .get(place)
            .is_some_and(|set| !(set.from.is_empty() && set.to.is_empty() && set.ssrcs.is_empty()))
    }

    /// The number of a set's receiver among [`receivers`](Self::receivers).
    pub(super) fn receiver_of(&mut self, place: usize) -> Option<usize> {
        match self.seats.get(place)? {
            Seat::Taken(receiver) => Some(*receiver),
            Seat::Unusable => None,
            Seat::Empty => {
                let Ok(receiver) = self.sets[place].receiver() else {
                    self.seats[place] = Seat::Unusable;
                    return None;
                };
                self.receivers.push(receiver);
                let number = self.receivers.len() - 1;
                self.seats[place] = Seat::Taken(number);
                Some(number)
            }
        }
    }

    /// The receivers that have been needed.
    pub(super) fn receivers(&mut self) -> &mut [Receiver] {
        &mut self.receivers
    }

    /// Opens a packet in place with one set's keys.
    pub(super) fn open(
        &mut self,
        place: usize,
        protocol: Protocol,
        ssrc: u32,
        packet: &mut [u8],
    ) -> Result<Plain, Refused> {
        let number = self.receiver_of(place).ok_or(Refused::NoKey)?;
        let roc = self.sets[place].rocs.all;
        if protocol == Protocol::Rtp
            && roc != 0
            && self.receivers[number].newest_index(ssrc).is_none()
            && self.begins_at(place, roc, ssrc, packet)
        {
            // It fits: the packet has just authenticated with it.
            let _ = self.receivers[number].set_roc(ssrc, roc);
        }
        open_with(&mut self.receivers[number], protocol, packet)
    }

    /// Whether a stream's first packet authenticates with this ROC. It is
    /// tried apart: a forged SSRC must leave nothing in the receiver.
    fn begins_at(&mut self, place: usize, roc: u32, ssrc: u32, packet: &[u8]) -> bool {
        let set = &self.sets[place];
        if set.rocs.each.contains_key(&ssrc) {
            return false;
        }
        let mut packet = packet.to_vec();
        for _ in 0..2 {
            let probe = match self.probes.remove(&place) {
                Some(probe) => Some(probe),
                None => set.receiver().ok(),
            };
            let Some(mut probe) = probe else {
                return false;
            };
            // A probe that is full is made anew.
            if probe.set_roc(ssrc, roc).is_ok() {
                let fits = open_with(&mut probe, Protocol::Rtp, &mut packet).is_ok();
                self.probes.insert(place, probe);
                return fits;
            }
        }
        false
    }
}

/// Opens a packet in place.
pub(super) fn open_with(
    receiver: &mut Receiver,
    protocol: Protocol,
    packet: &mut [u8],
) -> Result<Plain, Refused> {
    let len = packet.len();
    match protocol {
        Protocol::Rtp => {
            let plain = receiver.unprotect_rtp(packet, len)?;
            Ok(Plain {
                len: plain.len,
                index: plain.index.get(),
            })
        }
        Protocol::Rtcp => {
            let plain = receiver.unprotect_rtcp(packet, len)?;
            Ok(Plain {
                len: plain.len,
                index: u64::from(plain.index.get()),
            })
        }
    }
}
