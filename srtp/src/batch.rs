//! Many packets at a time: of any streams, sizes and profiles, and so of any
//! sessions.

use core::borrow::BorrowMut;
use core::ops::{Index, IndexMut};

use crate::index::RtcpIndex;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::sender::{ProtectError, Sender};

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
    for packet in packets {
        let sender = senders[packet.session].borrow_mut();
        packet.result = Some(sender.protect_rtp(packet.buf, packet.len));
    }
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
    for packet in packets {
        let receiver = receivers[packet.session].borrow_mut();
        packet.result = Some(receiver.unprotect_rtp(packet.buf, packet.len));
    }
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
    for packet in packets {
        let sender = senders[packet.session].borrow_mut();
        packet.result = Some(sender.protect_rtcp(packet.buf, packet.len));
    }
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
    for packet in packets {
        let receiver = receivers[packet.session].borrow_mut();
        packet.result = Some(receiver.unprotect_rtcp(packet.buf, packet.len));
    }
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
