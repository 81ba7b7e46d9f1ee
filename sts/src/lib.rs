//! The Station-to-Station handshake between two phones, sans-IO.
#![forbid(unsafe_code)]
