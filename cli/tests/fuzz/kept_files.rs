//! Any text as each of the small files that the program keeps: no panic, and
//! what is read is read the same again once it is written.

use callseal::holder::Notes;
use callseal::identity_file::IdentityFile;
use callseal::{known_peers, seen_revisions};

/// Reads `data` as the keys of known peers, as revisions that were seen, as an
/// identity, and as what is kept of a change to a record.
pub fn kept_files(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(pins) = known_peers::parse(text) {
        let written = known_peers::to_text(&pins).expect("JSON takes all");
        assert_eq!(known_peers::parse(&written).as_ref(), Ok(&pins));
    }
    if let Ok(revisions) = seen_revisions::parse(text) {
        let written = seen_revisions::to_text(&revisions).expect("JSON takes all");
        let again = seen_revisions::parse(&written).expect("our own file");
        assert_eq!(again, revisions);
    }
    if let Ok(notes) = Notes::parse(text) {
        let written = notes.to_text().expect("JSON takes all");
        assert_eq!(Notes::parse(&written).expect("our own file"), notes);
    }
    match IdentityFile::parse(text) {
        Ok(file) => {
            let written = file.to_text().expect("JSON takes all");
            let written = core::str::from_utf8(&written).expect("JSON is text");
            let again = IdentityFile::parse(written).expect("our own file");
            assert_eq!(again.key.public(), file.key.public());
            assert_eq!(again.number, file.number);
        }
        Err(error) => assert!(!error.is_empty()),
    }
}
