//! The octets that a caller lends for the time of one call.

use core::ffi::{c_int, c_void};
use core::ops::Range;
use core::slice;

use crate::status::Status;

/// A packet of the caller's, and the room behind it.
pub(crate) struct Lent {
    start: *mut u8,
    len: usize,
}

impl Lent {
    /// The packet at `start`, as long as `len` says.
    ///
    /// # Safety
    ///
    /// `start` is null or points to as many octets as `len` does, and, where
    /// the packet is to be protected, to as much room behind them as the
    /// interface says that protecting takes; nothing else uses them meanwhile.
    pub(crate) unsafe fn new(start: *mut c_void, len: *const c_int) -> Result<Self, Status> {
        if start.is_null() || len.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: it is not null, and by the contract points to a number.
        let len = unsafe { len.read() };
        Ok(Self {
            start: start.cast(),
            len: usize::try_from(len).map_err(|_| Status::BadParam)?,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The addresses of the packet and `trailer_len` octets behind it.
    pub(crate) fn place(&self, trailer_len: usize) -> Range<usize> {
        let start = self.start.addr();
        start..start.saturating_add(self.len + trailer_len)
    }

    /// The packet.
    #[inline]
    pub(crate) fn octets(&self) -> &[u8] {
        // SAFETY: by the contract of `new`; the borrow ends before `room`'s.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }

    /// The packet, and `trailer_len` octets behind it.
    ///
    /// # Safety
    ///
    /// `trailer_len` is no more than the interface lets the caller expect.
    #[inline]
    pub(crate) unsafe fn room(&mut self, trailer_len: usize) -> &mut [u8] {
        // SAFETY: by the contract of `new` and this one; no length of a packet
        // and its trailer overflows, a packet's being a `c_int`.
        unsafe { slice::from_raw_parts_mut(self.start, self.len + trailer_len) }
    }
}
