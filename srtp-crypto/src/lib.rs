//! Bulk AES-CM, HMAC-SHA1 and AES-GCM operations for SRTP, one instruction set a backend.
#![deny(unsafe_code)]
