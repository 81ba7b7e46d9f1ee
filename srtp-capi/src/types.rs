//! The structures of `srtp.h`, `cipher.h` and `auth.h`, as C lays them out.
//!
//! What C writes into an enumeration can be any number, so that the fields are
//! numbers here and are judged where they are used.

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

use crate::status::Status;

/// `srtp_crypto_policy_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CryptoPolicy {
    /// One of [`cipher_type`].
    pub cipher_type: u32,
    /// The key and the salt, in octets.
    pub cipher_key_len: c_int,
    /// One of [`auth_type`], or one that was registered.
    pub auth_type: u32,
    /// In octets.
    pub auth_key_len: c_int,
    /// In octets.
    pub auth_tag_len: c_int,
    /// Bits of [`sec_serv`].
    pub sec_serv: c_uint,
}

/// `srtp_ssrc_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ssrc {
    /// One of [`ssrc_type`].
    pub kind: c_uint,
    /// In host order.
    pub value: c_uint,
}

/// `srtp_master_key_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MasterKeyAndMki {
    /// Key and salt in one piece, as long as the policy says.
    pub key: *mut u8,
    /// As long as the next field says.
    pub mki_id: *mut u8,
    /// In octets.
    pub mki_size: c_uint,
}

/// `srtp_policy_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Which streams it is for.
    pub ssrc: Ssrc,
    /// SRTP's half.
    pub rtp: CryptoPolicy,
    /// SRTCP's half.
    pub rtcp: CryptoPolicy,
    /// The only key, without an MKI; or null.
    pub key: *mut u8,
    /// The keys, where `key` is null.
    pub keys: *mut *mut MasterKeyAndMki,
    /// How many they are.
    pub num_master_keys: c_ulong,
    /// Has to be null.
    pub deprecated_ekt: *mut c_void,
    /// In packets; 0 stands for 128.
    pub window_size: c_ulong,
    /// 0 or 1.
    pub allow_repeat_tx: c_int,
    /// The ids of RFC 6904.
    pub enc_xtn_hdr: *mut c_int,
    /// How many they are.
    pub enc_xtn_hdr_count: c_int,
    /// The next policy, or null.
    pub next: *mut Policy,
}

/// `srtp_event_data_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EventData {
    /// Where it happened.
    pub session: *mut c_void,
    /// Whose stream, in host order.
    pub ssrc: u32,
    /// One of [`event`].
    pub event: c_uint,
}

/// `srtp_event_handler_func_t *`.
pub type EventHandler = Option<unsafe extern "C" fn(*mut EventData)>;

/// `srtp_log_handler_func_t *`.
pub type LogHandler = Option<unsafe extern "C" fn(c_uint, *const c_char, *mut c_void)>;

/// `callseal_srtp_packet_t`: a packet of a batch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PacketOfBatch {
    /// The packet, with room behind it where it is to be protected.
    pub packet: *mut c_void,
    /// In octets; the new length where the status is 0.
    pub len: c_int,
    /// What became of it: a [`Status`].
    pub status: c_uint,
}

/// `callseal_srtp_counters_t`: what happened to the packets of one stream, one
/// direction and one protocol.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets protected, or authenticated and opened.
    pub packets: u64,
    /// The octets of these, plain: header and payload.
    pub octets: u64,
    /// The newest index; 0 before the first packet too.
    pub newest_index: u64,
    /// Packets whose tag was wrong.
    pub auth_failures: u64,
    /// Packets whose index had been used.
    pub replayed: u64,
    /// Packets whose index lay behind the window.
    pub too_old: u64,
}

/// `callseal_srtp_stream_counters_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// SRTP that was sent.
    pub sent_rtp: Counters,
    /// SRTCP that was sent.
    pub sent_rtcp: Counters,
    /// SRTP that was received.
    pub received_rtp: Counters,
    /// SRTCP that was received.
    pub received_rtcp: Counters,
}

