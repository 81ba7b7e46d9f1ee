//! Memory that holds keys, and is given back empty.
#![allow(unsafe_code, reason = "memory is zeroed behind its owner's back")]

use alloc::boxed::Box;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

use zeroize::zeroize_flat_type;

/// A box whose memory is zeroed, all of it, before it is given back.
///
/// A key that is dropped wipes itself. What is moved into a box may bring more
/// with it: where an enum's variant is shorter than another, whatever stood on
/// the stack behind it comes along.
///
/// ```
/// use callseal_srtp_crypto::WipedBox;
///
/// let mut boxed = WipedBox::new([7; 32]);
/// boxed[0] = 8;
/// assert_eq!(boxed[..2], [8, 7]);
/// ```
pub struct WipedBox<T>(Box<MaybeUninit<T>>);

impl<T> WipedBox<T> {
    /// Moves `value` into a box.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Box::new(MaybeUninit::new(value)))
    }
}

impl<T> Deref for WipedBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is a value from `new` to `drop`.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T> DerefMut for WipedBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is a value from `new` to `drop`.
        unsafe { self.0.assume_init_mut() }
    }
}

impl<T> Drop for WipedBox<T> {
    fn drop(&mut self) {
        // SAFETY: there is a value, and nobody reads it afterwards.
        unsafe { self.0.assume_init_drop() };
        // SAFETY: the memory is the box's own, and no value is left in it.
        unsafe { zeroize_flat_type(&raw mut *self.0) };
    }
}

impl<T: fmt::Debug> fmt::Debug for WipedBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
