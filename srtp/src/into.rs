//! From one buffer into another, for packets that have to stay as they are.
//!
//! A packet that goes to many receivers is protected for each of them from the
//! same octets; one that was received may have to be kept.

use zeroize::Zeroize;

use crate::index::RtcpIndex;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::sender::{ProtectError, Sender};

impl Sender {
    /// Protects the RTP packet `src` into the beginning of `dst`, and returns
    /// the length of the SRTP packet. `dst` has to be as much longer than `src`
    /// as protecting adds, which is at most
    /// [`max_trailer_len`](Self::max_trailer_len).
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
    /// let mut sender = Sender::new(Policy::new(profile), key)?;
    ///
    /// let packet = [0x80; 32];
    /// let mut protected = [0; 32 + 10];
    /// assert_eq!(sender.protect_rtp_into(&packet, &mut protected)?, 42);
    /// assert_eq!(packet[..12], protected[..12]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProtectError`]; the stream is then as it was, and `dst` holds nothing
    /// of the packet.
    pub fn protect_rtp_into(&mut self, src: &[u8], dst: &mut [u8]) -> Result<usize, ProtectError> {
        self.copy_to_protect(src, dst)?;
        let protected = self.protect_rtp(dst, src.len());
        protected.inspect_err(|_| dst[..src.len()].zeroize())
    }

    /// Protects the RTCP packet `src` into the beginning of `dst`, as
    /// [`protect_rtp_into`](Self::protect_rtp_into) does an RTP packet.
    ///
    /// # Errors
    ///
    /// [`ProtectError`]; the stream is then as it was, and `dst` holds nothing
    /// of the packet.
    pub fn protect_rtcp_into(&mut self, src: &[u8], dst: &mut [u8]) -> Result<usize, ProtectError> {
        self.copy_to_protect(src, dst)?;
        let protected = self.protect_rtcp(dst, src.len());
        protected.inspect_err(|_| dst[..src.len()].zeroize())
    }

    fn copy_to_protect(&self, src: &[u8], dst: &mut [u8]) -> Result<(), ProtectError> {
        let no_room = ProtectError::NoRoom {
            buffer_len: dst.len(),
            needed: src.len().saturating_add(self.max_trailer_len()),
        };
        let copied = dst.get_mut(..src.len()).ok_or(no_room)?;
        copied.copy_from_slice(src);
        Ok(())
    }
}

impl Receiver {
    /// Authenticates the SRTP packet `src` and opens it into the beginning of
    /// `dst`, which has to be as long as `src`; behind the plain packet `dst`
    /// then holds the trailer.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, Sender};
    ///
    /// let profile = Profile::AeadAes128Gcm;
    /// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 12]);
    /// let mut sender = Sender::new(Policy::new(profile), key()?)?;
    /// let mut receiver = Receiver::new(Policy::new(profile), key()?)?;
    ///
    /// let mut protected = [0; 32 + 16];
    /// sender.protect_rtp_into(&[0x80; 32], &mut protected)?;
    /// let mut opened = [0; 32 + 16];
    /// let len = receiver.unprotect_rtp_into(&protected, &mut opened)?.len;
    /// assert_eq!(opened[..len], [0x80; 32]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnprotectError`]; `dst` then holds nothing of the packet.
    pub fn unprotect_rtp_into(
        &mut self,
        src: &[u8],
        dst: &mut [u8],
    ) -> Result<Unprotected, UnprotectError> {
        copy_to_open(src, dst)?;
        let opened = self.unprotect_rtp(dst, src.len());
        opened.inspect_err(|_| dst[..src.len()].zeroize())
    }

    /// Authenticates the SRTCP packet `src` and opens it into the beginning of
    /// `dst`, as [`unprotect_rtp_into`](Self::unprotect_rtp_into) does an SRTP
    /// packet.
    ///
    /// # Errors
    ///
    /// [`UnprotectError`]; `dst` then holds nothing of the packet.
    pub fn unprotect_rtcp_into(
        &mut self,
        src: &[u8],
        dst: &mut [u8],
    ) -> Result<Unprotected<RtcpIndex>, UnprotectError> {
        copy_to_open(src, dst)?;
        let opened = self.unprotect_rtcp(dst, src.len());
        opened.inspect_err(|_| dst[..src.len()].zeroize())
    }
}

fn copy_to_open(src: &[u8], dst: &mut [u8]) -> Result<(), UnprotectError> {
    let beyond = UnprotectError::BeyondBuffer {
        len: src.len(),
        buffer_len: dst.len(),
    };
    let copied = dst.get_mut(..src.len()).ok_or(beyond)?;
    copied.copy_from_slice(src);
    Ok(())
}
