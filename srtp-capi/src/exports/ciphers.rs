//! Ciphers of callers (`cipher.h`).

use core::ffi::{c_int, c_uint};
use core::{ptr, slice};
use std::time::Instant;

use crate::boundary::{guarded, guarded_or};
use crate::kernel;
use crate::status::Status;
use crate::types::{Cipher, CipherTestCase, CipherType, answered, cipher_type};

/// `srtp_direction_encrypt` and `srtp_direction_decrypt`.
const ENCRYPT: c_uint = 0;
const DECRYPT: c_uint = 1;

/// The octets of the cipher's key and salt.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_get_key_length(cipher: *const Cipher) -> c_int {
    // SAFETY: the contract of this module's functions.
    unsafe { cipher.as_ref() }.map_or(0, |cipher| cipher.key_len)
}

/// Makes a cipher of a type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_type_alloc(
    kind: *const CipherType,
    cipher: *mut *mut Cipher,
    key_len: c_int,
    tag_len: c_int,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let kind = unsafe { kind.as_ref() };
        let alloc = kind.and_then(|kind| kind.alloc).ok_or(Status::BadParam)?;
        if cipher.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { alloc(cipher, key_len, tag_len) })
    })
}

/// Unmakes a cipher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_dealloc(cipher: *mut Cipher) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let kind = unsafe { cipher.as_ref().and_then(|cipher| cipher.kind.as_ref()) };
        let dealloc = kind.and_then(|kind| kind.dealloc).ok_or(Status::BadParam)?;
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { dealloc(cipher) })
    })
}

/// Gives a cipher its key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_init(cipher: *mut Cipher, key: *const u8) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let init = kind.init.ok_or(Status::NoSuchOp)?;
        if key.is_null() && cipher.key_len > 0 {
            return Err(Status::BadParam);
        }
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { init(cipher.state, key) })
    })
}

/// Gives a cipher its initialisation vector.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_set_iv(
    cipher: *mut Cipher,
    iv: *mut u8,
    direction: c_int,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let set_iv = kind.set_iv.ok_or(Status::NoSuchOp)?;
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { set_iv(cipher.state, iv, direction as c_uint) })
    })
}

/// Writes keystream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_output(
    cipher: *mut Cipher,
    buffer: *mut u8,
    len: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let encrypt = kind.encrypt.ok_or(Status::NoSuchOp)?;
        // SAFETY: the contract of this module's functions, and the type's own
        // function, called as `cipher.h` says.
        unsafe {
            check_lent(buffer, len)?;
            if !buffer.is_null() {
                ptr::write_bytes(buffer, 0, *len as usize);
            }
            answered(encrypt(cipher.state, buffer, len))
        }
    })
}

/// Encrypts in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_encrypt(
    cipher: *mut Cipher,
    buffer: *mut u8,
    len: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let encrypt = kind.encrypt.ok_or(Status::NoSuchOp)?;
        // SAFETY: the contract of this module's functions, and the type's own
        // function, called as `cipher.h` says.
        unsafe {
            check_lent(buffer, len)?;
            answered(encrypt(cipher.state, buffer, len))
        }
    })
}

/// Decrypts in place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_decrypt(
    cipher: *mut Cipher,
    buffer: *mut u8,
    len: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let decrypt = kind.decrypt.ok_or(Status::NoSuchOp)?;
        // SAFETY: the contract of this module's functions, and the type's own
        // function, called as `cipher.h` says.
        unsafe {
            check_lent(buffer, len)?;
            answered(decrypt(cipher.state, buffer, len))
        }
    })
}

/// Writes the tag of what was encrypted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_get_tag(
    cipher: *mut Cipher,
    buffer: *mut u8,
    len: *mut u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let get_tag = kind.get_tag.ok_or(Status::NoSuchOp)?;
        // Its length is what the function is to write.
        if buffer.is_null() || len.is_null() {
            return Err(Status::BadParam);
        }
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { get_tag(cipher.state, buffer, len) })
    })
}

/// Gives a cipher its associated data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_set_aad(
    cipher: *mut Cipher,
    aad: *const u8,
    len: u32,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let (cipher, kind) = unsafe { parts(cipher)? };
        let set_aad = kind.set_aad.ok_or(Status::NoSuchOp)?;
        if aad.is_null() && len > 0 {
            return Err(Status::BadParam);
        }
        // SAFETY: the type's own function, called as `cipher.h` says.
        answered(unsafe { set_aad(cipher.state, aad, len) })
    })
}

