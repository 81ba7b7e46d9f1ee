//! Any text as an `a=crypto` line: no panic, and what was read is printed to a
//! line that reads the same.

use callseal_srtp::sdes::CryptoAttribute;

/// The line; a fault lies inside of it.
pub fn sdes_line(data: &[u8]) {
    let Ok(line) = core::str::from_utf8(data) else {
        return;
    };
    match CryptoAttribute::parse(line) {
        Ok(attribute) => {
            let printed = attribute.to_line();
            assert_eq!(CryptoAttribute::parse(&printed).as_ref(), Ok(&attribute));
            let _ = attribute.receiver(attribute.policy());
            let _ = attribute.sender(attribute.policy());
        }
        Err(error) => assert!(error.at <= line.len()),
    }
}
