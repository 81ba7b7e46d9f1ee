//! libsrtp, as many builds of it as there are.
//!
//! Two of them in one process have the same symbols, so those that are shared
//! objects are loaded each for itself.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::ptr;
use std::sync::OnceLock;

use callseal_srtp::Profile;

use crate::contender::{Contender, MakeSession};
use crate::load::{Load, Operation, octets_of_key};
use crate::packets::Packets;

pub(super) fn all(load: Load) -> Vec<Box<dyn Contender>> {
    let crowd = load.streams.max(load.sessions);
    let libraries = libraries().iter().filter(|library| {
        // libsrtp finds a stream in a list from its beginning, and NSS a
        // context that is closed: beyond these crowds it takes minutes.
        let most = if library.name.ends_with("nss") {
            1_000
        } else {
            10_000
        };
        crowd <= most
    });
    let sessions = libraries.filter_map(|library| LibSrtp::new(library, load));
    sessions.map(|session| Box::new(session) as _).collect()
}

/// This project's own build of the interface, where the environment says where
/// it lies.
#[cfg(feature = "libsrtp")]
pub(super) fn drop_in(load: Load) -> Option<Box<dyn Contender>> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let library = LIBRARY.get_or_init(loaded::drop_in).as_ref()?;
    Some(Box::new(LibSrtp::new(library, load)?))
}

pub(super) fn versions() -> impl Iterator<Item = (String, String)> {
    let libraries = libraries().iter();
    libraries.map(|library| (library.name.clone(), library.version.clone()))
}

pub(super) fn session_makers(load: Load) -> impl Iterator<Item = (String, MakeSession)> {
    libraries().iter().map(move |library| {
        let make = move || drop(LibSrtp::new(library, load));
        (library.name.clone(), Box::new(make) as MakeSession)
    })
}

/// `srtp_crypto_policy_t`, as 2.x has it.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct CryptoPolicy {
    cipher_type: u32,
    cipher_key_len: c_int,
    auth_type: u32,
    auth_key_len: c_int,
    auth_tag_len: c_int,
    services: c_int,
}

/// `srtp_policy_t`, as 2.x has it.
#[repr(C)]
struct Policy {
    ssrc_type: c_int,
    ssrc: u32,
    rtp: CryptoPolicy,
    rtcp: CryptoPolicy,
    key: *mut u8,
    keys: *mut c_void,
    num_master_keys: c_ulong,
    deprecated_ekt: *mut c_void,
    window_size: c_ulong,
    allow_repeat_tx: c_int,
    enc_xtn_hdr: *mut c_int,
    enc_xtn_hdr_count: c_int,
    next: *mut Policy,
}

const _: () = assert!(size_of::<Policy>() == 128 && size_of::<CryptoPolicy>() == 24);

const SSRC_ANY_INBOUND: c_int = 2;
const SSRC_ANY_OUTBOUND: c_int = 3;

type SetPolicy = unsafe extern "C" fn(*mut CryptoPolicy);
type Apply = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int) -> c_int;

/// The functions of one build.
struct Library {
    name: String,
    version: String,
    create: unsafe extern "C" fn(*mut *mut c_void, *const Policy) -> c_int,
    dealloc: unsafe extern "C" fn(*mut c_void) -> c_int,
    /// By the end of their names.
    set_policy: BTreeMap<&'static str, SetPolicy>,
    protect: Apply,
    unprotect: Apply,
    protect_rtcp: Apply,
    unprotect_rtcp: Apply,
}

const POLICIES: [&str; 6] = [
    "rtp_default",
    "aes_cm_128_hmac_sha1_32",
    "aes_cm_256_hmac_sha1_80",
    "aes_cm_256_hmac_sha1_32",
    "aes_gcm_128_16_auth",
    "aes_gcm_256_16_auth",
];

/// Every build that is to be had, made ready once.
fn libraries() -> &'static [Library] {
    static LIBRARIES: OnceLock<Vec<Library>> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        let mut all = Vec::new();
        #[cfg(feature = "libsrtp")]
        {
            all.extend(loaded::debian());
            all.extend(loaded::pylibsrtp());
        }
        #[cfg(feature = "libsrtp-openssl")]
        all.push(linked::library());
        all
    })
}

/// # Safety
///
/// Both are libsrtp 2's functions of these names.
unsafe fn start(
    init: unsafe extern "C" fn() -> c_int,
    version: unsafe extern "C" fn() -> *const c_char,
) -> String {
    // SAFETY: takes nothing, and comes before everything else.
    let status = unsafe { init() };
    assert_eq!(status, 0, "srtp_init");
    // SAFETY: gives a string that lives as long as the library, which is never
    // unloaded.
    let version = unsafe { CStr::from_ptr(version()) };
    let version = version.to_string_lossy();
    version.trim_start_matches("libsrtp2 ").to_owned()
}