/// Whether a cipher computes what its own test cases say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_type_self_test(kind: *const CipherType) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let test_data = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?.test_data;
        // SAFETY: likewise.
        unsafe { test(kind, test_data) }
    })
}

/// Whether it computes what these test cases say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_type_test(
    kind: *const CipherType,
    test_data: *const CipherTestCase,
) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        unsafe { test(kind, test_data) }
    })
}

/// How many bits a cipher encrypts in a second: 0 where it fails or is too
/// fast to tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_cipher_bits_per_second(
    cipher: *mut Cipher,
    octets: c_int,
    trials: c_int,
) -> u64 {
    guarded_or(0, || {
        let (Ok(octets), Ok(trials)) = (u32::try_from(octets), u32::try_from(trials)) else {
            return 0;
        };
        let mut buffer = vec![0; octets as usize + crate::types::MAX_TAG_LEN];
        let began = Instant::now();
        for trial in 0..trials {
            let mut iv = [0; 16];
            iv[12..].copy_from_slice(&trial.to_ne_bytes());
            let (mut len, mut tag_len) = (octets, crate::types::MAX_TAG_LEN as u32);
            // SAFETY: the contract of this module's functions; the buffer has
            // room for what is encrypted and its tag.
            let done = unsafe {
                let has_tag = parts(cipher).is_ok_and(|(_, kind)| kind.get_tag.is_some());
                srtp_cipher_set_iv(cipher, iv.as_mut_ptr(), ENCRYPT as c_int) == Status::Ok
                    && (!has_tag || srtp_cipher_set_aad(cipher, [0; 4].as_ptr(), 4) == Status::Ok)
                    && srtp_cipher_encrypt(cipher, buffer.as_mut_ptr(), &mut len) == Status::Ok
                    && (!has_tag
                        || srtp_cipher_get_tag(
                            cipher,
                            buffer.as_mut_ptr().add(octets as usize),
                            &mut tag_len,
                        ) == Status::Ok)
            };
            if !done {
                return 0;
            }
        }
        let bits = f64::from(octets) * 8.0 * f64::from(trials);
        let seconds = began.elapsed().as_secs_f64();
        if seconds > 0.0 {
            (bits / seconds) as u64
        } else {
            0
        }
    })
}

/// Registers a cipher under the number of one of libsrtp's. It has to compute
/// what that one does, and this library goes on with its own, which is the
/// same and faster. Ciphers of other numbers cannot be used, and are refused
/// with [`Status::NoSuchOp`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_replace_cipher_type(kind: *const CipherType, id: u32) -> Status {
    guarded(|| {
        // SAFETY: the contract of this module's functions.
        let known = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?;
        if known.id != id || kernel::has_cipher_type_elsewhere(id, kind) {
            return Err(Status::BadParam);
        }
        // SAFETY: likewise.
        unsafe { test(kind, known.test_data) }?;
        match id {
            cipher_type::NULL..=cipher_type::AES_ICM_128
            | cipher_type::AES_ICM_192..=cipher_type::AES_GCM_256 => {
                kernel::register_cipher_type(id, kind);
                Ok(())
            }
            _ => Err(Status::NoSuchOp),
        }
    })
}

/// # Safety
///
/// As for every function of this module.
unsafe fn parts<'a>(cipher: *mut Cipher) -> Result<(&'a Cipher, &'a CipherType), Status> {
    // SAFETY: by the contract.
    let cipher = unsafe { cipher.as_ref() }.ok_or(Status::BadParam)?;
    // SAFETY: by the contract.
    let kind = unsafe { cipher.kind.as_ref() }.ok_or(Status::BadParam)?;
    match cipher.state.is_null() {
        true => Err(Status::BadParam),
        false => Ok((cipher, kind)),
    }
}

/// # Safety
///
/// As for every function of this module.
unsafe fn test(kind: *const CipherType, cases: *const CipherTestCase) -> Result<(), Status> {
    // SAFETY: by the contract.
    let kind = unsafe { kind.as_ref() }.ok_or(Status::BadParam)?;
    // SAFETY: by the contract.
    let mut next = unsafe { cases.as_ref() };
    if next.is_none() {
        return Err(Status::CantCheck);
    }
    let (alloc, dealloc) = kind.alloc.zip(kind.dealloc).ok_or(Status::BadParam)?;
    while let Some(case) = next {
        // SAFETY: by the contract.
        let texts = unsafe { octets_of(case)? };
        let mut cipher = ptr::null_mut();
        // SAFETY: the type's own functions, called as `cipher.h` says.
        let tested = unsafe {
            answered(alloc(&mut cipher, case.key_len, case.tag_len))?;
            let tested = test_case(kind, cipher, case, texts);
            dealloc(cipher);
            tested
        };
        tested?;
        // SAFETY: by the contract.
        next = unsafe { case.next.as_ref() };
    }
    Ok(())
}

