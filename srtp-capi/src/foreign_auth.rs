//! Tags that a function of the caller's computes (`srtp_replace_auth_type`).

use core::ffi::c_int;
use core::ptr;

use crate::kernel;
use crate::status::Status;
use crate::suite::Foreign;
use crate::types::{Auth, answered};

/// One authentication function with one key. Its state is C's, and belongs to
/// the session, which one thread uses at a time.
pub(crate) struct ForeignAuth {
    auth: ptr::NonNull<Auth>,
    tag_len: usize,
}

// SAFETY: the state behind the pointer belongs to this value alone, and the
// interface lets a session move between threads.
unsafe impl Send for ForeignAuth {}

impl ForeignAuth {
    /// Makes one of a registered type, with the key that was derived for it.
    pub(crate) fn new(foreign: Foreign, key: &[u8]) -> Result<Self, Status> {
        let kind = kernel::auth_type(foreign.id).ok_or(Status::Fail)?;
        let key_len = c_int::try_from(foreign.key_len).map_err(|_| Status::BadParam)?;
        let tag_len = c_int::try_from(foreign.tag_len).map_err(|_| Status::BadParam)?;
        if key.len() < foreign.key_len {
            return Err(Status::BadParam);
        }
        // SAFETY: whoever registered the type promised that it and its
        // functions live until it is replaced.
        let (alloc, init) = unsafe { ((*kind).alloc, (*kind).init) };
        let (alloc, init) = alloc.zip(init).ok_or(Status::BadParam)?;
        let mut auth = ptr::null_mut();
        // SAFETY: the type's own function, called as `auth.h` says.
        answered(unsafe { alloc(&mut auth, key_len, tag_len) })?;
        let made = Self {
            auth: ptr::NonNull::new(auth).ok_or(Status::AllocFail)?,
            tag_len: foreign.tag_len,
        };
        // SAFETY: `alloc` has made it, and `key` is as long as it says.
        answered(unsafe { init(made.auth.as_ref().state, key.as_ptr(), key_len) })?;
        Ok(made)
    }

    pub(crate) fn tag_len(&self) -> usize {
        self.tag_len
    }

    /// Writes the tag of `message || suffix`; `tag` is as long as the tag.
    pub(crate) fn compute(
        &mut self,
        message: &[u8],
        suffix: &[u8],
        tag: &mut [u8],
    ) -> Result<(), Status> {
        let len = |len: usize| c_int::try_from(len).map_err(|_| Status::BadParam);
        if tag.len() != self.tag_len {
            return Err(Status::BadParam);
        }
        // SAFETY: `new` has it from the type's `alloc`.
        let (auth, kind) = unsafe { (self.auth.as_ref(), &*self.auth.as_ref().kind) };
        let (Some(start), Some(update), Some(compute)) = (kind.start, kind.update, kind.compute)
        else {
            return Err(Status::BadParam);
        };
        let (message_len, suffix_len) = (len(message.len())?, len(suffix.len())?);
        // SAFETY: the type's own functions in the order of `auth.h`, with
        // lengths that are those of what is pointed to.
        unsafe {
            answered(start(auth.state))?;
            answered(update(auth.state, message.as_ptr(), message_len))?;
            answered(compute(
                auth.state,
                suffix.as_ptr(),
                suffix_len,
                len(tag.len())?,
                tag.as_mut_ptr(),
            ))
        }
    }
}

impl Drop for ForeignAuth {
    fn drop(&mut self) {
        // SAFETY: `new` has it from the type's `alloc`, and nobody uses it on.
        unsafe {
            let kind = self.auth.as_ref().kind;
            if let Some(dealloc) = kind.as_ref().and_then(|kind| kind.dealloc) {
                dealloc(self.auth.as_ptr());
            }
        }
    }
}