/// `srtp_debug_module_t`, of a header that is not installed.
#[repr(C)]
#[derive(Debug)]
pub struct DebugModule {
    /// Whether it talks.
    pub on: c_int,
    /// Its name.
    pub name: *const c_char,
}

/// `srtp_rdbx_t`, of a header that is not installed.
#[repr(C)]
#[derive(Debug)]
pub struct Rdbx {
    /// The newest index.
    pub index: u64,
    /// The window, in packets.
    pub bitmask_len: u32,
    /// One bit a packet.
    pub bitmask: *mut u32,
}

/// `srtp_cipher_t`.
#[repr(C)]
#[derive(Debug)]
pub struct Cipher {
    /// What it is.
    pub kind: *const CipherType,
    /// What it remembers.
    pub state: *mut c_void,
    /// Key and salt, in octets.
    pub key_len: c_int,
    /// One of [`cipher_type`].
    pub algorithm: c_int,
}

/// `srtp_cipher_type_t`.
#[repr(C)]
#[derive(Debug)]
pub struct CipherType {
    /// Makes a cipher.
    pub alloc: Option<unsafe extern "C" fn(*mut *mut Cipher, c_int, c_int) -> c_int>,
    /// Unmakes it.
    pub dealloc: Option<unsafe extern "C" fn(*mut Cipher) -> c_int>,
    /// Gives it a key.
    pub init: Option<unsafe extern "C" fn(*mut c_void, *const u8) -> c_int>,
    /// Gives it associated data.
    pub set_aad: Option<unsafe extern "C" fn(*mut c_void, *const u8, u32) -> c_int>,
    /// Encrypts in place.
    pub encrypt: Option<unsafe extern "C" fn(*mut c_void, *mut u8, *mut c_uint) -> c_int>,
    /// Decrypts in place.
    pub decrypt: Option<unsafe extern "C" fn(*mut c_void, *mut u8, *mut c_uint) -> c_int>,
    /// Gives it an initialisation vector.
    pub set_iv: Option<unsafe extern "C" fn(*mut c_void, *mut u8, c_uint) -> c_int>,
    /// Asks for the tag.
    pub get_tag: Option<unsafe extern "C" fn(*mut c_void, *mut u8, *mut u32) -> c_int>,
    /// For people.
    pub description: *const c_char,
    /// What it has to compute.
    pub test_data: *const CipherTestCase,
    /// One of [`cipher_type`].
    pub id: u32,
}

/// `srtp_cipher_test_case_t`.
#[repr(C)]
#[derive(Debug)]
pub struct CipherTestCase {
    /// Key and salt, in octets.
    pub key_len: c_int,
    /// Key and salt.
    pub key: *const u8,
    /// The initialisation vector.
    pub idx: *mut u8,
    /// In octets.
    pub plaintext_len: c_uint,
    /// What goes in.
    pub plaintext: *const u8,
    /// In octets.
    pub ciphertext_len: c_uint,
    /// What comes out, the tag included.
    pub ciphertext: *const u8,
    /// In octets.
    pub aad_len: c_int,
    /// What is authenticated besides.
    pub aad: *const u8,
    /// In octets.
    pub tag_len: c_int,
    /// The next one, or null.
    pub next: *const CipherTestCase,
}

/// `srtp_auth_t`.
#[repr(C)]
#[derive(Debug)]
pub struct Auth {
    /// What it is.
    pub kind: *const AuthType,
    /// What it remembers.
    pub state: *mut c_void,
    /// The tag, in octets.
    pub out_len: c_int,
    /// The key, in octets.
    pub key_len: c_int,
    /// A keystream's prefix, in octets.
    pub prefix_len: c_int,
}

