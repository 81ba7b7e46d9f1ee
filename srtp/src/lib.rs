//! SRTP and SRTCP (RFC 3711) without a clock, a random source, I/O or an allocation per packet.
#![forbid(unsafe_code)]
