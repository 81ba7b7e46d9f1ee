//! Many packets of a session in one call.
//!
//! What becomes of each packet is what would become of it alone, in its turn.
//! Packets that need nothing but their keys go through [`callseal_srtp`]'s
//! batches in runs; any other ends the run before it and goes alone.

use core::ops::{Index, IndexMut, Range};
use core::ptr::NonNull;

use callseal_srtp::{
    BatchPacket, ProtectError, Receiver, RtcpIndex, Sender, UnprotectError, Unprotected,
    protect_rtcp_batch, protect_rtp_batch, unprotect_rtcp_batch, unprotect_rtp_batch,
};

use crate::key_set::{KeySet, Protocol};
use crate::lent::Lent;
use crate::packets::{RTCP_HEADER_LEN, RtpHeader, rtcp_ssrc, rtcp_status};
use crate::session::{Direction, Known, Session};
use crate::status::Status;
use crate::types::{PacketOfBatch, event};

/// The most packets that go through the engine at once.
const MAX_RUN: usize = 64;

impl Session {
    /// Protects RTP packets, each as [`protect_rtp`](Self::protect_rtp) does.
    pub(crate) fn protect_rtp_batch(
        &mut self,
        packets: &mut [PacketOfBatch],
    ) -> Result<(), Status> {
        let operation = Operation {
            plan: plan_outgoing_rtp,
            run: |session, run| protect_rtp_batch(&mut Senders(session), run),
            judge: judge_outgoing_rtp,
            alone: |session, packet| session.protect_rtp(packet, None),
        };
        self.batch(packets, &operation)
    }

    /// Protects RTCP packets, each as [`protect_rtcp`](Self::protect_rtcp) does.
    pub(crate) fn protect_rtcp_batch(
        &mut self,
        packets: &mut [PacketOfBatch],
    ) -> Result<(), Status> {
        let operation = Operation {
            plan: plan_outgoing_rtcp,
            run: |session, run| protect_rtcp_batch(&mut Senders(session), run),
            judge: judge_outgoing_rtcp,
            alone: |session, packet| session.protect_rtcp(packet, None),
        };
        self.batch(packets, &operation)
    }

    /// Opens SRTP packets, each as [`unprotect_rtp`](Self::unprotect_rtp) does.
    pub(crate) fn unprotect_rtp_batch(
        &mut self,
        packets: &mut [PacketOfBatch],
    ) -> Result<(), Status> {
        let operation = Operation {
            plan: plan_incoming_rtp,
            run: |session, run| unprotect_rtp_batch(&mut Receivers(session), run),
            judge: judge_incoming_rtp,
            alone: |session, packet| session.unprotect_rtp(packet, false),
        };
        self.batch(packets, &operation)
    }

    /// Opens SRTCP packets, each as [`unprotect_rtcp`](Self::unprotect_rtcp) does.
    pub(crate) fn unprotect_rtcp_batch(
        &mut self,
        packets: &mut [PacketOfBatch],
    ) -> Result<(), Status> {
        let operation = Operation {
            plan: plan_incoming_rtcp,
            run: |session, run| unprotect_rtcp_batch(&mut Receivers(session), run),
            judge: judge_incoming_rtcp,
            alone: |session, packet| session.unprotect_rtcp(packet, false),
        };
        self.batch(packets, &operation)
    }

    /// Gives the status of the first packet that failed, if one did.
    fn batch<R>(
        &mut self,
        packets: &mut [PacketOfBatch],
        operation: &Operation<R>,
    ) -> Result<(), Status> {
        let mut run = Run::with_capacity(packets.len().min(MAX_RUN));
        let mut batch = Batch {
            packets,
            first_failed: None,
        };
        for at in 0..batch.packets.len() {
            let packet = batch.packets[at];
            // SAFETY: the contract of the interface's functions.
            let mut lent = match unsafe { Lent::new(packet.packet, &packet.len) } {
                Ok(lent) => lent,
                Err(status) => {
                    batch.conclude(at, Err(status));
                    continue;
                }
            };
            let plan = (operation.plan)(self, lent.octets(), &mut run.quiet);
            let plan = plan.filter(|plan| run.is_apart_from(&lent.place(plan.trailer_len)));
            if let Some(plan) = plan {
                run.push(Planned { at, plan, lent });
                if run.packets.len() == MAX_RUN {
                    self.finish(&mut run, &mut batch, operation);
                }
            } else {
                self.finish(&mut run, &mut batch, operation);
                let result = (operation.alone)(self, &mut lent);
                batch.conclude(at, result);
            }
        }
        self.finish(&mut run, &mut batch, operation);
        batch.first_failed.map_or(Ok(()), |(_, status)| Err(status))
    }