/// `srtp_auth_type_t`.
#[repr(C)]
#[derive(Debug)]
pub struct AuthType {
    /// Makes an authentication function.
    pub alloc: Option<unsafe extern "C" fn(*mut *mut Auth, c_int, c_int) -> c_int>,
    /// Unmakes it.
    pub dealloc: Option<unsafe extern "C" fn(*mut Auth) -> c_int>,
    /// Gives it a key.
    pub init: Option<unsafe extern "C" fn(*mut c_void, *const u8, c_int) -> c_int>,
    /// Takes the last octets and gives the tag.
    pub compute:
        Option<unsafe extern "C" fn(*mut c_void, *const u8, c_int, c_int, *mut u8) -> c_int>,
    /// Takes octets.
    pub update: Option<unsafe extern "C" fn(*mut c_void, *const u8, c_int) -> c_int>,
    /// Begins a message.
    pub start: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    /// For people.
    pub description: *const c_char,
    /// What it has to compute.
    pub test_data: *const AuthTestCase,
    /// One of [`auth_type`], or another.
    pub id: u32,
}

/// `srtp_auth_test_case_t`.
#[repr(C)]
#[derive(Debug)]
pub struct AuthTestCase {
    /// In octets.
    pub key_len: c_int,
    /// The key.
    pub key: *const u8,
    /// In octets.
    pub data_len: c_int,
    /// The message.
    pub data: *const u8,
    /// In octets.
    pub tag_len: c_int,
    /// What has to come out.
    pub tag: *const u8,
    /// The next one, or null.
    pub next: *const AuthTestCase,
}

/// What a function of a caller's own answered.
pub(crate) fn answered(status: c_int) -> Result<(), Status> {
    match status {
        0 => Ok(()),
        2 => Err(Status::BadParam),
        3 => Err(Status::AllocFail),
        7 => Err(Status::AuthFail),
        8 => Err(Status::CipherFail),
        12 => Err(Status::NoSuchOp),
        _ => Err(Status::Fail),
    }
}

/// `SRTP_NULL_CIPHER` and the ciphers.
pub mod cipher_type {
    /// No encryption.
    pub const NULL: u32 = 0;
    /// AES-128 in counter mode.
    pub const AES_ICM_128: u32 = 1;
    /// AES-192 in counter mode.
    pub const AES_ICM_192: u32 = 4;
    /// AES-256 in counter mode.
    pub const AES_ICM_256: u32 = 5;
    /// AES-128 in Galois/counter mode.
    pub const AES_GCM_128: u32 = 6;
    /// AES-256 in Galois/counter mode.
    pub const AES_GCM_256: u32 = 7;
}

/// `SRTP_NULL_AUTH` and the other.
pub mod auth_type {
    /// No tag.
    pub const NULL: u32 = 0;
    /// HMAC-SHA1.
    pub const HMAC_SHA1: u32 = 3;
}

/// The bits of `srtp_sec_serv_t`.
pub mod sec_serv {
    /// Confidentiality.
    pub const CONF: u32 = 1;
    /// Authentication.
    pub const AUTH: u32 = 2;
}

/// `srtp_ssrc_type_t`.
pub mod ssrc_type {
    /// One SSRC.
    pub const SPECIFIC: u32 = 1;
    /// A template for every SSRC that is received.
    pub const ANY_INBOUND: u32 = 2;
    /// A template for every SSRC that is sent.
    pub const ANY_OUTBOUND: u32 = 3;
}

/// `srtp_event_t`.
pub mod event {
    /// One SSRC in both directions.
    pub const SSRC_COLLISION: u32 = 0;
    /// A key has not many packets left.
    pub const KEY_SOFT_LIMIT: u32 = 1;
    /// A key has none left.
    pub const KEY_HARD_LIMIT: u32 = 2;
    /// A stream has none left.
    pub const PACKET_INDEX_LIMIT: u32 = 3;
}

/// `SRTP_MAX_TAG_LEN`, in octets.
pub const MAX_TAG_LEN: usize = 16;

/// `SRTP_MAX_MKI_LEN`, in octets.
pub const MAX_MKI_LEN: usize = 128;

/// `SRTP_MAX_NUM_MASTER_KEYS`.
pub const MAX_NUM_MASTER_KEYS: usize = 16;
