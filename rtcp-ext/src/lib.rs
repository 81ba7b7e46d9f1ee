//! RTCP compound packets (RFC 3550) and handshake messages in APP packets.
#![forbid(unsafe_code)]
