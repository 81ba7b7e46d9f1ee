//! What is process-wide: handlers, and the functions that callers bring along.

use core::ffi::{CStr, c_int, c_uint, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use callseal_srtp::Backend;

use crate::key_material::Aes192;
use crate::types::{AuthType, CipherType, DebugModule, EventData, EventHandler, LogHandler, event};

/// `srtp_log_level_t`.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Level {
    Warning = 1,
    Info = 2,
}

/// Who is told of events: a function of the caller's, nobody, or the log.
#[derive(Clone, Copy)]
enum Events {
    ToLog,
    To(EventHandler),
}

struct Log {
    handler: LogHandler,
    data: *mut c_void,
}

// SAFETY: the pointer is handed back to the caller's function and never
// followed here.
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

static EVENTS: RwLock<Events> = RwLock::new(Events::ToLog);
static LOG: RwLock<Log> = RwLock::new(Log {
    handler: None,
    data: ptr::null_mut(),
});

pub(crate) fn set_event_handler(handler: EventHandler) {
    *EVENTS.write().unwrap_or_else(PoisonError::into_inner) = Events::To(handler);
}

pub(crate) fn set_log_handler(handler: LogHandler, data: *mut c_void) {
    *LOG.write().unwrap_or_else(PoisonError::into_inner) = Log { handler, data };
}

/// Tells of an event. No lock is held while the caller's function runs, so
/// that it may call anything.
pub(crate) fn tell(session: *mut c_void, ssrc: u32, kind: c_uint) {
    let events = *EVENTS.read().unwrap_or_else(PoisonError::into_inner);
    match events {
        Events::To(None) => {}
        Events::To(Some(handler)) => {
            let mut data = EventData {
                session,
                ssrc,
                event: kind,
            };
            // SAFETY: the caller installed it for this.
            unsafe { handler(&mut data) }
        }
        Events::ToLog => {
            log(Level::Warning, &format!("srtp: in stream 0x{ssrc:x}: "));
            let what = match kind {
                event::SSRC_COLLISION => "\tSSRC collision",
                event::KEY_SOFT_LIMIT => "\tkey usage soft limit reached",
                event::KEY_HARD_LIMIT => "\tkey usage hard limit reached",
                event::PACKET_INDEX_LIMIT => "\tpacket index limit reached",
                _ => "\tunknown event reported to handler",
            };
            log(Level::Warning, what);
        }
    }
}

/// Has the log say, once in a process, which of the machine's instructions gave
/// wrong answers. Programs install their handler before they begin or after it,
/// so that it waits for one.
pub(crate) fn warn_of_wrong_instructions() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if WARNED.load(Ordering::Relaxed) || !has_log_handler() || WARNED.swap(true, Ordering::Relaxed)
    {
        return;
    }
    for name in Backend::distrusted() {
        let line = format!("srtp: this machine's {name} gives wrong answers, and is not used");
        log(Level::Warning, &line);
    }
}

fn has_log_handler() -> bool {
    let log = LOG.read().unwrap_or_else(PoisonError::into_inner);
    log.handler.is_some()
}

/// Gives a line to the log handler, where there is one.
pub(crate) fn log(level: Level, line: &str) {
    if let Ok(line) = CString::new(line) {
        log_c(level as c_uint, &line);
    }
}

pub(crate) fn log_c(level: c_uint, line: &CStr) {
    let (handler, data) = {
        let log = LOG.read().unwrap_or_else(PoisonError::into_inner);
        (log.handler, log.data)
    };
    if let Some(handler) = handler {
        // SAFETY: the caller installed it for this, with this data.
        unsafe { handler(level, line.as_ptr(), data) }
    }
}

