//! Where a change of a record can be stopped: before and after everything of it
//! that lasts.

/// What lasts of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The new key of a rotation gets into the key file, beside the old one.
    KeepsNextKey,
    /// What is signed gets into the notes, or out of them.
    KeepsCall,
    /// What was signed is sent, where it is in no block yet.
    Sends,
    /// The new key takes the old one's place in the key file.
    TakesNextKey,
}

/// A moment in a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing of it is done.
    Before(Effect),
    /// It is done, and nothing has followed from it.
    After(Effect),
}

/// Told at every point. A test's ends the process there, and does not return.
pub trait Points {
    /// The change is here.
    fn reach(&self, point: Point);
}

/// Nobody stops it.
impl Points for () {
    fn reach(&self, _: Point) {}
}

impl dyn Points {
    pub(super) fn around<T>(&self, effect: Effect, work: impl FnOnce() -> T) -> T {
        self.reach(Point::Before(effect));
        let done = work();
        self.reach(Point::After(effect));
        done
    }
}
