//! The bulk operations under SRTP: AES in segmented integer counter mode
//! (RFC 3711 §4.1.1) and HMAC-SHA1 (RFC 2104), each over a slice of jobs.
//!
//! A job is one packet's share of an operation and carries its own key, so
//! that one packet, or many packets of many streams, go through the same door.
//! What runs behind the door is a [`Backend`]; every backend gives what
//! [`Backend::Soft`] gives, octet for octet.
//!
//! The crate decides nothing: it knows no packet, no index and no policy.
//! [`callseal-srtp`](https://docs.rs/callseal-srtp) does.
//!
//! ```
//! use callseal_srtp_crypto::{AesCmJob, AesCmKey, Backend, HmacSha1Job, HmacSha1Key};
//!
//! let backend = Backend::detected();
//! let cipher_key = AesCmKey::new(&[0x2b; 16])?;
//! let auth_key = HmacSha1Key::new(&[0x0b; 20]);
//!
//! let mut payload = *b"a payload of any length";
//! backend.aes_cm(&mut [AesCmJob::new(&cipher_key, [7; 14], &mut payload)?]);
//! assert_ne!(&payload, b"a payload of any length");
//!
//! let mut tags = [HmacSha1Job::new(&auth_key, &payload, None)];
//! backend.hmac_sha1(&mut tags);
//! assert_eq!(tags[0].tag().len(), 20);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod aes_cm;
mod aes_f8;
mod aes_key;
mod backend;
mod backends;
mod gcm_packet;
mod hmac_packet;
mod hmac_sha1;
mod known_answers;
mod tag;
#[cfg(feature = "testing")]
pub mod testing;
mod wiped_box;

pub use aes_cm::{AesCmJob, AesCmKey, KeyLengthError, KeystreamTooLong, MAX_KEYSTREAM_LEN};
pub use aes_f8::{AesF8Job, AesF8Key};
pub use backend::Backend;
pub use gcm_packet::{AesGcmKey, GCM_TAG_LEN, GcmPacketJob, GcmPortions};
pub use hmac_packet::{Cipher, HmacPacketJob, HmacPortions, PortionsError};
pub use hmac_sha1::{HMAC_SHA1_LEN, HmacSha1Job, HmacSha1Key};
pub use wiped_box::WipedBox;
