//! The walk of an SRTP packet as a batch takes it: planned first, settled
//! after those before it.

use super::{AdmittedIncomingRtp, AdmittedRtp, GenuineRtp, IncomingRtp, OrdinaryRtp, OutgoingRtp};
use crate::batch::Unsettled;
use crate::cryptex;
use crate::index::PacketIndex;
use crate::packet::RtpHeader;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::sender::{ProtectError, Sender};
use crate::streams::Place;
use crate::transform::{Authenticated, JobPlace, Jobs, Sealed};

/// A packet to send that a batch has planned.
#[derive(Debug)]
pub(crate) struct PlannedOutgoingRtp {
    pub(crate) job: JobPlace,
    place: Place,
    index: PacketIndex,
    key_place: usize,
    /// The mark of its extension, where that was changed.
    undressed: Option<u16>,
    protected_len: usize,
}

impl PlannedOutgoingRtp {
    /// Whether the packet is to be sealed as it was planned.
    #[inline]
    fn seals_as(&self, again: &AdmittedRtp) -> bool {
        (self.index, self.key_place) == (again.index, again.key_place)
    }
}

impl Sender {
    /// The plan for an ordinary packet of a batch, which is as if those before it
    /// were not there; its
    /// share of step 7 goes to `jobs`. `None`, and the packet as it was, where it
    /// is refused: it then walks alone.
    #[inline(always)]
    pub(crate) fn plan_ordinary_outgoing_rtp<'a, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        ordinary: OrdinaryRtp,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<PlannedOutgoingRtp> {
        let OrdinaryRtp {
            place,
            index,
            key_place,
            protected_len,
            ..
        } = ordinary;
        let keys = self.keys.at(key_place).held_rtp(&self.policy, index)?;
        let job = ordinary.add_job(&keys.transform, buf, jobs)?;
        Some(PlannedOutgoingRtp {
            job,
            place,
            index,
            key_place,
            undressed: None,
            protected_len,
        })
    }

    /// Steps 1 to 6 of any packet of a batch; its share of step 7 goes to `jobs`.
    /// `None`, and the packet as it was, where it is refused or walks alone.
    #[inline(never)]
    pub(crate) fn plan_any_outgoing_rtp<'a, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<PlannedOutgoingRtp> {
        let outgoing = self.read_outgoing_rtp(buf, len).ok()?;
        let place = self.place_in_batch(outgoing.header.ssrc)?;
        let admitted = self.admit_outgoing_rtp(place, outgoing.header.seq).ok()?;
        let key = self.keys.at(admitted.key_place);
        let keys = key.held_rtp(&self.policy, admitted.index)?;

        let portions = outgoing.portions(&self.policy, admitted.index);
        let alone = !portions.in_one_piece() || outgoing.has_elements_to_encrypt(&self.policy);
        if alone || portions.check_len().is_err() {
            return None;
        }
        let packet = &mut buf[..outgoing.layout.len];
        outgoing.dress(packet, key.mki.as_bytes(), admitted.index);
        let job = keys.transform.add_job(packet, &portions, jobs)?;
        Some(PlannedOutgoingRtp {
            job,
            place,
            index: admitted.index,
            key_place: admitted.key_place,
            undressed: outgoing.undressed(),
            protected_len: outgoing.layout.len,
        })
    }

    /// Steps 8 and 9 of a packet in a batch that was sealed as planned, when
    /// those before it are done: steps 4 to 6 again where the stream goes on.
    /// `None`, and nothing has happened, where they may come out otherwise.
    #[inline(always)]
    pub(crate) fn settle_near_outgoing_rtp(
        &mut self,
        planned: &PlannedOutgoingRtp,
        len: usize,
        sealed: Sealed,
    ) -> Option<usize> {
        let &PlannedOutgoingRtp {
            place,
            index,
            key_place,
            protected_len,
            ..
        } = planned;
        // The same index of a stream that was known leads to the same key, and
        // is as far below the end of what is reserved.
        if self.keys.at(key_place).is_spent() {
            return None;
        }
        let stream = self.streams.settle_known(place)?;
        let candidate = stream.rtp.check_near(index)?;
        self.keys.commit_rtp(key_place, None);
        stream.commit_rtp(Some(candidate), sealed, len);
        Some(protected_len)
    }

    /// The same with steps 3 to 6 in full. Where they come out otherwise than
    /// planned, the packet is given back its plaintext.
    #[inline(never)]
    pub(crate) fn settle_any_outgoing_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
        planned: &PlannedOutgoingRtp,
        sealed: Sealed,
    ) -> Result<usize, Unsettled<ProtectError>> {
        let place = self.streams.place_again(planned.place);
        let again = place.and_then(|place| {
            let again = self.admit_outgoing_rtp(place, planned.index.seq());
            again.ok().filter(|again| planned.seals_as(again))
        });
        match again {
            Some(admitted) => {
                self.commit_outgoing_rtp(admitted, None, sealed, len);
                Ok(planned.protected_len)
            }
            None => {
                self.unseal_rtp(buf, len, planned);
                Err(Unsettled::Otherwise)
            }
        }
    }

    /// Takes back what a plan did to a packet.
    #[cold]
    fn unseal_rtp(&self, buf: &mut [u8], len: usize, planned: &PlannedOutgoingRtp) {
        // The header is in clear but for what Cryptex put in the mark's place.
        if let (Some(mark), Ok(header)) = (planned.undressed, RtpHeader::parse(&buf[..len])) {
            cryptex::put_mark(buf, &header, mark);
        }
        let Ok(outgoing) = self.read_outgoing_rtp(buf, len) else {
            return;
        };
        let packet = &mut buf[..outgoing.layout.len];
        outgoing.cryptex.perform(packet, &outgoing.header, len);
        let drawn = self
            .keys
            .at(planned.key_place)
            .rtp(&self.policy, planned.index);
        let portions = outgoing.portions(&self.policy, planned.index);
        // The tag is the one that was written a moment ago.
        let opened = drawn
            .transform
            .open(self.policy.backend(), packet, &portions);
        debug_assert!(opened.is_ok());
        if let Some(mark) = planned.undressed {
            cryptex::put_mark(packet, &outgoing.header, mark);
        }
    }
}

