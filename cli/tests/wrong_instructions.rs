//! A machine whose instructions give wrong answers. They do so to the whole
//! process, so that this is one test.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{self, Write};
use std::sync::Mutex;

use callseal_srtp::{Backend, testing};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct ToLog;

impl Write for ToLog {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn wrong_instructions_are_named_a_line_each() {
    testing::make_answers_wrong();
    let log = tracing_subscriber::fmt()
        .with_writer(|| ToLog)
        .with_ansi(false);
    tracing::subscriber::with_default(log.finish(), callseal::logging::warn_of_wrong_instructions);
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    let names: Vec<&str> = Backend::distrusted().collect();
    assert_eq!(log.lines().count(), names.len(), "{log}");
    for (line, name) in log.lines().zip(names) {
        assert!(line.contains(" WARN "), "{line}");
        let expected = format!("this machine's {name} gives wrong answers, and is not used");
        assert!(line.contains(&expected), "{line}");
    }
}
