//! `srtp_ctx_t`: the streams of a session, each with its keys or a template's.

use core::ffi::{c_uint, c_void};
use core::hash::{BuildHasher, Hasher};
use core::ptr;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::key_set::{KeySet, Keys, Protocol};
use crate::status::Status;
use crate::stream_policy::{StreamPolicy, Whose};

/// What `srtp_t` points to.
pub struct Session {
    /// The streams that have something of their own.
    pub(crate) streams: HashMap<u32, Stream, SsrcHash>,
    /// The others: as the template makes them, in its direction. What a packet
    /// needs of them is behind the template's keys alone, so that a crowd of
    /// them is looked up in one table and not in two.
    pub(crate) plain: HashSet<u32, SsrcHash>,
    pub(crate) template: Option<Template>,
    pub(crate) user_data: *mut c_void,
    /// Whether snapshots say how far it may send.
    pub(crate) reserves: bool,
    /// What is to be told once the session is nobody's but the caller's again.
    pub(crate) events: Vec<(u32, c_uint)>,
}

/// One SSRC.
pub(crate) struct Stream {
    /// Its own keys, or none where they are the template's.
    pub(crate) own: Option<Box<KeySet>>,
    pub(crate) direction: Direction,
    /// A ROC that was set, until a packet has shown it.
    pub(crate) pending_roc: Option<u32>,
    pub(crate) cryptex: bool,
}

/// What is known of a stream.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) keys: &'a KeySet,
    pub(crate) direction: Direction,
    pub(crate) pending_roc: Option<u32>,
    pub(crate) cryptex: bool,
}

/// What every SSRC without keys of its own gets.
pub(crate) struct Template {
    pub(crate) keys: Box<KeySet>,
    pub(crate) direction: Direction,
    pub(crate) cryptex: bool,
}

/// What a stream's first packet, or its template, has made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    Unknown,
    Sends,
    Receives,
}

impl Session {
    /// A session without a stream.
    #[must_use]
    pub fn new() -> Self {
        let hash = SsrcHash::new();
        Self {
            streams: HashMap::with_hasher(hash.clone()),
            plain: HashSet::with_hasher(hash),
            template: None,
            user_data: ptr::null_mut(),
            reserves: false,
            events: Vec::new(),
        }
    }

    /// Adds a stream, or the template.
    pub(crate) fn add(&mut self, policy: StreamPolicy) -> Result<(), Status> {
        let StreamPolicy { whose, keys } = policy;
        let direction = match whose {
            Whose::One(_) => Direction::Unknown,
            Whose::AllInbound => Direction::Receives,
            Whose::AllOutbound => Direction::Sends,
        };
        if direction != Direction::Unknown && self.template.is_some() {
            return Err(Status::BadParam);
        }
        let keys = set_of(keys, self.reserves)?;
        match whose {
            Whose::One(ssrc) => {
                self.forget(ssrc);
                let stream = Stream {
                    own: Some(keys),
                    direction,
                    pending_roc: None,
                    cryptex: false,
                };
                self.streams.insert(ssrc, stream);
            }
            Whose::AllInbound | Whose::AllOutbound => {
                self.template = Some(Template {
                    keys,
                    direction,
                    cryptex: false,
                });
            }
        }
        Ok(())
    }

    /// Forgets a stream, its keys and its indexes.
    pub(crate) fn remove(&mut self, ssrc: u32) -> Result<(), Status> {
        match self.forget(ssrc) {
            true => Ok(()),
            false => Err(Status::NoCtx),
        }
    }

    fn forget(&mut self, ssrc: u32) -> bool {
        self.set_apart(ssrc);
        let Some(stream) = self.streams.remove(&ssrc) else {
            return false;
        };
        if let (None, Some(template)) = (stream.own, &mut self.template) {
            template.keys.sender.forget_stream_and_its_indexes(ssrc);
            template.keys.receiver.remove_stream(ssrc);
        }
        true
    }

    /// Gives a stream, or the template and all streams that came from it,
    /// other keys; ROCs and SRTCP indexes go on.
    pub(crate) fn update(&mut self, policy: StreamPolicy) -> Result<(), Status> {
        let StreamPolicy { whose, keys } = policy;
        let Whose::One(ssrc) = whose else {
            let template = self.template.as_mut().ok_or(Status::BadParam)?;
            template.keys.replace(keys)?;
            for ssrc in self.plain.drain() {
                self.streams.insert(ssrc, Stream::from_template(template));
            }
            template.direction = Direction::Unknown;
            template.cryptex = false;
            for stream in self.streams.values_mut() {
                if stream.own.is_none() {
                    stream.renew();
                }
            }
            return Ok(());
        };
        self.set_apart(ssrc);
        let reserves = self.reserves;
        let stream = self.streams.get_mut(&ssrc).ok_or(Status::BadParam)?;
        match (&mut stream.own, &mut self.template) {
            (Some(own), _) => own.replace(keys)?,
            (None, Some(template)) => {
                // From now on it has keys of its own.
                let mut own = set_of(keys, reserves)?;
                let from = &mut template.keys;
                own.sender.continue_stream(ssrc, &from.sender);
                own.receiver.continue_stream(ssrc, &from.receiver);
                from.sender.forget_stream_and_its_indexes(ssrc);
                from.receiver.remove_stream(ssrc);
                stream.own = Some(own);
            }
            (None, None) => return Err(Status::Fail),
        }
        stream.renew();
        Ok(())
    }

    /// Sets the ROC of a stream's next packet; 0 sets none.
    pub(crate) fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Status> {
        self.set_apart(ssrc);
        let stream = self.streams.get_mut(&ssrc).ok_or(Status::BadParam)?;
        stream.pending_roc = (roc != 0).then_some(roc);
        Ok(())
    }