    /// Has the engine take a run, which is empty then.
    fn finish<R>(&mut self, run: &mut Run, batch: &mut Batch<'_>, operation: &Operation<R>) {
        let together = run.packets.iter_mut().map(|planned| {
            let len = planned.lent.len();
            // SAFETY: this is what the trailer functions say; no packet of a
            // run shares an octet with another.
            let room = unsafe { planned.lent.room(planned.plan.trailer_len) };
            BatchPacket::new(planned.plan.ssrc as usize, room, len)
        });
        let mut together: Vec<_> = together.collect();
        (operation.run)(self, &mut together);
        let results: Vec<_> = together.into_iter().map(|packet| packet.result).collect();
        for (planned, result) in run.take().zip(results) {
            let result = match result {
                Some(result) => (operation.judge)(self, planned.plan.ssrc, result),
                None => Err(Status::Fail),
            };
            batch.conclude(planned.at, result);
        }
    }

    fn known_of(&self, ssrc: u32, direction: Direction) -> Option<Known<'_>> {
        let known = self.known(ssrc)?;
        (known.direction == direction).then_some(known)
    }

    /// The keys of a stream that is known.
    fn keys_by_ssrc(&mut self, ssrc: u32) -> Option<&mut KeySet> {
        let own = self.streams.get_mut(&ssrc).map(|stream| &mut stream.own);
        match own {
            Some(Some(own)) => Some(own),
            _ => self.template.as_mut().map(|template| &mut *template.keys),
        }
    }
}

/// A batch, and which of its packets failed first.
struct Batch<'a> {
    packets: &'a mut [PacketOfBatch],
    first_failed: Option<(usize, Status)>,
}

impl Batch<'_> {
    fn conclude(&mut self, at: usize, result: Result<usize, Status>) {
        let packet = &mut self.packets[at];
        match result.and_then(|len| len.try_into().map_err(|_| Status::Fail)) {
            Ok(len) => (packet.len, packet.status) = (len, Status::Ok as u32),
            Err(status) => {
                packet.status = status as u32;
                if self.first_failed.is_none_or(|(first, _)| at < first) {
                    self.first_failed = Some((at, status));
                }
            }
        }
    }
}