impl OutgoingRtp {
    /// The mark that [`dress`](Self::dress) writes over, in a packet that does
    /// not grow.
    #[inline]
    fn undressed(&self) -> Option<u16> {
        let extension = self.header.extension?;
        let marked = self.cryptex.hides_header();
        marked.then_some(extension.defined_by_profile)
    }
}

/// A received packet that a batch has planned.
#[derive(Debug)]
pub(crate) struct PlannedIncomingRtp {
    pub(crate) job: JobPlace,
    place: Place,
    index: PacketIndex,
    key_place: usize,
    parts: Parts,
}

/// What was found of a received packet by itself.
#[derive(Debug)]
enum Parts {
    /// Header, encrypted payload and tag, and where the payload ends: in a batch
    /// what is written down of a packet costs as much as finding it.
    Ordinary {
        payload_end: usize,
    },
    Any(IncomingRtp),
}

impl PlannedIncomingRtp {
    /// Whether the packet is to be opened as it was planned.
    #[inline]
    fn opens_as(&self, again: &AdmittedIncomingRtp) -> bool {
        (self.index, self.key_place) == (again.index, again.key_place)
    }
}

impl Receiver {
    /// The plan for a packet of a batch that is header, payload and tag; its
    /// share of step 7 goes to `jobs`. `None` where it walks alone.
    #[inline(always)]
    pub(crate) fn plan_ordinary_incoming_rtp<'a, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        ordinary: OrdinaryRtp,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<PlannedIncomingRtp> {
        let OrdinaryRtp {
            place,
            index,
            key_place,
            tag_len,
            protected_len,
            ..
        } = ordinary;
        let keys = self.keys.at(key_place).held_rtp(&self.policy, index)?;
        let job = ordinary.add_job(&keys.transform, buf, jobs)?;
        Some(PlannedIncomingRtp {
            job,
            place,
            index,
            key_place,
            parts: Parts::Ordinary {
                payload_end: protected_len - tag_len,
            },
        })
    }

    /// Steps 1 to 6 of any packet of a batch; its share of step 7 goes to `jobs`.
    /// `None` where it is refused or walks alone.
    #[inline(never)]
    pub(crate) fn plan_any_incoming_rtp<'a, const N: usize>(
        &'a self,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, N>,
    ) -> Option<PlannedIncomingRtp> {
        let incoming = self.read_incoming_rtp(buf, len).ok()?;
        let place = self.streams.place(incoming.header.ssrc)?;
        let packet = &mut buf[..len];
        let estimated = self.estimate_rtp(packet, &incoming, place).ok()?;
        let mki = &packet[incoming.layout.mki()];
        let admitted = self.admit_incoming_rtp(mki, place, estimated).ok()?;
        let key = self.keys.at(admitted.key_place);
        let keys = key.held_rtp(&self.policy, admitted.index)?;

        let portions = incoming.portions(&self.policy, admitted.index);
        if incoming.has_elements_to_decrypt(&self.policy) || portions.check_len().is_err() {
            return None;
        }
        let job = keys.transform.add_job(packet, &portions, jobs)?;
        Some(PlannedIncomingRtp {
            job,
            place,
            index: admitted.index,
            key_place: admitted.key_place,
            parts: Parts::Any(incoming),
        })
    }

    /// Steps 8 and 9 of an ordinary packet in a batch that was judged as
    /// planned, when those before it are done: steps 4 to 6 again where the
    /// stream goes on. `None`, and nothing has happened, where they may come out
    /// otherwise or the packet is not ordinary.
    #[inline(always)]
    pub(crate) fn settle_ordinary_incoming_rtp(
        &mut self,
        planned: &PlannedIncomingRtp,
        authenticated: Authenticated,
    ) -> Option<Unprotected> {
        let &PlannedIncomingRtp {
            place,
            index,
            key_place,
            parts: Parts::Ordinary { payload_end },
            ..
        } = planned
        else {
            return None;
        };
        // The same index leads to the same key.
        if self.keys.at(key_place).is_spent() {
            return None;
        }
        let stream = self.streams.settle_known(place)?;
        let candidate = stream.rtp.check_near(index)?;
        self.keys.commit_rtp(key_place, None);
        stream.commit_rtp(candidate, authenticated, payload_end);
        Some(Unprotected::without_mki(place.ssrc(), index, payload_end))
    }

    /// Steps 8 and 9 of any packet in a batch that was judged as planned, when
    /// those before it are done, with steps 3 to 6 in full. Where they come out
    /// otherwise than planned, the packet is given back its octets.
    #[inline(never)]
    pub(crate) fn settle_any_incoming_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
        planned: &PlannedIncomingRtp,
        authenticated: Option<Authenticated>,
    ) -> Result<Unprotected, Unsettled<UnprotectError>> {
        let read;
        let incoming = match &planned.parts {
            Parts::Any(incoming) => incoming,
            // Its header is in clear before and after.
            Parts::Ordinary { .. } => {
                read = self.read_incoming_rtp(buf, len);
                match &read {
                    Ok(incoming) => incoming,
                    Err(_) => return Err(Unsettled::Otherwise),
                }
            }
        };
        let again = self.admit_incoming_again(&buf[..len], planned, incoming);
        match (again, authenticated) {
            (Some(admitted), Some(authenticated)) => {
                incoming.undress(buf);
                let genuine = GenuineRtp {
                    admitted,
                    authenticated,
                    fresh: None,
                };
                Ok(self.commit_incoming_rtp(incoming, genuine))
            }
            (Some(again), None) if !self.tries_neighbours(incoming) => {
                let error = UnprotectError::AuthenticationFailed;
                Err(Unsettled::Refused(self.refuse_rtp(again.place, error)))
            }
            (_, authenticated) => {
                if authenticated.is_some() {
                    self.reseal_rtp(&mut buf[..len], planned, incoming);
                }
                Err(Unsettled::Otherwise)
            }
        }
    }

    /// Steps 3 to 6 again; `None` where they come out otherwise.
    fn admit_incoming_again(
        &self,
        packet: &[u8],
        planned: &PlannedIncomingRtp,
        incoming: &IncomingRtp,
    ) -> Option<AdmittedIncomingRtp> {
        let place = self.streams.place_again(planned.place)?;
        let estimated = self.estimate_rtp(packet, incoming, place).ok()?;
        let mki = &packet[incoming.layout.mki()];
        let again = self.admit_incoming_rtp(mki, place, estimated);
        again.ok().filter(|again| planned.opens_as(again))
    }

    /// Gives a packet that was opened as planned its octets back: sealing it
    /// again makes the very packet that authenticated.
    #[cold]
    fn reseal_rtp(&self, packet: &mut [u8], planned: &PlannedIncomingRtp, incoming: &IncomingRtp) {
        let drawn = self
            .keys
            .at(planned.key_place)
            .rtp(&self.policy, planned.index);
        let portions = incoming.portions(&self.policy, planned.index);
        let sealed = drawn
            .transform
            .seal(self.policy.backend(), packet, &portions);
        debug_assert!(sealed.is_ok());
    }
}
