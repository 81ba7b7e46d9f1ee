//! Any text as a file of operators, and any number at them.

use callseal_registry_client::{Operators, number_hash};

/// `data` is a file; its last 16 octets are a number as well.
pub fn operators_file(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let number = String::from_utf8_lossy(&data[data.len().saturating_sub(16)..]);
    let Ok(operators) = Operators::from_json(text) else {
        return;
    };
    let names: Vec<&str> = operators.iter().map(|operator| &*operator.name).collect();
    for number in [&*number, "+8613800000001", "+10"] {
        match operators.of(number) {
            Ok(found) => {
                assert!(number_hash(number).is_ok());
                assert!(found.is_none_or(|operator| names.contains(&&*operator.name)));
            }
            Err(error) => assert_eq!(number_hash(number), Err(error)),
        }
    }
}
