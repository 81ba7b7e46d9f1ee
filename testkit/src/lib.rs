//! A fake link with loss, reorder and duplication in virtual time; a counting allocator.
#![deny(unsafe_code)]
