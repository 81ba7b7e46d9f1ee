//! Events, the log, and what fills it.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};

use crate::boundary::{guarded, guarded_or};
use crate::kernel;
use crate::status::Status;
use crate::types::{DebugModule, EventHandler, LogHandler};

/// Installs who is told of events, of every session; null for nobody.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_install_event_handler(handler: EventHandler) -> Status {
    guarded(|| {
        kernel::set_event_handler(handler);
        Ok(())
    })
}

/// Installs who reads the log, of every session; null for nobody.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_install_log_handler(handler: LogHandler, data: *mut c_void) -> Status {
    guarded(|| {
        kernel::set_log_handler(handler, data);
        Ok(())
    })
}

/// Switches a debug module on or off. None of this library's own has anything
/// to say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_set_debug_module(name: *const c_char, on: c_int) -> Status {
    guarded(|| {
        if name.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the contract of this module's functions.
        match kernel::set_debug_module(unsafe { CStr::from_ptr(name) }, on) {
            true => Ok(()),
            false => Err(Status::Fail),
        }
    })
}

/// Names every debug module in the log.
#[unsafe(no_mangle)]
pub extern "C" fn srtp_list_debug_modules() -> Status {
    guarded(|| {
        kernel::list_debug_modules();
        Ok(())
    })
}

/// Adds a debug module, which the caller keeps until the library is shut down.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_crypto_kernel_load_debug_module(module: *mut DebugModule) -> Status {
    guarded(|| {
        if module.is_null() {
            return Err(Status::BadParam);
        }
        match kernel::add_debug_module(module) {
            true => Ok(()),
            false => Err(Status::BadParam),
        }
    })
}

/// Writes a line to the log: what `vsnprintf` has made of the format and what
/// came with it.
///
/// # Safety
///
/// `line` is a string.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "without a trampoline")
)]
unsafe extern "C" fn report(level: c_uint, line: *const c_char) {
    guarded_or((), || {
        // SAFETY: by this function's contract.
        let line = unsafe { CStr::from_ptr(line) };
        let octets = line.to_bytes();
        let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
        if let Ok(line) = std::ffi::CString::new(octets) {
            kernel::log_c(level, &line);
        }
    });
}

/// Where the arguments behind a format are found (System V ABI, §3.5.7).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[repr(C)]
struct VaList {
    gp_offset: c_uint,
    fp_offset: c_uint,
    overflow_arg_area: *mut c_void,
    reg_save_area: *mut c_void,
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe extern "C" {
    fn vsnprintf(
        to: *mut c_char,
        size: usize,
        format: *const c_char,
        arguments: *mut VaList,
    ) -> c_int;
}

/// # Safety
///
/// The format and the arguments belong together, as for `printf`.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe extern "C" fn report_formatted(
    level: c_uint,
    format: *const c_char,
    arguments: *mut VaList,
) {
    guarded_or((), || {
        if format.is_null() {
            return;
        }
        let mut line = [0; 512];
        // SAFETY: by this function's contract; the line ends within its room.
        if unsafe { vsnprintf(line.as_mut_ptr(), line.len(), format, arguments) } > 0 {
            // SAFETY: `vsnprintf` has written a string.
            unsafe { report(level, line.as_ptr()) }
        }
    });
}

/// `void srtp_err_report(level, format, …)`: writes a line to the log.
///
/// Rust has no functions with a variable number of arguments yet, so that this
/// one gathers its registers by hand and hands them on.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn srtp_err_report() {
    core::arch::naked_asm!(
        // 24 octets of va_list, 8 to align, 176 of registers; with the return
        // address the stack is aligned at the call.
        "sub rsp, 216",
        "mov [rsp + 32 + 16], rdx",
        "mov [rsp + 32 + 24], rcx",
        "mov [rsp + 32 + 32], r8",
        "mov [rsp + 32 + 40], r9",
        "test al, al",
        "je 2f",
        "movaps [rsp + 32 + 48], xmm0",
        "movaps [rsp + 32 + 64], xmm1",
        "movaps [rsp + 32 + 80], xmm2",
        "movaps [rsp + 32 + 96], xmm3",
        "movaps [rsp + 32 + 112], xmm4",
        "movaps [rsp + 32 + 128], xmm5",
        "movaps [rsp + 32 + 144], xmm6",
        "movaps [rsp + 32 + 160], xmm7",
        "2:",
        // Two general registers are taken by level and format.
        "mov dword ptr [rsp], 16",
        "mov dword ptr [rsp + 4], 48",
        "lea rax, [rsp + 224]",
        "mov [rsp + 8], rax",
        "lea rax, [rsp + 32]",
        "mov [rsp + 16], rax",
        "mov rdx, rsp",
        "call {report}",
        "add rsp, 216",
        "ret",
        report = sym report_formatted,
    );
}

/// `void srtp_err_report(level, format, …)`: writes the format to the log, as
/// it is: where nobody has written down how arguments behind it are found.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_err_report(level: c_uint, format: *const c_char) {
    if !format.is_null() {
        // SAFETY: the contract of this module's functions.
        unsafe { report(level, format) }
    }
}