/// # Safety
///
/// As for every function of this module.
unsafe fn test_case(
    kind: &CipherType,
    cipher: *mut Cipher,
    case: &CipherTestCase,
    [plain, sealed]: [&[u8]; 2],
) -> Result<(), Status> {
    /// Room for a tag, whatever the case says of its length.
    const ROOM: usize = 64;
    // SAFETY: by the contract.
    let cipher = unsafe { cipher.as_ref() }.ok_or(Status::AllocFail)?;
    let state = cipher.state;
    let init = kind.init.ok_or(Status::BadParam)?;
    let set_iv = kind.set_iv.ok_or(Status::BadParam)?;
    let prepare = |direction| {
        // SAFETY: the type's own functions in the order of `cipher.h`, with
        // the case's own octets.
        unsafe {
            answered(init(state, case.key))?;
            answered(set_iv(state, case.idx, direction))?;
            match kind.set_aad {
                Some(set_aad) if kind.get_tag.is_some() => {
                    answered(set_aad(state, case.aad, case.aad_len as u32))
                }
                _ => Ok(()),
            }
        }
    };

    prepare(ENCRYPT)?;
    let mut buffer = vec![0; plain.len().max(sealed.len()) + ROOM];
    buffer[..plain.len()].copy_from_slice(plain);
    let mut len = case.plaintext_len;
    let encrypt = kind.encrypt.ok_or(Status::BadParam)?;
    // SAFETY: the buffer is longer than what is encrypted, and a tag.
    answered(unsafe { encrypt(state, buffer.as_mut_ptr(), &mut len) })?;
    let mut end = len as usize;
    if let Some(get_tag) = kind.get_tag {
        let room = buffer.get_mut(end..).ok_or(Status::AlgoFail)?;
        let mut tag_len = 0;
        // SAFETY: there is more room than any tag takes.
        answered(unsafe { get_tag(state, room.as_mut_ptr(), &mut tag_len) })?;
        end += tag_len as usize;
    }
    if buffer.get(..end) != Some(sealed) {
        return Err(Status::AlgoFail);
    }

    prepare(DECRYPT)?;
    let mut len = case.ciphertext_len;
    let decrypt = kind.decrypt.ok_or(Status::BadParam)?;
    // SAFETY: the buffer holds what is decrypted.
    answered(unsafe { decrypt(state, buffer.as_mut_ptr(), &mut len) })?;
    match buffer.get(..len as usize) == Some(plain) {
        true => Ok(()),
        false => Err(Status::AlgoFail),
    }
}

/// A case's plaintext and ciphertext, where all that it has a length for is there.
///
/// # Safety
///
/// As for every function of this module.
unsafe fn octets_of(case: &CipherTestCase) -> Result<[&[u8]; 2], Status> {
    let has_key = !case.key.is_null() || case.key_len <= 0;
    let has_aad = case.aad_len == 0 || (!case.aad.is_null() && case.aad_len > 0);
    if !has_key || !has_aad {
        return Err(Status::BadParam);
    }
    // SAFETY: by the contract.
    unsafe {
        Ok([
            octets(case.plaintext, case.plaintext_len)?,
            octets(case.ciphertext, case.ciphertext_len)?,
        ])
    }
}

/// # Safety
///
/// There are as many octets.
unsafe fn octets<'a>(start: *const u8, len: c_uint) -> Result<&'a [u8], Status> {
    match (start.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Status::BadParam),
        // SAFETY: by the contract.
        (false, len) => Ok(unsafe { slice::from_raw_parts(start, len as usize) }),
    }
}

/// Whether a buffer is there that `len` tells the length of.
///
/// # Safety
///
/// `len` is null or points to a number.
unsafe fn check_lent(buffer: *const u8, len: *const u32) -> Result<(), Status> {
    // SAFETY: by the contract.
    let len = unsafe { len.as_ref() }.ok_or(Status::BadParam)?;
    match buffer.is_null() && *len > 0 {
        true => Err(Status::BadParam),
        false => Ok(()),
    }
}