/// One of the four things that are done to a batch.
struct Operation<R> {
    /// Whose packet it is, where it needs nothing but its keys.
    plan: fn(&Session, &[u8], &mut Quiet) -> Option<Plan>,
    run: fn(&mut Session, &mut [BatchPacket<'_, R>]),
    /// What the engine's result is to C, and to the session.
    judge: fn(&mut Session, u32, R) -> Result<usize, Status>,
    alone: fn(&mut Session, &mut Lent) -> Result<usize, Status>,
}

#[derive(Clone, Copy)]
struct Plan {
    ssrc: u32,
    trailer_len: usize,
}

/// A packet of a run, and its number in the batch.
struct Planned {
    at: usize,
    plan: Plan,
    lent: Lent,
}

impl Planned {
    fn place(&self) -> Range<usize> {
        self.lent.place(self.plan.trailer_len)
    }
}

/// Packets that go through the engine together.
struct Run {
    /// No two of them share an octet.
    packets: Vec<Planned>,
    /// From the first octet of any of them to the last: packets in the order of
    /// their buffers are found apart by it alone.
    span: Range<usize>,
    quiet: Quiet,
}

impl Run {
    fn with_capacity(packets: usize) -> Self {
        Self {
            packets: Vec::with_capacity(packets),
            span: 0..0,
            quiet: Quiet::default(),
        }
    }

    fn is_apart_from(&self, place: &Range<usize>) -> bool {
        let mut places = self.packets.iter().map(Planned::place);
        are_apart(&self.span, place) || places.all(|before| are_apart(&before, place))
    }

    fn push(&mut self, planned: Planned) {
        let place = planned.place();
        self.span = match self.packets.is_empty() {
            true => place,
            false => self.span.start.min(place.start)..self.span.end.max(place.end),
        };
        self.packets.push(planned);
    }

    /// Hands its packets out, and begins another.
    fn take(&mut self) -> impl Iterator<Item = Planned> {
        self.quiet = Quiet::default();
        self.packets.drain(..)
    }
}

fn are_apart(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// The keys that were last asked for their next event, where no packet of this
/// run brings it: the packets of a run mostly have the same.
#[derive(Default)]
struct Quiet(Option<NonNull<KeySet>>);

impl Quiet {
    /// Whether no packet of a run brings the next event of `keys`, which would
    /// be the event of the packet that brought it. The keys are asked again in
    /// the next run, and stay where they are in this one.
    fn holds(&mut self, keys: &KeySet, packets_before_event: impl FnOnce(&KeySet) -> u64) -> bool {
        let place = Some(NonNull::from(keys));
        if self.0 != place {
            if packets_before_event(keys) <= MAX_RUN as u64 {
                return false;
            }
            self.0 = place;
        }
        true
    }
}

fn plan_outgoing_rtp(session: &Session, packet: &[u8], quiet: &mut Quiet) -> Option<Plan> {
    let header = RtpHeader::read(packet)?;
    let known = session.known_of(header.ssrc, Direction::Sends)?;
    let keys = known.keys;
    let hides = known.cryptex && keys.hides_headers;
    let hides_csrcs_alone = hides && header.has_csrcs && !header.has_extension;
    let is_plain = known.pending_roc.is_none()
        && keys.rtp_auth.is_empty()
        && keys.is_ready_to_send(hides)
        && quiet.holds(keys, |keys| keys.sender.packets_before_event())
        && !hides_csrcs_alone;
    is_plain.then(|| Plan {
        ssrc: header.ssrc,
        trailer_len: keys.trailers.len(Protocol::Rtp),
    })
}

fn plan_outgoing_rtcp(session: &Session, packet: &[u8], quiet: &mut Quiet) -> Option<Plan> {
    let ssrc = rtcp_ssrc(packet)?;
    let keys = session.known_of(ssrc, Direction::Sends)?.keys;
    let is_plain = keys.rtcp_auth.is_empty()
        && keys.sends_with_first()
        && quiet.holds(keys, |keys| keys.sender.packets_before_event());
    is_plain.then(|| Plan {
        ssrc,
        trailer_len: keys.trailers.len(Protocol::Rtcp),
    })
}

fn plan_incoming_rtp(session: &Session, packet: &[u8], quiet: &mut Quiet) -> Option<Plan> {
    let ssrc = RtpHeader::read(packet)?.ssrc;
    let known = session.known_of(ssrc, Direction::Receives)?;
    let is_plain = known.pending_roc.is_none()
        && known.keys.rtp_auth.is_empty()
        && known.keys.is_ready_to_receive(known.cryptex)
        && quiet.holds(known.keys, |keys| keys.receiver.packets_before_event());
    is_plain.then_some(Plan {
        ssrc,
        trailer_len: 0,
    })
}

fn plan_incoming_rtcp(session: &Session, packet: &[u8], quiet: &mut Quiet) -> Option<Plan> {
    let ssrc = rtcp_ssrc(packet)?;
    let keys = session.known_of(ssrc, Direction::Receives)?.keys;
    let is_plain = keys.rtcp_auth.is_empty()
        && keys.receives_with_first()
        && quiet.holds(keys, |keys| keys.receiver.packets_before_event())
        && packet.len() >= RTCP_HEADER_LEN + keys.trailers.len(Protocol::Rtcp);
    is_plain.then_some(Plan {
        ssrc,
        trailer_len: 0,
    })
}

fn judge_outgoing_rtp(
    session: &mut Session,
    ssrc: u32,
    sealed: Result<usize, ProtectError>,
) -> Result<usize, Status> {
    if let Err(ProtectError::KeySpent | ProtectError::IndexExhausted) = sealed {
        session.events.push((ssrc, event::KEY_HARD_LIMIT));
    }
    Ok(sealed?)
}

fn judge_outgoing_rtcp(
    _: &mut Session,
    _: u32,
    sealed: Result<usize, ProtectError>,
) -> Result<usize, Status> {
    Ok(sealed?)
}

fn judge_incoming_rtp(
    session: &mut Session,
    ssrc: u32,
    opened: Result<Unprotected, UnprotectError>,
) -> Result<usize, Status> {
    let opened = opened.map_err(Status::from);
    if let Err(Status::KeyExpired) = opened {
        session.events.push((ssrc, event::KEY_HARD_LIMIT));
    }
    Ok(opened?.len)
}

fn judge_incoming_rtcp(
    _: &mut Session,
    _: u32,
    opened: Result<Unprotected<RtcpIndex>, UnprotectError>,
) -> Result<usize, Status> {
    Ok(opened.map_err(rtcp_status)?.len)
}

/// The senders of a session by SSRC.
struct Senders<'a>(&'a mut Session);

/// Its receivers by SSRC.
struct Receivers<'a>(&'a mut Session);

const NOT_PLANNED: &str = "a run has packets of known streams alone";

impl Index<usize> for Senders<'_> {
    type Output = Sender;

