//! The file that says which operator has which numbers.

use std::path::Path;

use anyhow::{Context, Result, bail};
use callseal_registry_client::{Operator, Operators};
use callseal_sts::Number;

use crate::keys_file::read_text;

/// Reads such a file: see [`Operators::from_json`].
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Operators> {
    let shown = || format!("cannot use the operators in {}", path.display());
    let text = read_text(path).with_context(shown)?;
    Operators::from_json(&text).with_context(shown)
}

/// Whose number it is.
///
/// # Errors
/// Where it is nobody's, with the operators that there are.
pub fn operator_of<'a>(operators: &'a Operators, number: &Number) -> Result<&'a Operator> {
    match operators.of(number.as_str())? {
        Some(operator) => Ok(operator),
        None => {
            let names: Vec<_> = operators.iter().map(|there| &*there.name).collect();
            bail!(
                "{number} belongs to no operator that is configured; there are: {}",
                names.join(", ")
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_the_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operators.json");
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("operators.json"), "{error}");
        std::fs::write(&path, "{}").unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains("operators.json: missing field"), "{error}");
    }

    #[test]
    fn a_number_without_an_operator_is_an_error_that_says_so() {
        let text = r#"{ "format": "callseal operators", "version": 1, "operators": [
            { "name": "North", "chain_id": 1, "prefixes": ["+861"],
              "contract": "0x0101010101010101010101010101010101010101" } ] }"#;
        let operators = Operators::from_json(text).unwrap();
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(
            operator_of(&operators, &number("+8613")).unwrap().name,
            "North"
        );
        let error = operator_of(&operators, &number("+4413")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "+4413 belongs to no operator that is configured; there are: North"
        );
    }
}
