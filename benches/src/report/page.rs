//! Blocks between markers in a page that people write.

use std::ops::Range;

/// Why a page cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageError {
    /// A block begins and does not end.
    Unended(String),
    /// No table has this name.
    Unknown(String),
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unended(name) => write!(f, "the block {name} does not end"),
            Self::Unknown(name) => write!(f, "nothing is called {name}"),
        }
    }
}

impl std::error::Error for PageError {}

/// The page with what `table` gives for each name between the markers
/// `<!-- bench: NAME -->` and `<!-- /bench -->`. Everything else stays.
///
/// ```
/// use callseal_benches::report::fill_in;
///
/// let page = "Before.\n<!-- bench: sum -->\nold\n<!-- /bench -->\nAfter.\n";
/// let filled = fill_in(page, |name| (name == "sum").then(|| "new\n".into()))?;
/// assert_eq!(filled, "Before.\n<!-- bench: sum -->\n\nnew\n\n<!-- /bench -->\nAfter.\n");
/// # Ok::<(), callseal_benches::report::PageError>(())
/// ```
///
/// # Errors
///
/// [`PageError`], with the name.
pub fn fill_in(page: &str, table: impl Fn(&str) -> Option<String>) -> Result<String, PageError> {
    let mut filled = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((name, inside)) = next_block(rest)? {
        let content = table(&name).ok_or(PageError::Unknown(name))?;
        filled.push_str(&rest[..inside.start]);
        filled.push_str("\n\n");
        filled.push_str(content.trim_end());
        filled.push_str("\n\n");
        rest = &rest[inside.end..];
    }
    filled.push_str(rest);
    Ok(filled)
}

const BEGIN: &str = "<!-- bench: ";
const END: &str = "<!-- /bench -->";

/// The name of the next block, and where what is inside of it lies.
fn next_block(page: &str) -> Result<Option<(String, Range<usize>)>, PageError> {
    let Some(begin) = page.find(BEGIN) else {
        return Ok(None);
    };
    let after = &page[begin + BEGIN.len()..];
    let name_end = after.find(" -->").unwrap_or(after.len().min(20));
    let name = after[..name_end].to_owned();
    let start = begin + BEGIN.len() + name_end + " -->".len();
    let end = page.get(start..).and_then(|inside| inside.find(END));
    let Some(end) = end else {
        return Err(PageError::Unended(name));
    };
    Ok(Some((name, start..start + end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_does_not_end_or_has_no_name_is_named() {
        let page = "<!-- bench: a -->\n";
        let unended = fill_in(page, |_| Some(String::new()));
        assert_eq!(unended, Err(PageError::Unended("a".into())));
        let page = "<!-- bench: a --><!-- /bench -->";
        assert_eq!(fill_in(page, |_| None), Err(PageError::Unknown("a".into())));
    }

    #[test]
    fn filling_in_twice_changes_nothing_more() {
        let page = "x\n<!-- bench: a -->\n<!-- /bench -->\ny\n<!-- bench: b --><!-- /bench -->";
        let table = |name: &str| Some(format!("table {name}"));
        let once = fill_in(page, table).unwrap();
        assert_eq!(fill_in(&once, table).unwrap(), once);
        assert!(once.contains("table a") && once.ends_with("table b\n\n<!-- /bench -->"));
    }
}
