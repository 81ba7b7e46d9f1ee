//! The walk of an SRTCP packet as a batch takes it: planned first, settled
//! after those before it.

use super::{
    AdmittedIncomingRtcp, AdmittedRtcp, GenuineRtcp, IncomingRtcp, OutgoingRtcp, portions,
};
use crate::batch::Unsettled;
use crate::index::RtcpIndex;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::sender::{ProtectError, Sender};
use crate::transform::{Authenticated, JobPlace, Jobs, Sealed};

/// A packet to send that a batch has planned.
#[derive(Debug)]
pub(crate) struct PlannedOutgoingRtcp {
    pub(crate) job: JobPlace,
    outgoing: OutgoingRtcp,
    admitted: AdmittedRtcp,
}

impl Sender {
    /// Steps 1 to 6 of a packet in a batch, as if of those before it only the
    /// `earlier` ones of this sender were there; its share of step 7 goes to
    /// `jobs`. `None`, and the packet as it was, where it is refused or out of
    /// the ordinary: it then walks alone.
    pub(crate) fn plan_outgoing_rtcp<'a, 'p, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, N>,
        earlier: impl Iterator<Item = &'p PlannedOutgoingRtcp>,
    ) -> Option<PlannedOutgoingRtcp> {
        let outgoing = self.read_outgoing_rtcp(buf, len).ok()?;
        let ssrc = outgoing.header.ssrc;
        let place = self.place_in_batch(ssrc)?;
        // A sender counts its SRTCP packets, so each of them takes an index.
        let of_stream = earlier.filter(|plan| plan.outgoing.header.ssrc == ssrc);
        let ahead = u32::try_from(of_stream.count()).ok()?;
        let admitted = self.admit_outgoing_rtcp(place, ahead).ok()?;
        let key = self.keys.at(admitted.key_place);
        let keys = key.held_rtcp(&self.policy, admitted.index)?;

        let carried = self.carried(admitted.index);
        let portions = portions(&outgoing.header, carried, &outgoing.layout);
        portions.check_len().ok()?;
        let packet = &mut buf[..outgoing.layout.len];
        outgoing.dress(packet, key.mki.as_bytes(), carried);
        let job = keys.add_job(packet, &portions, jobs)?;
        Some(PlannedOutgoingRtcp {
            job,
            outgoing,
            admitted,
        })
    }

    /// Steps 8 and 9 of a packet in a batch that was sealed as planned, when
    /// those before it are done. Where they have changed what was planned with,
    /// or one that was counted on was refused, the packet is given back its
    /// plaintext.
    pub(crate) fn settle_outgoing_rtcp(
        &mut self,
        buf: &mut [u8],
        planned: &PlannedOutgoingRtcp,
        sealed: Sealed,
    ) -> Result<usize, Unsettled<ProtectError>> {
        let PlannedOutgoingRtcp {
            outgoing, admitted, ..
        } = planned;
        let place = self.streams.place_again(admitted.place);
        let again = place.and_then(|place| self.admit_outgoing_rtcp(place, 0).ok());
        match again {
            Some(again) if again.is_as(admitted) => {
                Ok(self.commit_outgoing_rtcp(outgoing, again, None, sealed))
            }
            _ => {
                self.unseal_rtcp(buf, planned);
                Err(Unsettled::Otherwise)
            }
        }
    }

    /// Takes back what a plan did to a packet.
    #[cold]
    fn unseal_rtcp(&self, buf: &mut [u8], planned: &PlannedOutgoingRtcp) {
        let PlannedOutgoingRtcp {
            outgoing, admitted, ..
        } = planned;
        let key = self.keys.at(admitted.key_place);
        let drawn = key.rtcp(&self.policy, admitted.index);
        let carried = self.carried(admitted.index);
        let portions = portions(&outgoing.header, carried, &outgoing.layout);
        let packet = &mut buf[..outgoing.layout.len];
        // The tag is the one that was written a moment ago.
        let opened = drawn.open(self.policy.backend(), packet, &portions);
        debug_assert!(opened.is_ok());
    }
}

impl AdmittedRtcp {
    /// Whether the packet is sealed the same way.
    fn is_as(&self, other: &Self) -> bool {
        (self.index, self.key_place) == (other.index, other.key_place)
    }
}

/// A received packet that a batch has planned.
#[derive(Debug)]
pub(crate) struct PlannedIncomingRtcp {
    pub(crate) job: JobPlace,
    incoming: IncomingRtcp,
    admitted: AdmittedIncomingRtcp,
}

impl Receiver {
    /// Steps 1 to 6 of a packet in a batch, as if those before it were not
    /// there; its share of step 7 goes to `jobs`. `None` where it is refused or
    /// out of the ordinary: it then walks alone.
    pub(crate) fn plan_incoming_rtcp<'a, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<PlannedIncomingRtcp> {
        let incoming = self.read_incoming_rtcp(buf, len).ok()?;
        let place = self.streams.place(incoming.header.ssrc)?;
        let packet = &mut buf[..len];
        let admitted = self.admit_incoming_rtcp(packet, &incoming, place).ok()?;
        let key = self.keys.at(admitted.key_place);
        let keys = key.held_rtcp(&self.policy, incoming.carried.index)?;

        let portions = portions(&incoming.header, incoming.carried, &incoming.layout);
        portions.check_len().ok()?;
        let job = keys.add_job(packet, &portions, jobs)?;
        Some(PlannedIncomingRtcp {
            job,
            incoming,
            admitted,
        })
    }

    /// Steps 8 and 9 of a packet in a batch that was judged as planned, when
    /// those before it are done. Where they have changed what was planned with,
    /// the packet is given back its octets.
    pub(crate) fn settle_incoming_rtcp(
        &mut self,
        buf: &mut [u8],
        len: usize,
        planned: &PlannedIncomingRtcp,
        authenticated: Option<Authenticated>,
    ) -> Result<Unprotected<RtcpIndex>, Unsettled<UnprotectError>> {
        let PlannedIncomingRtcp {
            incoming, admitted, ..
        } = planned;
        let place = self.streams.place_again(admitted.place);
        let again = place.and_then(|place| {
            let again = self.admit_incoming_rtcp(&buf[..len], incoming, place);
            again
                .ok()
                .filter(|again| again.key_place == admitted.key_place)
        });
        match (again, authenticated) {
            (Some(admitted), Some(authenticated)) => {
                let genuine = GenuineRtcp {
                    admitted,
                    authenticated,
                    fresh: None,
                };
                Ok(self.commit_incoming_rtcp(incoming, genuine))
            }
            (Some(again), None) => {
                let error = UnprotectError::AuthenticationFailed;
                Err(Unsettled::Refused(self.refuse_rtcp(again.place, error)))
            }
            (None, authenticated) => {
                if authenticated.is_some() {
                    self.reseal_rtcp(&mut buf[..len], planned);
                }
                Err(Unsettled::Otherwise)
            }
        }
    }

    /// Gives a packet that was opened as planned its octets back: sealing it
    /// again makes the very packet that authenticated.
    #[cold]
    fn reseal_rtcp(&self, packet: &mut [u8], planned: &PlannedIncomingRtcp) {
        let PlannedIncomingRtcp {
            incoming, admitted, ..
        } = planned;
        let key = self.keys.at(admitted.key_place);
        let drawn = key.rtcp(&self.policy, incoming.carried.index);
        let portions = portions(&incoming.header, incoming.carried, &incoming.layout);
        let sealed = drawn.seal(self.policy.backend(), packet, &portions);
        debug_assert!(sealed.is_ok());
    }
}
