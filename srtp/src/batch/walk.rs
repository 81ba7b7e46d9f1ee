//! The four walks, as a batch takes them.

use core::convert::Infallible;

use callseal_srtp_crypto::Backend;

use super::{GROUP, Unsettled};
use crate::index::RtcpIndex;
use crate::packet::RtpHeader;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::rtcp::{PlannedIncomingRtcp, PlannedOutgoingRtcp};
use crate::rtp::{OrdinaryRtp, PlannedIncomingRtp, PlannedOutgoingRtp};
use crate::sender::{ProtectError, Sender};
use crate::streams::Place;
use crate::transform::{AllSealed, Jobs, Verdicts};

/// One of the four walks, as a batch takes it.
pub(super) trait Walk {
    type Session;
    type Done;
    type Error;
    /// What steps 1 to 6 found of a packet that is header, payload and tag.
    type Ordinary;
    /// What steps 1 to 6 found.
    type Plan;
    /// What step 7 made of the packets.
    type Outcomes;

    fn backend(session: &Self::Session) -> Backend;

    /// All steps.
    fn walk(
        session: &mut Self::Session,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Self::Done, Self::Error>;

    /// Step 3, where it can be taken by itself: a look at the packet's stream.
    #[inline(always)]
    fn place(_session: &Self::Session, _buf: &[u8]) -> Option<Place> {
        None
    }

    /// Steps 1 to 6 of a packet that has nothing out of the ordinary; `place` is
    /// where its stream is.
    #[inline(always)]
    fn admit(
        _session: &Self::Session,
        _buf: &[u8],
        _len: usize,
        _place: Option<Place>,
    ) -> Option<Self::Ordinary> {
        None
    }

    /// The plan for such a packet; its share of step 7 goes to `jobs`.
    fn plan_ordinary<'a>(
        session: &'a Self::Session,
        buf: &'a mut [u8],
        ordinary: Self::Ordinary,
        jobs: &mut Jobs<'a, GROUP>,
    ) -> Option<Self::Plan>;

    /// Steps 1 to 6 of any other packet; its share of step 7 goes to `jobs`.
    /// `None` where it has to walk alone, and is as it was. `earlier` are the
    /// plans of the same session's packets before it.
    fn plan<'a, 'p>(
        session: &'a Self::Session,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, GROUP>,
        earlier: impl Iterator<Item = &'p Self::Plan>,
    ) -> Option<Self::Plan>
    where
        Self::Plan: 'p;

    /// Step 7.
    fn perform(jobs: &mut Jobs<'_, GROUP>, backend: Backend) -> Self::Outcomes;

    /// Steps 8 and 9 of a packet of a stream that goes on; `None`, and nothing
    /// has happened, of any other.
    #[inline(always)]
    fn settle_near(
        _session: &mut Self::Session,
        _len: usize,
        _plan: &Self::Plan,
        _outcomes: &Self::Outcomes,
    ) -> Option<Self::Done> {
        None
    }

    /// Steps 8 and 9.
    fn settle(
        session: &mut Self::Session,
        buf: &mut [u8],
        len: usize,
        plan: &Self::Plan,
        outcomes: &Self::Outcomes,
    ) -> Result<Self::Done, Unsettled<Self::Error>>;
}

pub(super) struct OutgoingRtp;

impl Walk for OutgoingRtp {
    type Session = Sender;
    type Done = usize;
    type Error = ProtectError;
    type Ordinary = OrdinaryRtp;
    type Plan = PlannedOutgoingRtp;
    type Outcomes = AllSealed;

    #[inline]
    fn backend(session: &Sender) -> Backend {
        session.policy.backend()
    }

    #[inline]
    fn walk(session: &mut Sender, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        session.protect_rtp(buf, len)
    }

    #[inline(always)]
    fn place(session: &Sender, buf: &[u8]) -> Option<Place> {
        session.streams.place(RtpHeader::ssrc_of(buf))
    }