#[cfg(feature = "libsrtp")]
mod loaded {
    use super::*;
    use crate::report::DROP_IN;
    use libloading::os::unix::{Library as Shared, RTLD_GLOBAL, RTLD_LAZY, RTLD_LOCAL};

    /// glibc's: a library's own symbols come before everybody else's.
    const RTLD_DEEPBIND: c_int = 8;

    /// Debian's, which uses NSS.
    pub(super) fn debian() -> Option<Library> {
        load("libsrtp2.so.1", "nss")
    }

    /// The one inside the Python package pylibsrtp, with an OpenSSL of its own,
    /// where the environment says where it lies. It is a Python module and
    /// wants an interpreter's symbols, though none of them is called.
    pub(super) fn pylibsrtp() -> Option<Library> {
        let path = std::env::var("CALLSEAL_PYLIBSRTP").ok()?;
        let python = std::env::var("CALLSEAL_LIBPYTHON");
        let python = python.unwrap_or_else(|_| "libpython3.11.so.1.0".into());
        // SAFETY: an interpreter's library does nothing when it is loaded.
        let python = unsafe { Shared::open(Some(python), RTLD_LAZY | RTLD_GLOBAL) };
        std::mem::forget(python.expect("libpython, which pylibsrtp's module asks for"));
        let library = load(&path, "openssl");
        assert!(library.is_some(), "{path} cannot be loaded");
        library
    }

    pub(super) fn drop_in() -> Option<Library> {
        let path = std::env::var("CALLSEAL_CAPI").ok()?;
        // The loader gives whoever asks for a name the library that has it
        // already: Debian's has to come first, by its name, and ours by a path.
        let others = libraries();
        let library = load(&path, "");
        let is_ours = |library: &Library| library.version.contains("callseal");
        assert!(library.iter().all(is_ours) && !others.iter().any(is_ours));
        assert!(library.is_some(), "{path} cannot be loaded");
        library.map(|library| Library {
            name: DROP_IN.into(),
            ..library
        })
    }

    fn load(path: &str, crypto: &str) -> Option<Library> {
        let flags = RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND;
        // SAFETY: libsrtp does nothing when it is loaded.
        let shared = unsafe { Shared::open(Some(path), flags) }.ok()?;
        macro_rules! symbol {
            ($name:expr) => {{
                let name: &[u8] = $name;
                // SAFETY: the type is the one that libsrtp 2's header gives it.
                *unsafe { shared.get(name) }.ok()?
            }};
        }
        let (init, version) = (symbol!(b"srtp_init"), symbol!(b"srtp_get_version_string"));
        // SAFETY: the functions are of these names.
        let version = unsafe { start(init, version) };
        let mut set_policy = BTreeMap::new();
        for name in POLICIES {
            let symbol = format!("srtp_crypto_policy_set_{name}");
            set_policy.insert(name, symbol!(symbol.as_bytes()));
        }
        let library = Library {
            name: format!("libsrtp-{}-{crypto}", short(&version)),
            version,
            create: symbol!(b"srtp_create"),
            dealloc: symbol!(b"srtp_dealloc"),
            set_policy,
            protect: symbol!(b"srtp_protect"),
            unprotect: symbol!(b"srtp_unprotect"),
            protect_rtcp: symbol!(b"srtp_protect_rtcp"),
            unprotect_rtcp: symbol!(b"srtp_unprotect_rtcp"),
        };
        // Its functions are called until the process ends.
        std::mem::forget(shared);
        Some(library)
    }
}

#[cfg(feature = "libsrtp-openssl")]
mod linked {
    use super::*;
    // For what it links.
    use srtp2_sys as _;

    unsafe extern "C" {
        fn srtp_init() -> c_int;
        fn srtp_get_version_string() -> *const c_char;
        fn srtp_create(session: *mut *mut c_void, policy: *const Policy) -> c_int;
        fn srtp_dealloc(session: *mut c_void) -> c_int;
        fn srtp_protect(session: *mut c_void, packet: *mut c_void, len: *mut c_int) -> c_int;
        fn srtp_unprotect(session: *mut c_void, packet: *mut c_void, len: *mut c_int) -> c_int;
        fn srtp_protect_rtcp(session: *mut c_void, packet: *mut c_void, len: *mut c_int) -> c_int;
        fn srtp_unprotect_rtcp(session: *mut c_void, packet: *mut c_void, len: *mut c_int)
        -> c_int;
        fn srtp_crypto_policy_set_rtp_default(policy: *mut CryptoPolicy);
        fn srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(policy: *mut CryptoPolicy);
        fn srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(policy: *mut CryptoPolicy);
        fn srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(policy: *mut CryptoPolicy);
        fn srtp_crypto_policy_set_aes_gcm_128_16_auth(policy: *mut CryptoPolicy);
        fn srtp_crypto_policy_set_aes_gcm_256_16_auth(policy: *mut CryptoPolicy);
    }