    fn index(&self, ssrc: usize) -> &Sender {
        &keys_at(self.0, ssrc).sender
    }
}

impl IndexMut<usize> for Senders<'_> {
    fn index_mut(&mut self, ssrc: usize) -> &mut Sender {
        &mut keys_at_mut(self.0, ssrc).sender
    }
}

impl Index<usize> for Receivers<'_> {
    type Output = Receiver;

    fn index(&self, ssrc: usize) -> &Receiver {
        &keys_at(self.0, ssrc).receiver
    }
}

impl IndexMut<usize> for Receivers<'_> {
    fn index_mut(&mut self, ssrc: usize) -> &mut Receiver {
        &mut keys_at_mut(self.0, ssrc).receiver
    }
}

fn keys_at(session: &Session, ssrc: usize) -> &KeySet {
    let known = session.known(ssrc as u32);
    known.expect(NOT_PLANNED).keys
}

fn keys_at_mut(session: &mut Session, ssrc: usize) -> &mut KeySet {
    session.keys_by_ssrc(ssrc as u32).expect(NOT_PLANNED)
}

#[cfg(test)]
#[allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the tests play the part of a C program"
)]
mod tests {
    use callseal_srtp::Reservation;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::exports::policies::srtp_crypto_policy_set_rtp_default;
    use crate::stream_policy::StreamPolicy;
    use crate::types::{CryptoPolicy, Policy, Ssrc, ssrc_type};

    /// RFC 3711 §9.2's 2^48 and 2^31, of which seven eighths are the warning's.
    const WARNING: Used = Used {
        mki: Vec::new(),
        rtp: (1 << 48) / 8 * 7,
        rtcp: (1 << 31) / 8 * 7,
    };

    #[derive(Clone, Serialize)]
    struct Used {
        mki: Vec<u8>,
        rtp: u64,
        rtcp: u64,
    }

    /// A snapshot without a stream, of one key that was used so often.
    fn snapshot<S: DeserializeOwned>(used: &Used) -> S {
        let (no_streams, keys) = (Vec::<u8>::new(), [used].to_vec());
        let octets = postcard::to_extend(&(no_streams, keys), Vec::new()).unwrap();
        postcard::from_bytes(&octets).unwrap()
    }

    fn session(kind: u32) -> Session {
        let (mut session, mut crypto) = (Session::new(), CryptoPolicy::default());
        let mut key = [7; 64];
        let policy = unsafe {
            srtp_crypto_policy_set_rtp_default(&mut crypto);
            StreamPolicy::read(&Policy {
                ssrc: Ssrc { kind, value: 0 },
                rtp: crypto,
                rtcp: crypto,
                key: key.as_mut_ptr(),
                keys: core::ptr::null_mut(),
                num_master_keys: 0,
                deprecated_ekt: core::ptr::null_mut(),
                window_size: 0,
                allow_repeat_tx: 0,
                enc_xtn_hdr: core::ptr::null_mut(),
                enc_xtn_hdr_count: 0,
                next: core::ptr::null_mut(),
            })
        };
        session.add(policy.unwrap()).unwrap();
        session
    }

