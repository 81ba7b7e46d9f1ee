//! An MKI as a decimal number, which may have 1,024 bits.

use alloc::string::String;

use crate::keys::{MAX_MKI_LEN, Mki};

/// The MKI of `len` octets with this value; `None` where the digits are none,
/// begin with a zero they do not need, or are more than `len` octets hold.
pub(super) fn parse(digits: &str, len: usize) -> Option<Mki> {
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if digits.is_empty() || leading_zero || !(1..=MAX_MKI_LEN).contains(&len) {
        return None;
    }
    let mut octets = [0u8; MAX_MKI_LEN];
    let octets = &mut octets[..len];
    for digit in digits.bytes() {
        // value = value * 10 + digit
        let mut carry = u16::from(digit.checked_sub(b'0').filter(|&digit| digit < 10)?);
        for octet in octets.iter_mut().rev() {
            carry += u16::from(*octet) * 10;
            *octet = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Mki::new(octets).ok()
}

/// Appends the value of `mki` in digits.
pub(super) fn print(mki: &Mki, out: &mut String) {
    let mut octets = [0u8; MAX_MKI_LEN];
    let octets = &mut octets[..mki.as_bytes().len()];
    octets.copy_from_slice(mki.as_bytes());
    let start = out.len();
    loop {
        // value, digit = value / 10, value mod 10
        let mut digit = 0u16;
        for octet in octets.iter_mut() {
            let value = digit << 8 | u16::from(*octet);
            *octet = (value / 10) as u8;
            digit = value % 10;
        }
        out.insert(start, char::from(b'0' + digit as u8));
        if octets.iter().all(|&octet| octet == 0) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_octets_lead_to_each_other() {
        for (value, octets) in [
            ("0", &[0][..]),
            ("255", &[255]),
            ("1066", &[0, 0, 4, 42]),
            ("18446744073709551616", &[1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mki = parse(value, octets.len()).unwrap();
            assert_eq!(mki.as_bytes(), octets);
            let mut printed = String::new();
            print(&mki, &mut printed);
            assert_eq!(printed, value);
        }
        let largest = Mki::new(&[0xff; 128]).unwrap();
        let mut printed = String::new();
        print(&largest, &mut printed);
        assert_eq!(printed.len(), 309);
        assert_eq!(parse(&printed, 128), Some(largest));
    }

    #[test]
    fn what_is_no_value_or_too_large_is_refused() {
        for (value, len) in [
            ("", 1),
            ("256", 1),
            ("01", 1),
            ("1x", 2),
            ("-1", 2),
            ("1", 0),
        ] {
            assert_eq!(parse(value, len), None, "{value} {len}");
        }
        assert_eq!(parse("1", 129), None);
    }
}