    /// The one inside the crate srtp2-sys, on the machine's OpenSSL.
    pub(super) fn library() -> Library {
        let set_policy: [SetPolicy; 6] = [
            srtp_crypto_policy_set_rtp_default,
            srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
            srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
            srtp_crypto_policy_set_aes_gcm_128_16_auth,
            srtp_crypto_policy_set_aes_gcm_256_16_auth,
        ];
        // SAFETY: the functions are of these names.
        let version = unsafe { start(srtp_init, srtp_get_version_string) };
        Library {
            name: format!("libsrtp-{}-openssl", short(&version)),
            version,
            create: srtp_create,
            dealloc: srtp_dealloc,
            set_policy: POLICIES.into_iter().zip(set_policy).collect(),
            protect: srtp_protect,
            unprotect: srtp_unprotect,
            protect_rtcp: srtp_protect_rtcp,
            unprotect_rtcp: srtp_unprotect_rtcp,
        }
    }
}

/// Major and minor.
fn short(version: &str) -> String {
    let parts: Vec<&str> = version.split('.').take(2).collect();
    parts.join(".")
}

/// Sessions of one build.
struct LibSrtp {
    library: &'static Library,
    sessions: Vec<*mut c_void>,
    apply: Apply,
}

impl LibSrtp {
    fn new(library: &'static Library, load: Load) -> Option<Self> {
        let policy = match load.profile {
            Profile::AesCm128HmacSha1_80 => "rtp_default",
            Profile::AesCm128HmacSha1_32 => "aes_cm_128_hmac_sha1_32",
            Profile::AesCm256HmacSha1_80 => "aes_cm_256_hmac_sha1_80",
            Profile::AesCm256HmacSha1_32 => "aes_cm_256_hmac_sha1_32",
            Profile::AeadAes128Gcm => "aes_gcm_128_16_auth",
            Profile::AeadAes256Gcm => "aes_gcm_256_16_auth",
            _ => return None,
        };
        // RTCP's tag has 80 bits where RTP's has 32.
        let rtcp_policy = match policy {
            "aes_cm_128_hmac_sha1_32" => "rtp_default",
            "aes_cm_256_hmac_sha1_32" => "aes_cm_256_hmac_sha1_80",
            other => other,
        };
        let apply = match load.operation {
            Operation::Protect => library.protect,
            Operation::Unprotect => library.unprotect,
            Operation::ProtectRtcp => library.protect_rtcp,
            Operation::UnprotectRtcp => library.unprotect_rtcp,
        };
        let mut sessions = Vec::new();
        for session in 0..load.sessions {
            let (mut key, salt) = octets_of_key(load.profile, session);
            key.extend(salt);
            let (mut rtp, mut rtcp) = (CryptoPolicy::default(), CryptoPolicy::default());
            // SAFETY: each fills the policy that it is given.
            unsafe {
                library.set_policy[policy](&mut rtp);
                library.set_policy[rtcp_policy](&mut rtcp);
            }
            let policy = Policy {
                ssrc_type: match load.operation.opens() {
                    true => SSRC_ANY_INBOUND,
                    false => SSRC_ANY_OUTBOUND,
                },
                ssrc: 0,
                rtp,
                rtcp,
                key: key.as_mut_ptr(),
                keys: ptr::null_mut(),
                num_master_keys: 0,
                deprecated_ekt: ptr::null_mut(),
                window_size: 128,
                allow_repeat_tx: 0,
                enc_xtn_hdr: ptr::null_mut(),
                enc_xtn_hdr_count: 0,
                next: ptr::null_mut(),
            };
            let mut made = ptr::null_mut();
            // SAFETY: the policy and its key outlive the call, which copies them.
            let status = unsafe { (library.create)(&mut made, &policy) };
            assert_eq!(status, 0, "srtp_create");
            sessions.push(made);
        }
        Some(Self {
            library,
            sessions,
            apply,
        })
    }
}

impl Drop for LibSrtp {
    fn drop(&mut self) {
        for &session in &self.sessions {
            // SAFETY: it was made by the same library, and nobody has it any more.
            unsafe { (self.library.dealloc)(session) };
        }
    }
}

impl Contender for LibSrtp {
    fn name(&self) -> String {
        self.library.name.clone()
    }

    fn batch(&self) -> usize {
        0
    }

    fn is_srtp(&self) -> bool {
        true
    }

    fn run(&mut self, packets: &mut Packets) {
        for packet in &mut packets.all {
            let session = self.sessions[packet.session];
            let mut len = packet.len as c_int;
            let start = packet.room().as_mut_ptr().cast();
            // SAFETY: the buffer has room for more than the longest trailer of
            // libsrtp behind the packet.
            let status = unsafe { (self.apply)(session, start, &mut len) };
            assert_eq!(status, 0, "a fresh packet is accepted");
            packet.len = len as usize;
        }
    }
}
