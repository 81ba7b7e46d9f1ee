//! What nodes failed at, or lied about, while others were asked.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// Each fault once, for the report at a command's end. A clone is another handle on the same.
#[derive(Clone, Debug, Default)]
pub struct NodeFaults(Arc<Mutex<Vec<String>>>);

/// A command that runs for hours at a node that says something else each time tells this many.
const MAX_FAULTS: usize = 64;

impl NodeFaults {
    /// Takes note of one.
    pub fn note(&self, fault: impl Display) {
        let fault = fault.to_string();
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < MAX_FAULTS && !faults.contains(&fault) {
            tracing::info!("passed over {fault}");
            faults.push(fault);
        }
    }

    /// Takes note of several.
    pub fn note_all(&self, faults: impl IntoIterator<Item = impl Display>) {
        faults.into_iter().for_each(|fault| self.note(fault));
    }

    /// All so far, in their order.
    pub fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_once_and_not_without_end() {
        let faults = NodeFaults::default();
        faults.clone().note_all(["one", "two", "one"]);
        assert_eq!(faults.all(), ["one", "two"]);
        faults.note_all(0..1_000);
        assert_eq!(faults.all().len(), MAX_FAULTS);
    }
}