/// Ciphers, authentication functions and debug modules of callers.
struct Registered {
    ciphers: BTreeMap<u32, *const CipherType>,
    auths: BTreeMap<u32, *const AuthType>,
    modules: Vec<*mut DebugModule>,
    /// The modules that libsrtp has of itself, by their names.
    own_modules: [(&'static CStr, bool); 8],
}

// SAFETY: the pointers are to what callers promised to keep until the library
// is shut down; they are followed under the interface's own rules.
unsafe impl Send for Registered {}

static REGISTERED: Mutex<Registered> = Mutex::new(Registered {
    ciphers: BTreeMap::new(),
    auths: BTreeMap::new(),
    modules: Vec::new(),
    own_modules: [
        (c"srtp", false),
        (c"hmac sha-1", false),
        (c"aes gcm", false),
        (c"aes icm", false),
        (c"alloc", false),
        (c"stat test", false),
        (c"cipher", false),
        (c"auth func", false),
    ],
});

fn registered() -> MutexGuard<'static, Registered> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn auth_type(id: u32) -> Option<*const AuthType> {
    registered().auths.get(&id).copied()
}

pub(crate) fn register_auth_type(id: u32, kind: *const AuthType) {
    registered().auths.insert(id, kind);
}

pub(crate) fn register_cipher_type(id: u32, kind: *const CipherType) {
    registered().ciphers.insert(id, kind);
}

/// Whether a cipher was registered under another number.
pub(crate) fn has_cipher_type_elsewhere(id: u32, kind: *const CipherType) -> bool {
    let registered = registered();
    let mut others = registered.ciphers.iter();
    others.any(|(&other, &known)| other != id && known == kind)
}

/// Whether an authentication function was registered under another number.
pub(crate) fn has_auth_type_elsewhere(id: u32, kind: *const AuthType) -> bool {
    let registered = registered();
    let mut others = registered.auths.iter();
    others.any(|(&other, &known)| other != id && known == kind)
}

/// Forgets all that callers brought along.
pub(crate) fn shut_down() {
    let mut registered = registered();
    registered.ciphers.clear();
    registered.auths.clear();
    registered.modules.clear();
}

/// Adds a debug module of the caller's; `false` where it is there already.
pub(crate) fn add_debug_module(module: *mut DebugModule) -> bool {
    let mut registered = registered();
    let is_new = !registered.modules.contains(&module);
    if is_new {
        registered.modules.push(module);
    }
    is_new
}

/// Switches a debug module on or off; `false` where there is none of this name.
pub(crate) fn set_debug_module(name: &CStr, on: c_int) -> bool {
    let mut registered = registered();
    for own in &mut registered.own_modules {
        if own.0 == name {
            own.1 = on != 0;
            return true;
        }
    }
    for &module in &registered.modules {
        // SAFETY: whoever loaded the module keeps it, name and all.
        unsafe {
            if !(*module).name.is_null() && CStr::from_ptr((*module).name) == name {
                (*module).on = on;
                return true;
            }
        }
    }
    false
}

/// Names every debug module in the log.
pub(crate) fn list_debug_modules() {
    let mut lines = vec!["debug modules loaded:".to_owned()];
    {
        let registered = registered();
        let mut line = |name: &CStr, on: bool| {
            let on = if on { "(on)" } else { "(off)" };
            lines.push(format!("  {} {on}", name.to_string_lossy()));
        };
        for (name, on) in registered.own_modules {
            line(name, on);
        }
        for &module in &registered.modules {
            // SAFETY: whoever loaded the module keeps it, name and all.
            unsafe {
                if !(*module).name.is_null() {
                    line(CStr::from_ptr((*module).name), (*module).on != 0);
                }
            }
        }
    }
    for line in lines {
        log(Level::Info, &line);
    }
}

/// Whose session keys AES-192 has: the environment may ask for those of
/// libsrtp before 2.8.
pub(crate) fn aes_192() -> Aes192 {
    let asked = std::env::var_os("CALLSEAL_SRTP_AES192");
    match asked.is_some_and(|of| of == "libsrtp-2.7") {
        true => Aes192::OfLibsrtpBefore2_8,
        false => Aes192::OfRfc6188,
    }
}
