//! One secured call leg, sans-IO: datagrams in, datagrams and events out.
#![forbid(unsafe_code)]