    /// The ROC of a stream's newest packet.
    pub(crate) fn roc(&self, ssrc: u32) -> Result<u32, Status> {
        let Known {
            keys, direction, ..
        } = self.known(ssrc).ok_or(Status::BadParam)?;
        let sent = keys.sender.newest_index(ssrc);
        let received = keys.receiver.newest_index(ssrc);
        let newest = match direction {
            Direction::Sends => sent.or(received),
            Direction::Receives | Direction::Unknown => received.or(sent),
        };
        Ok(newest.map_or(0, |index| index.roc()))
    }

    pub(crate) fn set_cryptex(&mut self, whose: Whose, on: bool) -> Result<(), Status> {
        let Whose::One(ssrc) = whose else {
            self.template.as_mut().ok_or(Status::BadParam)?.cryptex = on;
            for stream in self.streams.values_mut() {
                if stream.own.is_none() {
                    stream.cryptex = on;
                }
            }
            return Ok(());
        };
        self.set_apart(ssrc);
        let stream = self.streams.get_mut(&ssrc).ok_or(Status::BadParam)?;
        stream.cryptex = on;
        Ok(())
    }

    /// The most octets that protecting adds, over all streams.
    pub(crate) fn max_trailer_len(
        &self,
        protocol: Protocol,
        mki: Option<usize>,
    ) -> Result<usize, Status> {
        let sets = self.template.iter().map(|template| &template.keys);
        let own = self.streams.values();
        let mut sets = sets.chain(own.filter_map(|stream| stream.own.as_ref()));
        let len = |keys: &KeySet| {
            let mki_len = match mki {
                None => 0,
                Some(n) => keys.mki(n)?.len(),
            };
            Some(keys.trailers.len(protocol) + mki_len)
        };
        let longest = match &self.template {
            // A template counts as found even where it has no such key.
            Some(_) => Some(sets.filter_map(|keys| len(keys)).max().unwrap_or(0)),
            None => sets.by_ref().filter_map(|keys| len(keys)).max(),
        };
        longest.ok_or(Status::BadParam)
    }

    /// What is known of a stream, if it is.
    pub(crate) fn known(&self, ssrc: u32) -> Option<Known<'_>> {
        let template = self.template.as_ref();
        let Some(stream) = self.streams.get(&ssrc) else {
            let template = template.filter(|_| self.plain.contains(&ssrc))?;
            return Some(Known {
                keys: &template.keys,
                direction: template.direction,
                pending_roc: None,
                cryptex: template.cryptex,
            });
        };
        let keys = match &stream.own {
            Some(own) => own,
            None => &template?.keys,
        };
        Some(Known {
            keys,
            direction: stream.direction,
            pending_roc: stream.pending_roc,
            cryptex: stream.cryptex,
        })
    }

    /// Every SSRC that is known.
    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.streams.keys().chain(&self.plain).copied()
    }

    /// Gives a stream that is as the template makes it something of its own.
    pub(crate) fn set_apart(&mut self, ssrc: u32) {
        if let (Some(template), true) = (&self.template, self.plain.remove(&ssrc)) {
            self.streams.insert(ssrc, Stream::from_template(template));
        }
    }

    /// Keeps a stream of the template's: by itself, or among the others where it
    /// is as the template makes them.
    pub(crate) fn keep(&mut self, ssrc: u32, stream: Stream) {
        let is_plain = self.template.as_ref().is_some_and(|template| {
            stream.own.is_none()
                && stream.pending_roc.is_none()
                && (stream.direction, stream.cryptex) == (template.direction, template.cryptex)
        });
        match is_plain {
            true => drop(self.plain.insert(ssrc)),
            false => drop(self.streams.insert(ssrc, stream)),
        }
    }
}

/// A new set of keys, in a session that sends by reservation or not.
fn set_of(keys: Keys, reserves: bool) -> Result<Box<KeySet>, Status> {
    let mut set = Box::new(KeySet::new(keys)?);
    if reserves {
        set.reserve();
    }
    Ok(set)
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    pub(crate) fn from_template(template: &Template) -> Self {
        Self {
            own: None,
            direction: template.direction,
            pending_roc: None,
            cryptex: template.cryptex,
        }
    }

    /// What an update leaves of it: its indexes alone.
    fn renew(&mut self) {
        self.direction = Direction::Unknown;
        self.pending_roc = None;
        self.cryptex = false;
    }
}

/// Hashes an SSRC with two numbers that nobody outside can know: the upper
/// half of `a * ssrc + b` mod 2^64, as in the table of `callseal_srtp`.
#[derive(Clone)]
pub(crate) struct SsrcHash {
    a: u64,
    b: u64,
}

impl SsrcHash {
    fn new() -> Self {
        let random = RandomState::new();
        Self {
            a: random.hash_one(0) | 1,
            b: random.hash_one(1),
        }
    }
}

impl BuildHasher for SsrcHash {
    type Hasher = SsrcHasher;

    fn build_hasher(&self) -> SsrcHasher {
        let SsrcHash { a, b } = *self;
        SsrcHasher { a, b, state: 0 }
    }
}

pub(crate) struct SsrcHasher {
    a: u64,
    b: u64,
    state: u32,
}

impl Hasher for SsrcHasher {
    #[inline]
    fn write_u32(&mut self, ssrc: u32) {
        let sum = self
            .a
            .wrapping_mul(u64::from(ssrc ^ self.state))
            .wrapping_add(self.b);
        self.state = (sum >> 32) as u32;
    }

    fn write(&mut self, octets: &[u8]) {
        for &octet in octets {
            self.write_u32(octet.into());
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        u64::from(self.state) << 32 | u64::from(self.state)
    }
}
