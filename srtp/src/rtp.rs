//! The walk of an SRTP packet (RFC 3711 §3.3), step by step.

use crate::buffer;
use crate::index::PacketIndex;
use crate::packet::RtpHeader;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::replay::{Candidate, Stale};
use crate::sender::{ProtectError, Sender};
use crate::stream::{ReceiverStream, RtpTrack, SenderStream};
use crate::streams::Place;
use crate::trailer::Layout;
use crate::transform::{Authenticated, Nonce, Portions};

impl Sender {
    /// Protects the RTP packet in the first `len` octets of `buf`, in place,
    /// and returns the length of the SRTP packet: at most
    /// [`max_trailer_len`](Self::max_trailer_len) more, for which `buf` must
    /// have room.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, ProtectError, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
    /// let mut sender = Sender::new(Policy::new(profile), key)?;
    ///
    /// let mut buf = [0x80; 32 + 10];
    /// assert_eq!(sender.protect_rtp(&mut buf, 32)?, 42);
    /// // Another payload under the same sequence number would share keystream.
    /// let mut buf = [0x80; 32 + 10];
    /// assert_eq!(sender.protect_rtp(&mut buf, 32), Err(ProtectError::Replayed));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProtectError`]; the packet is then as it was, and so is the stream.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        // 1. Bytes in: room for the trailer is checked here once.
        let (packet, layout) = buffer::room_of(buf, self.rtp_trailer.behind(len))?;

        // 2. Parse.
        let header = RtpHeader::parse(&packet[..layout.payload_end])?;

        // 3. Stream.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(ProtectError::TooManyStreams)?;
        let track = self.streams.at(place).map(|stream| &stream.rtp);

        // 4. Index.
        let (estimate, index) =
            RtpTrack::estimate(track, header.seq).ok_or(ProtectError::IndexExhausted)?;

        // 5. Replay: an index used twice is keystream used twice.
        let candidate = match RtpTrack::check(track, estimate) {
            Ok(candidate) => Some(candidate),
            Err(Stale::Replayed) if self.policy.repeat_allowed() => None,
            Err(stale) => return Err(stale.into()),
        };

        // 6. Keys.
        let key = self.current_key();

        // 7. Cipher and tag, which leaves out the MKI (RFC 3711, figure 1).
        let (nonce, portions) = portions(&header, index, &layout);
        let backend = self.policy.backend();
        let sealed = key.session.rtp.seal(backend, packet, nonce, &portions)?;
        packet[layout.mki()].copy_from_slice(key.mki.as_bytes());

        // 8. Commit.
        let stream = self
            .streams
            .settle(place, || SenderStream::new(&self.policy));
        stream.commit_rtp(candidate, sealed, len);

        // 9. Bytes out.
        Ok(layout.len)
    }
}

impl Receiver {
    /// Authenticates the SRTP packet in the first `len` octets of `buf` and
    /// opens it in place.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, Sender, UnprotectError};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
    /// let mut sender = Sender::new(Policy::new(profile), key()?)?;
    /// let mut receiver = Receiver::new(Policy::new(profile), key()?)?;
    ///
    /// let mut buf = [0x80; 32 + 10];
    /// let len = sender.protect_rtp(&mut buf, 32)?;
    /// let mut replayed = buf;
    /// assert_eq!(receiver.unprotect_rtp(&mut buf, len)?.len, 32);
    /// let refused = receiver.unprotect_rtp(&mut replayed, len);
    /// assert_eq!(refused, Err(UnprotectError::Replayed));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnprotectError`]; the buffer is then as it was.
    pub fn unprotect_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected, UnprotectError> {
        // 1. Bytes in.
        let packet = buffer::packet_of(buf, len)?;
        let layout = self.rtp_trailer.within(len)?;

        // 2. Parse, with the trailer out of reach.
        let header = RtpHeader::parse(&packet[..layout.payload_end])?;

        // 3. Stream: one that is unknown stays outside of the table.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(UnprotectError::TooManyStreams)?;

        // 4 to 7.
        let judged = self.judge_rtp(packet, &header, place, &layout);
        let (index, candidate, authenticated) = judged.inspect_err(|&error| {
            if let Some(stream) = self.streams.at_mut(place) {
                stream.counters.rtp.count_refused(error);
            }
        })?;

        // 8. Commit.
        let stream = self
            .streams
            .settle(place, || ReceiverStream::new(&self.policy));
        stream.commit_rtp(candidate, authenticated, layout.payload_end);

        // 9. Bytes out.
        Ok(Unprotected::new(header.ssrc, index, &layout))
    }

    /// Steps 4 to 7, which change nothing but a packet that is genuine.
    fn judge_rtp(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        place: Place,
        layout: &Layout,
    ) -> Result<(PacketIndex, Candidate, Authenticated), UnprotectError> {
        let track = self.streams.at(place).map(|stream| &stream.rtp);

        // 4. Index.
        let (estimate, index) =
            RtpTrack::estimate(track, header.seq).ok_or(UnprotectError::IndexExhausted)?;

        // 5. Replay: before the tag, which costs more (RFC 3711 §3.3, step 5).
        let candidate = RtpTrack::check(track, estimate)?;

        // 6. Keys.
        let key = self.key_named(&packet[layout.mki()]);
        let key = key.ok_or(UnprotectError::UnknownMki)?;

        // 7. Tag, then cipher.
        let (nonce, portions) = portions(header, index, layout);
        let backend = self.policy.backend();
        let authenticated = key.session.rtp.open(backend, packet, nonce, &portions)?;
        Ok((index, candidate, authenticated))
    }
}

/// Which octets of an SRTP packet are encrypted and authenticated, and how.
fn portions(header: &RtpHeader, index: PacketIndex, layout: &Layout) -> (Nonce, Portions) {
    let nonce = Nonce {
        ssrc: header.ssrc,
        index: index.get(),
    };
    let portions = Portions {
        encrypted: header.len..layout.payload_end,
        authenticated: layout.authenticated(),
        roc: Some(index.roc()),
        tag: layout.tag(),
    };
    (nonce, portions)
}
