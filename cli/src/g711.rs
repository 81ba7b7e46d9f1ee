//! ITU-T G.711: the two companded codecs of telephony, to linear samples.

/// A µ-law octet (payload type 0, PCMU) as a 16-bit sample.
///
/// ```
/// use callseal::g711::mu_law;
///
/// assert_eq!(mu_law(0xff), 0);
/// assert_eq!(mu_law(0x00), -32_124);
/// assert_eq!(mu_law(0x80), 32_124);
/// ```
pub fn mu_law(octet: u8) -> i16 {
    const BIAS: i16 = 0x84;
    let octet = !octet;
    let exponent = (octet >> 4) & 0x07;
    let mantissa = i16::from(octet & 0x0f);
    let magnitude = (((mantissa << 3) + BIAS) << exponent) - BIAS;
    match octet & 0x80 {
        0 => magnitude,
        _ => -magnitude,
    }
}

/// An A-law octet (payload type 8, PCMA) as a 16-bit sample.
///
/// ```
/// use callseal::g711::a_law;
///
/// assert_eq!(a_law(0xd5), 8);
/// assert_eq!(a_law(0x55), -8);
/// assert_eq!(a_law(0xaa), 32_256);
/// ```
pub fn a_law(octet: u8) -> i16 {
    let octet = octet ^ 0x55;
    let exponent = (octet >> 4) & 0x07;
    let mantissa = i16::from(octet & 0x0f) << 4;
    let magnitude = match exponent {
        0 => mantissa + 8,
        _ => (mantissa + 0x108) << (exponent - 1),
    };
    match octet & 0x80 {
        0 => -magnitude,
        _ => magnitude,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_codecs_are_odd_and_monotonic_in_each_half() {
        for code in 0..0x80_u8 {
            assert_eq!(mu_law(code), -mu_law(code | 0x80));
            assert_eq!(a_law(code), -a_law(code | 0x80));
        }
        for code in 0x80..0xff_u8 {
            assert!(mu_law(code) > mu_law(code + 1));
        }
        for linear in 0x80..0xff_u8 {
            assert!(a_law(linear ^ 0x55) < a_law((linear + 1) ^ 0x55));
        }
    }
}
