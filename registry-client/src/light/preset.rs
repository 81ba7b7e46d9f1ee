//! The sizes that a network is built with.

/// The consensus specification's presets: how long epochs and periods are, and how many sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Every public network: 32 slots an epoch, 256 epochs a period, 512 keys a committee.
    Mainnet,
    /// Test networks: 8 slots an epoch, 8 epochs a period, 32 keys a committee.
    Minimal,
}

impl Preset {
    /// `SLOTS_PER_EPOCH`.
    #[must_use]
    pub const fn slots_per_epoch(self) -> u64 {
        match self {
            Self::Mainnet => 32,
            Self::Minimal => 8,
        }
    }

    /// `EPOCHS_PER_SYNC_COMMITTEE_PERIOD`.
    #[must_use]
    pub const fn epochs_per_period(self) -> u64 {
        match self {
            Self::Mainnet => 256,
            Self::Minimal => 8,
        }
    }

    /// Slots for which one committee signs.
    #[must_use]
    pub const fn slots_per_period(self) -> u64 {
        self.slots_per_epoch() * self.epochs_per_period()
    }

    /// `SYNC_COMMITTEE_SIZE`, in keys.
    #[must_use]
    pub const fn committee_size(self) -> usize {
        match self {
            Self::Mainnet => 512,
            Self::Minimal => 32,
        }
    }
}
