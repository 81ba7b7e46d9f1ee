//! The SRTP keys that SIP carries in SDP (RFC 4568), found in a capture.
//!
//! Nothing here takes part in a call; it reads what others have said, and
//! takes of it what it understands. A strict reader would refuse what phones
//! accept, and lose the call's keys over it.
//!
//! ```
//! use callseal::sip::SdesFinder;
//!
//! let invite = "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n\
//!     From: <sip:alice@192.0.2.1>;tag=a\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: 1\r\n\r\n\
//!     v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\n\
//!     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n";
//! let mut finder = SdesFinder::default();
//! finder.datagram(1, invite.as_bytes());
//! let sets = finder.into_sets();
//! assert_eq!(sets[0].name, "alice audio");
//! assert_eq!(sets[0].from[0].to_string(), "192.0.2.1:4000");
//! ```

mod finder;
mod message;
mod sdp;
mod tcp;

pub use finder::{SdesFinder, Unreadable};
pub use message::{Message, begins_as_sip};
pub use sdp::{Media, Sdp};
