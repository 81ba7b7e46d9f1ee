//! One instruction set and technique a file.

pub(crate) mod soft;
