//! Many packets at a time: of any streams, sizes and profiles, and so of any
//! sessions.
//!
//! Steps 1 to 6 of the walk are taken for each packet of a batch as if those
//! before it were not there, step 7 for all of them at once, and then, for each
//! in the order of arrival, steps 3 to 6 again and step 8. A packet that they
//! lead to the same index and key has had done to it what would have been done
//! without a batch. Any other is given back the octets that it came with, and
//! takes its walk alone, in its turn.

mod walk;

use core::borrow::{Borrow, BorrowMut};
use core::ops::{Index, IndexMut};

use arrayvec::ArrayVec;

use self::walk::{IncomingRtcp, IncomingRtp, OutgoingRtcp, OutgoingRtp, Walk};
use crate::index::RtcpIndex;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::sender::{ProtectError, Sender};
use crate::transform::Jobs;

/// One packet of a batch, with what is to become of it.
///
/// The functions on batches take a slice of these and fill in each
/// [`result`](Self::result); what `R` is follows from the function:
///
/// | function | `R` |
/// |---|---|
/// | [`protect_rtp_batch`], [`protect_rtcp_batch`] | `Result<usize, ProtectError>` |
/// | [`unprotect_rtp_batch`] | `Result<Unprotected, UnprotectError>` |
/// | [`unprotect_rtcp_batch`] | `Result<Unprotected<RtcpIndex>, UnprotectError>` |
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchPacket<'buf, R> {
    /// Whose packet it is: a number among the batch's sessions. Where there is
    /// one session only, nobody asks.
    pub session: usize,
    /// The packet, from the buffer's beginning, and room for what protecting
    /// adds to it.
    pub buf: &'buf mut [u8],
    /// The packet's octets. A batch leaves it as it is; the result has the new
    /// length.
    pub len: usize,
    /// What became of it; `None` before the batch has run.
    pub result: Option<R>,
}

impl<'buf, R> BatchPacket<'buf, R> {
    /// The packet in the first `len` octets of `buf`, of the batch's session
    /// with this number.
    #[must_use]
    pub fn new(session: usize, buf: &'buf mut [u8], len: usize) -> Self {
        Self {
            session,
            buf,
            len,
            result: None,
        }
    }
}