    #[inline(always)]
    fn admit(
        session: &Sender,
        buf: &[u8],
        len: usize,
        place: Option<Place>,
    ) -> Option<OrdinaryRtp> {
        session.admit_ordinary_outgoing_rtp(buf, len, place?)
    }

    #[inline(always)]
    fn plan_ordinary<'a>(
        session: &'a Sender,
        buf: &'a mut [u8],
        ordinary: OrdinaryRtp,
        jobs: &mut Jobs<'a, GROUP>,
    ) -> Option<PlannedOutgoingRtp> {
        session.plan_ordinary_outgoing_rtp(buf, ordinary, jobs)
    }

    #[inline(always)]
    fn plan<'a, 'p>(
        session: &'a Sender,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, GROUP>,
        _: impl Iterator<Item = &'p PlannedOutgoingRtp>,
    ) -> Option<PlannedOutgoingRtp> {
        session.plan_any_outgoing_rtp(buf, len, jobs)
    }

    #[inline]
    fn perform(jobs: &mut Jobs<'_, GROUP>, backend: Backend) -> AllSealed {
        jobs.seal(backend)
    }

    #[inline(always)]
    fn settle_near(
        session: &mut Sender,
        len: usize,
        plan: &PlannedOutgoingRtp,
        outcomes: &AllSealed,
    ) -> Option<usize> {
        session.settle_near_outgoing_rtp(plan, len, outcomes.at(plan.job))
    }

    #[inline(always)]
    fn settle(
        session: &mut Sender,
        buf: &mut [u8],
        len: usize,
        plan: &PlannedOutgoingRtp,
        outcomes: &AllSealed,
    ) -> Result<usize, Unsettled<ProtectError>> {
        session.settle_any_outgoing_rtp(buf, len, plan, outcomes.at(plan.job))
    }
}

pub(super) struct IncomingRtp;

impl Walk for IncomingRtp {
    type Session = Receiver;
    type Done = Unprotected;
    type Error = UnprotectError;
    type Ordinary = OrdinaryRtp;
    type Plan = PlannedIncomingRtp;
    type Outcomes = Verdicts;

    #[inline]
    fn backend(session: &Receiver) -> Backend {
        session.policy.backend()
    }

    #[inline]
    fn walk(
        session: &mut Receiver,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected, UnprotectError> {
        session.unprotect_rtp(buf, len)
    }

    #[inline(always)]
    fn place(session: &Receiver, buf: &[u8]) -> Option<Place> {
        session.streams.place(RtpHeader::ssrc_of(buf))
    }

    #[inline(always)]
    fn admit(
        session: &Receiver,
        buf: &[u8],
        len: usize,
        place: Option<Place>,
    ) -> Option<OrdinaryRtp> {
        session.admit_ordinary_incoming_rtp(buf, len, place?)
    }

    #[inline(always)]
    fn plan_ordinary<'a>(
        session: &'a Receiver,
        buf: &'a mut [u8],
        ordinary: OrdinaryRtp,
        jobs: &mut Jobs<'a, GROUP>,
    ) -> Option<PlannedIncomingRtp> {
        session.plan_ordinary_incoming_rtp(buf, ordinary, jobs)
    }

    #[inline(always)]
    fn plan<'a, 'p>(
        session: &'a Receiver,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, GROUP>,
        _: impl Iterator<Item = &'p PlannedIncomingRtp>,
    ) -> Option<PlannedIncomingRtp> {
        session.plan_any_incoming_rtp(buf, len, jobs)
    }

    #[inline]
    fn perform(jobs: &mut Jobs<'_, GROUP>, backend: Backend) -> Verdicts {
        jobs.open(backend)
    }

    #[inline(always)]
    fn settle_near(
        session: &mut Receiver,
        _len: usize,
        plan: &PlannedIncomingRtp,
        outcomes: &Verdicts,
    ) -> Option<Unprotected> {
        session.settle_ordinary_incoming_rtp(plan, outcomes.at(plan.job)?)
    }

