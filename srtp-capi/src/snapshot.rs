//! A session's state, to be kept outside of it over a restart.
//!
//! Keys are not part of it: the session is set up with them as it was, and is
//! then given its state. What a sender may use before the next state is stored
//! is reserved beforehand, so that no restore uses an index again.

use callseal_srtp::{PacketIndex, ReceiverSnapshot, Reservation, Sender, SenderSnapshot};
use serde::{Deserialize, Serialize};

use crate::key_set::KeySet;
use crate::session::{Direction, Session, Stream};
use crate::status::Status;

/// What `callseal_srtp_snapshot_t` points to.
pub struct Snapshot {
    state: State,
    octets: Vec<u8>,
}

impl Snapshot {
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// What the octets begin with; another format has another one.
const FORMAT: &[u8; 8] = b"CSSRTP\x00\x01";

#[derive(Serialize, Deserialize)]
struct State {
    template: Option<TemplateState>,
    streams: Vec<StreamState>,
}

#[derive(Serialize, Deserialize)]
struct TemplateState {
    positions: Positions,
    direction: Direction,
    cryptex: bool,
}

#[derive(Serialize, Deserialize)]
struct StreamState {
    ssrc: u32,
    /// None where they are the template's.
    own: Option<Positions>,
    direction: Direction,
    pending_roc: Option<u32>,
    cryptex: bool,
}

/// Where the streams of a [`KeySet`] are.
#[derive(Serialize, Deserialize)]
struct Positions {
    sent: SenderSnapshot,
    received: ReceiverSnapshot,
}

impl Positions {
    fn of(keys: &mut KeySet, reservation: Reservation) -> Self {
        Self {
            sent: keys.sender.snapshot(reservation),
            received: keys.receiver.snapshot(),
        }
    }

    fn restore(&self, keys: &mut KeySet) -> Result<(), Status> {
        let sent = keys.sender.restore(&self.sent);
        sent.map_err(|_| Status::ParseErr)?;
        let received = keys.receiver.restore(&self.received);
        received.map_err(|_| Status::ParseErr)
    }
}

impl Session {
    /// Takes a snapshot. From the first one on nothing is sent but what a
    /// snapshot has reserved that was the first or is [confirmed](Self::confirm).
    pub(crate) fn snapshot(&mut self, reservation: Reservation) -> Result<Snapshot, Status> {
        self.reserves = true;
        let template = self.template.as_mut().map(|template| TemplateState {
            positions: Positions::of(&mut template.keys, reservation),
            direction: template.direction,
            cryptex: template.cryptex,
        });
        let of_template = template.as_ref().map(|of| (of.direction, of.cryptex));
        let (direction, cryptex) = of_template.unwrap_or((Direction::Unknown, false));
        let streams = self.streams.iter_mut().map(|(&ssrc, stream)| {
            let own = stream.own.as_mut();
            StreamState {
                ssrc,
                own: own.map(|keys| Positions::of(keys, reservation)),
                direction: stream.direction,
                pending_roc: stream.pending_roc,
                cryptex: stream.cryptex,
            }
        });
        let streams = streams.chain(self.plain.iter().map(|&ssrc| StreamState {
            ssrc,
            own: None,
            direction,
            pending_roc: None,
            cryptex,
        }));
        let state = State {
            streams: streams.collect(),
            template,
        };
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
        let written = postcard::to_extend(&state, FORMAT.to_vec());
        let mut octets = written.map_err(|_| Status::EncodeErr)?;
        octets.extend(crc.checksum(&octets).to_be_bytes());
        Ok(Snapshot { state, octets })
    }

    /// Says that a snapshot of this session is stored, in the place of all
    /// before it.
    pub(crate) fn confirm(&mut self, snapshot: &Snapshot) {
        let State { template, streams } = &snapshot.state;
        if let (Some(template), Some(state)) = (&mut self.template, template) {
            template.keys.sender.confirm(&state.positions.sent);
        }
        for state in streams {
            let stream = self.streams.get_mut(&state.ssrc);
            let own = stream.and_then(|stream| stream.own.as_mut());
            if let (Some(keys), Some(positions)) = (own, &state.own) {
                keys.sender.confirm(&positions.sent);
            }
        }
    }

    /// Gives a session that has had no packet the state of one with the same
    /// policies.
    pub(crate) fn restore(&mut self, octets: &[u8]) -> Result<(), Status> {
        let state = read(octets).ok_or(Status::ParseErr)?;
        if !self.is_like(&state) {
            return Err(Status::BadParam);
        }
        self.reserve();
        let restored = self.put_in_place(state);
        if restored.is_err() {
            // Half of a state could have indexes used again.
            self.template = None;
            self.streams.clear();
            self.plain.clear();
        }
        restored
    }