    fn keys(session: &mut Session) -> &mut KeySet {
        &mut session.template.as_mut().unwrap().keys
    }

    /// One whose key has been used so often, and which may send 1,000 packets.
    fn sender(used: &Used) -> Session {
        let mut session = session(ssrc_type::ANY_OUTBOUND);
        let sender = &mut keys(&mut session).sender;
        sender.restore(&snapshot(used)).unwrap();
        for ssrc in 0..3 {
            session.start_stream(ssrc, 0).unwrap();
        }
        let taken = session.snapshot(Reservation {
            rtp_packets: 1_000,
            rtcp_packets: 1_000,
        });
        session.confirm(&taken.unwrap());
        session
    }

    fn receiver(used: &Used) -> Session {
        let mut session = session(ssrc_type::ANY_INBOUND);
        let receiver = &mut keys(&mut session).receiver;
        receiver.restore(&snapshot(used)).unwrap();
        session
    }

    type Entry = fn(&mut Session, &mut [PacketOfBatch]) -> Result<(), Status>;

    /// The events that packets of `len` octets bring in batches of so many.
    fn told(
        mut session: Session,
        entry: Entry,
        packets: &mut [[u8; 64]],
        (len, at_once): (i32, usize),
    ) -> Vec<(u32, core::ffi::c_uint)> {
        for batch in packets.chunks_mut(at_once) {
            let batch = batch.iter_mut().map(|packet| PacketOfBatch {
                packet: packet.as_mut_ptr().cast(),
                len,
                status: 77,
            });
            let mut batch: Vec<_> = batch.collect();
            entry(&mut session, &mut batch).unwrap();
        }
        session.events
    }

    fn rtp(n: u16) -> [u8; 64] {
        let mut packet = [0x80; 64];
        packet[2..4].copy_from_slice(&n.to_be_bytes());
        packet[8..12].copy_from_slice(&u32::from(n % 3).to_be_bytes());
        packet
    }

    fn rtcp(n: u16) -> [u8; 64] {
        let mut packet = [0x80; 64];
        packet[..4].copy_from_slice(&[0x80, 201, 0, 7]);
        packet[4..8].copy_from_slice(&u32::from(n % 3).to_be_bytes());
        packet
    }

    #[test]
    fn a_warning_names_the_stream_whose_packet_brings_it() {
        let to_rtp: [Entry; 2] = [Session::protect_rtp_batch, Session::unprotect_rtp_batch];
        let to_rtcp: [Entry; 2] = [Session::protect_rtcp_batch, Session::unprotect_rtcp_batch];
        for before in [1_u16, 2, 3, 61, 64, 65, 130, 149] {
            let expected = [(u32::from((before - 1) % 3), event::KEY_SOFT_LIMIT)];
            let near_rtp = Used {
                rtp: WARNING.rtp - u64::from(before),
                rtcp: 0,
                ..WARNING
            };
            let near_rtcp = Used {
                rtcp: WARNING.rtcp - u64::from(before),
                rtp: 0,
                ..WARNING
            };
            for at_once in [1, 150] {
                for (near, [protect, unprotect], packet, [len, sealed_len]) in [
                    (&near_rtp, to_rtp, rtp as fn(u16) -> [u8; 64], [40, 50]),
                    (&near_rtcp, to_rtcp, rtcp, [32, 46]),
                ] {
                    let mut packets: Vec<_> = (0..150).map(packet).collect();
                    let sent = told(sender(near), protect, &mut packets, (len, at_once));
                    assert_eq!(sent, expected, "{before} packets, {at_once} at once");
                    let receiver = receiver(near);
                    let opened = told(receiver, unprotect, &mut packets, (sealed_len, at_once));
                    assert_eq!(opened, expected, "{before} packets, {at_once} at once");
                }
            }
        }
    }
}
