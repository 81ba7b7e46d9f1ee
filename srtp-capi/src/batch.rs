//! Many packets of a session in one call.
//!
//! What becomes of each packet is what would become of it alone, in its turn.
//! Packets that need nothing but their keys go through [`callseal_srtp`]'s
//! batches in runs; any other ends the run before it and goes alone.

use core::ops::{Index, IndexMut, Range};

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
        let mut run: Vec<Planned> = Vec::with_capacity(packets.len().min(MAX_RUN));
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
            let plan = (operation.plan)(self, lent.octets());
            let plan = plan.filter(|plan| {
                let place = lent.place(plan.trailer_len);
                run.iter().all(|before| before.is_apart_from(&place))
            });
            if let Some(plan) = plan {
                run.push(Planned { at, plan, lent });
                if run.len() == MAX_RUN {
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
    fn finish<R>(
        &mut self,
        run: &mut Vec<Planned>,
        batch: &mut Batch<'_>,
        operation: &Operation<R>,
    ) {
        let together = run.iter_mut().map(|planned| {
            let len = planned.lent.len();
            // SAFETY: this is what the trailer functions say; no packet of a
            // run shares an octet with another.
            let room = unsafe { planned.lent.room(planned.plan.trailer_len) };
            BatchPacket::new(planned.plan.ssrc as usize, room, len)
        });
        let mut together: Vec<_> = together.collect();
        (operation.run)(self, &mut together);
        let results: Vec<_> = together.into_iter().map(|packet| packet.result).collect();
        for (planned, result) in run.drain(..).zip(results) {
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

    fn tell_of_soft_limit(&mut self, ssrc: u32, direction: Direction) {
        let event = self.keys_by_ssrc(ssrc).and_then(|keys| match direction {
            Direction::Sends => keys.sender.poll_event(),
            _ => keys.receiver.poll_event(),
        });
        if event.is_some() {
            self.events.push((ssrc, event::KEY_SOFT_LIMIT));
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
    plan: fn(&Session, &[u8]) -> Option<Plan>,
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
    fn is_apart_from(&self, place: &Range<usize>) -> bool {
        let own = self.lent.place(self.plan.trailer_len);
        own.end <= place.start || place.end <= own.start
    }
}

fn plan_outgoing_rtp(session: &Session, packet: &[u8]) -> Option<Plan> {
    let header = RtpHeader::read(packet)?;
    let known = session.known_of(header.ssrc, Direction::Sends)?;
    let keys = known.keys;
    let hides_csrcs_alone = known.cryptex && header.has_csrcs && !header.has_extension;
    let is_plain = known.pending_roc.is_none()
        && keys.rtp_auth.is_empty()
        && keys.is_ready_to_send(known.cryptex)
        && !hides_csrcs_alone;
    is_plain.then(|| Plan {
        ssrc: header.ssrc,
        trailer_len: keys.trailers.len(Protocol::Rtp),
    })
}

fn plan_outgoing_rtcp(session: &Session, packet: &[u8]) -> Option<Plan> {
    let ssrc = rtcp_ssrc(packet)?;
    let keys = session.known_of(ssrc, Direction::Sends)?.keys;
    let is_plain = keys.rtcp_auth.is_empty() && keys.sends_with_first();
    is_plain.then(|| Plan {
        ssrc,
        trailer_len: keys.trailers.len(Protocol::Rtcp),
    })
}

fn plan_incoming_rtp(session: &Session, packet: &[u8]) -> Option<Plan> {
    let ssrc = RtpHeader::read(packet)?.ssrc;
    let known = session.known_of(ssrc, Direction::Receives)?;
    let is_plain = known.pending_roc.is_none()
        && known.keys.rtp_auth.is_empty()
        && known.keys.is_ready_to_receive(known.cryptex);
    is_plain.then_some(Plan {
        ssrc,
        trailer_len: 0,
    })
}

fn plan_incoming_rtcp(session: &Session, packet: &[u8]) -> Option<Plan> {
    let ssrc = rtcp_ssrc(packet)?;
    let keys = session.known_of(ssrc, Direction::Receives)?.keys;
    let is_plain = keys.rtcp_auth.is_empty()
        && keys.receives_with_first()
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
    match sealed {
        Ok(_) => session.tell_of_soft_limit(ssrc, Direction::Sends),
        Err(ProtectError::KeySpent | ProtectError::IndexExhausted) => {
            session.events.push((ssrc, event::KEY_HARD_LIMIT));
        }
        Err(_) => {}
    }
    Ok(sealed?)
}

fn judge_outgoing_rtcp(
    session: &mut Session,
    ssrc: u32,
    sealed: Result<usize, ProtectError>,
) -> Result<usize, Status> {
    let len = sealed?;
    session.tell_of_soft_limit(ssrc, Direction::Sends);
    Ok(len)
}

fn judge_incoming_rtp(
    session: &mut Session,
    ssrc: u32,
    opened: Result<Unprotected, UnprotectError>,
) -> Result<usize, Status> {
    let opened = opened.map_err(Status::from);
    match opened {
        Ok(_) => session.tell_of_soft_limit(ssrc, Direction::Receives),
        Err(Status::KeyExpired) => session.events.push((ssrc, event::KEY_HARD_LIMIT)),
        Err(_) => {}
    }
    Ok(opened?.len)
}

fn judge_incoming_rtcp(
    session: &mut Session,
    ssrc: u32,
    opened: Result<Unprotected<RtcpIndex>, UnprotectError>,
) -> Result<usize, Status> {
    let opened = opened.map_err(rtcp_status)?;
    session.tell_of_soft_limit(ssrc, Direction::Receives);
    Ok(opened.len)
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