    #[inline(always)]
    fn settle(
        session: &mut Receiver,
        buf: &mut [u8],
        len: usize,
        plan: &PlannedIncomingRtp,
        outcomes: &Verdicts,
    ) -> Result<Unprotected, Unsettled<UnprotectError>> {
        session.settle_any_incoming_rtp(buf, len, plan, outcomes.at(plan.job))
    }
}

pub(super) struct OutgoingRtcp;

impl Walk for OutgoingRtcp {
    type Session = Sender;
    type Done = usize;
    type Error = ProtectError;
    type Ordinary = Infallible;
    type Plan = PlannedOutgoingRtcp;
    type Outcomes = AllSealed;

    #[inline]
    fn backend(session: &Sender) -> Backend {
        session.policy.backend()
    }

    #[inline]
    fn walk(session: &mut Sender, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        session.protect_rtcp(buf, len)
    }

    #[inline(always)]
    fn plan_ordinary<'a>(
        _: &'a Sender,
        _: &'a mut [u8],
        ordinary: Infallible,
        _: &mut Jobs<'a, GROUP>,
    ) -> Option<PlannedOutgoingRtcp> {
        match ordinary {}
    }

    #[inline(always)]
    fn plan<'a, 'p>(
        session: &'a Sender,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, GROUP>,
        earlier: impl Iterator<Item = &'p PlannedOutgoingRtcp>,
    ) -> Option<PlannedOutgoingRtcp> {
        session.plan_outgoing_rtcp(buf, len, jobs, earlier)
    }

    #[inline]
    fn perform(jobs: &mut Jobs<'_, GROUP>, backend: Backend) -> AllSealed {
        jobs.seal(backend)
    }

    #[inline(always)]
    fn settle(
        session: &mut Sender,
        buf: &mut [u8],
        _len: usize,
        plan: &PlannedOutgoingRtcp,
        outcomes: &AllSealed,
    ) -> Result<usize, Unsettled<ProtectError>> {
        session.settle_outgoing_rtcp(buf, plan, outcomes.at(plan.job))
    }
}

pub(super) struct IncomingRtcp;

impl Walk for IncomingRtcp {
    type Session = Receiver;
    type Done = Unprotected<RtcpIndex>;
    type Error = UnprotectError;
    type Ordinary = Infallible;
    type Plan = PlannedIncomingRtcp;
    type Outcomes = Verdicts;

    #[inline]
    fn backend(session: &Receiver) -> Backend {
        session.policy.backend()
    }

    #[inline]
    fn walk(
        session: &mut Receiver,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected<RtcpIndex>, UnprotectError> {
        session.unprotect_rtcp(buf, len)
    }

    #[inline(always)]
    fn plan_ordinary<'a>(
        _: &'a Receiver,
        _: &'a mut [u8],
        ordinary: Infallible,
        _: &mut Jobs<'a, GROUP>,
    ) -> Option<PlannedIncomingRtcp> {
        match ordinary {}
    }

    #[inline(always)]
    fn plan<'a, 'p>(
        session: &'a Receiver,
        buf: &'a mut [u8],
        len: usize,
        jobs: &mut Jobs<'a, GROUP>,
        _: impl Iterator<Item = &'p PlannedIncomingRtcp>,
    ) -> Option<PlannedIncomingRtcp> {
        session.plan_incoming_rtcp(buf, len, jobs)
    }

    #[inline]
    fn perform(jobs: &mut Jobs<'_, GROUP>, backend: Backend) -> Verdicts {
        jobs.open(backend)
    }

    #[inline(always)]
    fn settle(
        session: &mut Receiver,
        buf: &mut [u8],
        len: usize,
        plan: &PlannedIncomingRtcp,
        outcomes: &Verdicts,
    ) -> Result<Unprotected<RtcpIndex>, Unsettled<UnprotectError>> {
        session.settle_incoming_rtcp(buf, len, plan, outcomes.at(plan.job))
    }
}