    /// Begins a stream that has sent nothing yet at a sequence number, so that
    /// the next snapshot reserves what it sends.
    pub(crate) fn start_stream(&mut self, ssrc: u32, seq: u16) -> Result<(), Status> {
        self.set_apart(ssrc);
        let (Some(stream), template) = (self.streams.get_mut(&ssrc), &mut self.template) else {
            let template = self.template.as_mut().ok_or(Status::NoCtx)?;
            start(&mut template.keys.sender, ssrc, seq)?;
            let mut stream = Stream::from_template(template);
            stream.direction = Direction::Sends;
            self.keep(ssrc, stream);
            return Ok(());
        };
        if stream.direction == Direction::Unknown {
            stream.direction = Direction::Sends;
        }
        let keys = stream.own.as_mut();
        let keys = keys.or(template.as_mut().map(|of| &mut of.keys));
        let sender = &mut keys.ok_or(Status::NoCtx)?.sender;
        if let Some(roc) = stream.pending_roc {
            let set = sender.set_roc(ssrc, roc);
            set.map_err(|_| Status::BadParam)?;
        }
        let started = start(sender, ssrc, seq);
        match started {
            // The sender has it, and reserves with it.
            Ok(()) => stream.pending_roc = None,
            Err(_) if stream.pending_roc.is_some() => sender.take_roc_back(ssrc),
            Err(_) => {}
        }
        started
    }

    /// Whether it could be the session that the state is of, before its first
    /// packet.
    fn is_like(&self, state: &State) -> bool {
        let is_new = |keys: &KeySet| keys.sender.stream_count() + keys.receiver.stream_count() == 0;
        let template = self.template.as_ref();
        let mut own = self.streams.values();
        let has = |stream: &StreamState| {
            let here = self.streams.get(&stream.ssrc);
            here.is_some_and(|here| here.own.is_some()) == stream.own.is_some()
        };
        template.is_none_or(|template| is_new(&template.keys))
            && own.all(|stream| stream.own.as_deref().is_some_and(is_new))
            && template.is_some() == state.template.is_some()
            && state.streams.iter().all(has)
    }

    fn put_in_place(&mut self, state: State) -> Result<(), Status> {
        if let (Some(template), Some(state)) = (&mut self.template, state.template) {
            state.positions.restore(&mut template.keys)?;
            (template.direction, template.cryptex) = (state.direction, state.cryptex);
        }
        for state in state.streams {
            let known = self.streams.remove(&state.ssrc);
            let mut own = known.and_then(|stream| stream.own);
            if let (Some(keys), Some(positions)) = (&mut own, &state.own) {
                positions.restore(keys)?;
            } else if self.template.is_none() {
                return Err(Status::ParseErr);
            }
            let stream = Stream {
                own,
                direction: state.direction,
                pending_roc: state.pending_roc,
                cryptex: state.cryptex,
            };
            self.keep(state.ssrc, stream);
        }
        Ok(())
    }

    /// Has nothing be sent before a snapshot has reserved it.
    fn reserve(&mut self) {
        self.reserves = true;
        let template = self.template.iter_mut().map(|template| &mut template.keys);
        let own = self.streams.values_mut();
        let own = own.filter_map(|stream| stream.own.as_mut());
        for keys in template.chain(own) {
            keys.reserve();
        }
    }
}

impl KeySet {
    /// Has a set without a stream send nothing before a snapshot has reserved
    /// it.
    pub(crate) fn reserve(&mut self) {
        // The first snapshot's reservation is open at once, and here is none.
        let none = Reservation {
            rtp_packets: 0,
            rtcp_packets: 0,
        };
        let _ = self.sender.snapshot(none);
    }
}

/// Begins a stream at a sequence number, with the ROC that it has.
fn start(sender: &mut Sender, ssrc: u32, seq: u16) -> Result<(), Status> {
    let roc = sender.roc(ssrc).unwrap_or(0);
    let started = sender.start_stream(ssrc, PacketIndex::from_parts(roc, seq));
    started.map_err(|_| Status::BadParam)
}

/// `None` where the octets are damaged or of another format.
fn read(octets: &[u8]) -> Option<State> {
    let (octets, checksum) = octets.split_last_chunk::<4>()?;
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    if crc.checksum(octets).to_be_bytes() != *checksum {
        return None;
    }
    let state = octets.strip_prefix(FORMAT)?;
    let (state, rest) = postcard::take_from_bytes(state).ok()?;
    rest.is_empty().then_some(state)
}
