//! One instruction set and technique a file.

pub(crate) mod message;
pub(crate) mod soft;
pub(crate) mod soft_gcm;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
