//! Defences that a test takes away, to show that an attack then succeeds.

use std::cell::Cell;
use std::thread::LocalKey;

/// Runs `attack` while the defences that `take_away` clears are missing, on this thread only; they stand again
/// afterwards, also after a panic.
///
/// ```
/// use callseal_testkit::without;
/// use std::cell::Cell;
///
/// #[derive(Clone, Copy)]
/// struct Defences { door_is_locked: bool }
///
/// thread_local! {
///     static IN_FORCE: Cell<Defences> = const { Cell::new(Defences { door_is_locked: true }) };
/// }
/// let thief_gets_in = || !IN_FORCE.get().door_is_locked;
/// assert!(!thief_gets_in());
/// assert!(without(&IN_FORCE, |defences| defences.door_is_locked = false, thief_gets_in));
/// assert!(!thief_gets_in());
/// ```
pub fn without<D: Copy + 'static, T>(
    in_force: &'static LocalKey<Cell<D>>,
    take_away: impl FnOnce(&mut D),
    attack: impl FnOnce() -> T,
) -> T {
    struct Restore<D: Copy + 'static>(&'static LocalKey<Cell<D>>, D);
    impl<D: Copy + 'static> Drop for Restore<D> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let mut left = in_force.get();
    let _restore = Restore(in_force, left);
    take_away(&mut left);
    in_force.set(left);
    attack()
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static IN_FORCE: Cell<u8> = const { Cell::new(7) };
    }

    #[test]
    fn defences_stand_again_after_a_panic_and_on_other_threads_all_along() {
        let ended = std::panic::catch_unwind(|| {
            without(
                &IN_FORCE,
                |defences| *defences = 0,
                || {
                    assert_eq!(IN_FORCE.get(), 0);
                    let elsewhere = std::thread::spawn(|| IN_FORCE.get());
                    assert_eq!(elsewhere.join().ok(), Some(7));
                    std::panic::resume_unwind(Box::new("the attack fails"));
                },
            );
        });
        assert!(ended.is_err());
        assert_eq!(IN_FORCE.get(), 7);
    }
}