/// Protects RTP packets, each in place, each by the sender that it names.
///
/// What becomes of each packet and of each sender is exactly what
/// [`Sender::protect_rtp`] would have made of the packets one by one, in their
/// order; it only takes less time, since the packets' tags are computed side by
/// side.
///
/// `senders` is whatever gives a sender for a number: `[Sender]`,
/// `[&mut Sender]`, or a type of the caller's with an [`IndexMut`] that finds
/// the sender inside of a connection.
///
/// ```
/// use callseal_srtp::{BatchPacket, MasterKey, Policy, Profile, Sender, protect_rtp_batch};
///
/// let sender = |profile: Profile| -> Result<Sender, Box<dyn core::error::Error>> {
///     let (key, salt) = ([0x11; 32], [0x22; 14]);
///     let (key, salt) = (&key[..profile.key_len()], &salt[..profile.salt_len()]);
///     Ok(Sender::new(Policy::new(profile), MasterKey::new(profile, key, salt)?)?)
/// };
/// // Two callers, of two profiles.
/// let mut senders = [sender(Profile::AesCm128HmacSha1_80)?, sender(Profile::AeadAes256Gcm)?];
///
/// // Three packets of 32 octets, as recvmmsg might have left them; the last
/// // one has the sequence number of the first.
/// let mut bufs = [[0x80; 64]; 3];
/// let [first, second, third] = &mut bufs;
/// let mut packets = [
///     BatchPacket::new(0, first, 32),
///     BatchPacket::new(1, second, 32),
///     BatchPacket::new(0, third, 32),
/// ];
/// protect_rtp_batch(&mut senders[..], &mut packets);
///
/// let lens = packets.map(|packet| packet.result.and_then(Result::ok));
/// assert_eq!(lens, [Some(32 + 10), Some(32 + 16), None]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Panics
///
/// Where `senders` does: as a rule, where a packet names one that is not there.
pub fn protect_rtp_batch<S>(
    senders: &mut S,
    packets: &mut [BatchPacket<'_, Result<usize, ProtectError>>],
) where
    S: IndexMut<usize, Output: BorrowMut<Sender>> + ?Sized,
{
    run::<OutgoingRtp, _>(senders, packets);
}

/// Authenticates and opens SRTP packets, each in place, each by the receiver
/// that it names.
///
/// What becomes of each packet and of each receiver is exactly what
/// [`Receiver::unprotect_rtp`] would have made of the packets one by one, in
/// their order: duplicates, replays and forgeries among them change nothing for
/// the others.
///
/// ```
/// use callseal_srtp::{
///     BatchPacket, MasterKey, Policy, Profile, Receiver, Sender, UnprotectError,
///     unprotect_rtp_batch,
/// };
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
/// let mut sender = Sender::new(Policy::new(profile), key()?)?;
/// let mut receivers = [Receiver::new(Policy::new(profile), key()?)?];
///
/// let mut arrived = [[0x80; 42]; 3];
/// sender.protect_rtp(&mut arrived[0], 32)?;
/// arrived[1] = arrived[0];
/// arrived[2][3] = 0x81;
///
/// let mut packets = arrived.each_mut().map(|buf| BatchPacket::new(0, buf, 42));
/// unprotect_rtp_batch(&mut receivers[..], &mut packets);
///
/// let [opened, replayed, forged] = packets.map(|packet| packet.result.unwrap());
/// assert_eq!(opened?.len, 32);
/// assert_eq!(replayed, Err(UnprotectError::Replayed));
/// assert_eq!(forged, Err(UnprotectError::AuthenticationFailed));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Panics
///
/// Where `receivers` does: as a rule, where a packet names one that is not there.
pub fn unprotect_rtp_batch<R>(
    receivers: &mut R,
    packets: &mut [BatchPacket<'_, Result<Unprotected, UnprotectError>>],
) where
    R: IndexMut<usize, Output: BorrowMut<Receiver>> + ?Sized,
{
    run::<IncomingRtp, _>(receivers, packets);
}

/// Protects RTCP packets as [`protect_rtp_batch`] does RTP's.
///
/// # Panics
///
/// Where `senders` does: as a rule, where a packet names one that is not there.
pub fn protect_rtcp_batch<S>(
    senders: &mut S,
    packets: &mut [BatchPacket<'_, Result<usize, ProtectError>>],
) where
    S: IndexMut<usize, Output: BorrowMut<Sender>> + ?Sized,
{
    run::<OutgoingRtcp, _>(senders, packets);
}

/// Authenticates and opens SRTCP packets as [`unprotect_rtp_batch`] does SRTP's.
///
/// # Panics
///
/// Where `receivers` does: as a rule, where a packet names one that is not there.
pub fn unprotect_rtcp_batch<R>(
    receivers: &mut R,
    packets: &mut [BatchPacket<'_, Result<Unprotected<RtcpIndex>, UnprotectError>>],
) where
    R: IndexMut<usize, Output: BorrowMut<Receiver>> + ?Sized,
{
    run::<IncomingRtcp, _>(receivers, packets);
}

impl Sender {
    /// Protects RTP packets of this sender as [`protect_rtp_batch`] does those
    /// of many, whatever session they name.
    pub fn protect_rtp_batch(
        &mut self,
        packets: &mut [BatchPacket<'_, Result<usize, ProtectError>>],
    ) {
        protect_rtp_batch(&mut Alone(self), packets);
    }

    /// Protects RTCP packets of this sender as [`protect_rtcp_batch`] does
    /// those of many, whatever session they name.
    pub fn protect_rtcp_batch(
        &mut self,
        packets: &mut [BatchPacket<'_, Result<usize, ProtectError>>],
    ) {
        protect_rtcp_batch(&mut Alone(self), packets);
    }
}

impl Receiver {
    /// Opens SRTP packets to this receiver as [`unprotect_rtp_batch`] does
    /// those to many, whatever session they name.
    pub fn unprotect_rtp_batch(
        &mut self,
        packets: &mut [BatchPacket<'_, Result<Unprotected, UnprotectError>>],
    ) {
        unprotect_rtp_batch(&mut Alone(self), packets);
    }

    /// Opens SRTCP packets to this receiver as [`unprotect_rtcp_batch`] does
    /// those to many, whatever session they name.
    pub fn unprotect_rtcp_batch(
        &mut self,
        packets: &mut [BatchPacket<'_, Result<Unprotected<RtcpIndex>, UnprotectError>>],
    ) {
        unprotect_rtcp_batch(&mut Alone(self), packets);
    }
}

/// One session where many could be: it has every number.
struct Alone<'a, T>(&'a mut T);

impl<T> Index<usize> for Alone<'_, T> {
    type Output = T;

    fn index(&self, _: usize) -> &T {
        self.0
    }
}

impl<T> IndexMut<usize> for Alone<'_, T> {
    fn index_mut(&mut self, _: usize) -> &mut T {
        self.0
    }
}

/// The packets that are at step 7 at a time: enough to fill every lane, few
/// enough to stay in the nearest cache with all that is known of them.
const GROUP: usize = 32;

/// Takes all packets to their results.
#[inline]
fn run<W, S>(sessions: &mut S, packets: &mut [Packet<'_, W>])
where
    W: Walk,
    S: IndexMut<usize, Output: BorrowMut<W::Session>> + ?Sized,
{
    for group in packets.chunks_mut(GROUP) {
        match group {
            [packet] => walk_alone::<W>(sessions[packet.session].borrow_mut(), packet),
            _ => run_group::<W, S>(sessions, group),
        }
    }
}

fn run_group<W, S>(sessions: &mut S, group: &mut [Packet<'_, W>])
where
    W: Walk,
    S: IndexMut<usize, Output: BorrowMut<W::Session>> + ?Sized,
{
    // 3, ahead of the other steps: so the memory that the streams are in is
    // waited for by all packets at once.
    let mut places = ArrayVec::<_, GROUP>::new();
    for packet in group.iter() {
        places.push(W::place(sessions[packet.session].borrow(), packet.buf));
    }

    let mut plans = ArrayVec::<Option<W::Plan>, GROUP>::new();
    let mut owners = ArrayVec::<usize, GROUP>::new();
    let outcomes = {
        // 1 to 6. A job is run by one backend; other sessions' packets walk alone.
        let mut jobs = Jobs::<GROUP>::new();
        let backend = W::backend(sessions[group[0].session].borrow());
        for (packet, &place) in group.iter_mut().zip(&places) {
            let session = sessions[packet.session].borrow();
            owners.push(packet.session);
            // Three times the same, so that a plan is made where it stays: one
            // that was just put together in parts is slow to move.
            if W::backend(session) != backend {
                plans.push(None);
            } else if let Some(ordinary) = W::admit(session, packet.buf, packet.len, place) {
                plans.push(W::plan_ordinary(session, packet.buf, ordinary, &mut jobs));
            } else {
                let owned = owners.iter().zip(&plans);
                let earlier = owned.filter_map(|(&owner, plan): (_, &Option<_>)| {
                    plan.as_ref().filter(|_| owner == packet.session)
                });
                let plan = W::plan(session, packet.buf, packet.len, &mut jobs, earlier);
                plans.push(plan);
            }
        }

        // 7.
        W::perform(&mut jobs, backend)
    };

    // 8 and 9.
    for (packet, plan) in group.iter_mut().zip(&plans) {
        let session = sessions[packet.session].borrow_mut();
        let Some(plan) = plan else {
            walk_alone::<W>(session, packet);
            continue;
        };
        // By itself, so that the result is made where it stays.
        if let Some(done) = W::settle_near(session, packet.len, plan, &outcomes) {
            packet.result = Some(Ok(done));
            continue;
        }
        match W::settle(session, packet.buf, packet.len, plan, &outcomes) {
            Ok(done) => packet.result = Some(Ok(done)),
            Err(Unsettled::Refused(error)) => packet.result = Some(Err(error)),
            Err(Unsettled::Otherwise) => walk_alone::<W>(session, packet),
        }
    }
}

/// The whole walk of one packet.
fn walk_alone<W: Walk>(session: &mut W::Session, packet: &mut Packet<'_, W>) {
    packet.result = Some(W::walk(session, packet.buf, packet.len));
}

/// Why a packet that went through step 7 with others is not done.
pub(crate) enum Unsettled<Error> {
    /// It is refused, as it would have been without the others.
    Refused(Error),
    /// It would have come to another index or key without them, or been
    /// refused: it is as it came, and has to walk alone.
    Otherwise,
}

type Packet<'buf, W> = BatchPacket<'buf, Result<<W as Walk>::Done, <W as Walk>::Error>>;
