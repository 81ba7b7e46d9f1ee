//! What a process says on standard error, line by line as it comes.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use super::PATIENCE;

/// The lines of a running process.
pub(crate) struct Log {
    said: Arc<Said>,
    reading: JoinHandle<()>,
}

#[derive(Default)]
struct Said {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    text: String,
    has_ended: bool,
}

impl Log {
    /// Reads from now on.
    pub(crate) fn of(pipe: impl Read + Send + 'static) -> Self {
        let said = Arc::<Said>::default();
        let heard = Arc::clone(&said);
        let reading = thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                heard.lines.lock().unwrap().text += &(line.unwrap() + "\n");
                heard.more.notify_all();
            }
            heard.lines.lock().unwrap().has_ended = true;
            heard.more.notify_all();
        });
        Self { said, reading }
    }

    /// Waits for a line that has all of these in it, or has come before; that the process ends without one fails the
    /// test.
    pub(crate) fn await_line(&self, parts: &[&str]) -> String {
        let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
        let lines = self.said.lines.lock().unwrap();
        let goes_on =
            |lines: &mut Lines| !lines.has_ended && !lines.text.lines().any(|it| is_it(&it));
        let (lines, _) = self
            .said
            .more
            .wait_timeout_while(lines, PATIENCE, goes_on)
            .unwrap();
        let line = lines.text.lines().find(is_it);
        line.unwrap_or_else(|| panic!("nothing of {parts:?} in\n{}", lines.text))
            .to_owned()
    }

    /// Everything, once the process has ended.
    pub(crate) fn finish(self) -> String {
        self.reading.join().unwrap();
        self.said.lines.lock().unwrap().text.clone()
    }
}
