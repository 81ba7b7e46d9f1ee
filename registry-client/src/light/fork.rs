//! The forks that matter to a light client, and what each of them moves.

use core::fmt;

/// A consensus fork, in the order in which networks go through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fork {
    /// Before light clients.
    Phase0,
    /// Sync committees.
    Altair,
    /// The merge.
    Bellatrix,
    /// Light-client headers carry the execution header.
    Capella,
    /// The execution header has two fields more.
    Deneb,
    /// The state has more fields, so its branches are longer.
    Electra,
    /// As Electra for light clients.
    Fulu,
    /// The light-client header carries an execution block hash alone. Refused until official vectors pass.
    Gloas,
}

impl Fork {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Phase0,
        Self::Altair,
        Self::Bellatrix,
        Self::Capella,
        Self::Deneb,
        Self::Electra,
        Self::Fulu,
        Self::Gloas,
    ];

    /// The specification's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phase0 => "phase0",
            Self::Altair => "altair",
            Self::Bellatrix => "bellatrix",
            Self::Capella => "capella",
            Self::Deneb => "deneb",
            Self::Electra => "electra",
            Self::Fulu => "fulu",
            Self::Gloas => "gloas",
        }
    }

    /// The fork with this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|fork| fork.name().eq_ignore_ascii_case(name))
    }

    /// The newest one that this client follows: no container has more room in its branches than this one's.
    pub(crate) const NEWEST: Self = Self::Fulu;

    /// Whether this client follows the light-client protocol of this fork.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        !matches!(self, Self::Phase0 | Self::Gloas)
    }

    /// `FINALIZED_ROOT_GINDEX` in a state of this fork.
    #[must_use]
    pub const fn finalized_root_gindex(self) -> u64 {
        match self {
            Self::Phase0 | Self::Altair | Self::Bellatrix | Self::Capella | Self::Deneb => 105,
            Self::Electra | Self::Fulu => 169,
            Self::Gloas => 735,
        }
    }

    /// `CURRENT_SYNC_COMMITTEE_GINDEX` in a state of this fork.
    #[must_use]
    pub const fn current_committee_gindex(self) -> u64 {
        match self {
            Self::Phase0 | Self::Altair | Self::Bellatrix | Self::Capella | Self::Deneb => 54,
            Self::Electra | Self::Fulu => 86,
            Self::Gloas => 2945,
        }
    }

    /// `NEXT_SYNC_COMMITTEE_GINDEX` in a state of this fork.
    #[must_use]
    pub const fn next_committee_gindex(self) -> u64 {
        self.current_committee_gindex() + 1
    }
}

/// `EXECUTION_PAYLOAD_GINDEX` in a block's body, from Capella on.
pub(crate) const EXECUTION_GINDEX: u64 = 25;

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the specification's `light-client/sync-protocol.md` of each fork has them.
    #[test]
    fn the_states_fields_stand_where_each_fork_puts_them() {
        let gindices = |fork: Fork| {
            (
                fork.finalized_root_gindex(),
                fork.current_committee_gindex(),
                fork.next_committee_gindex(),
            )
        };
        for fork in Fork::ALL {
            let expected = match fork {
                Fork::Gloas => (735, 2945, 2946),
                fork if fork >= Fork::Electra => (169, 86, 87),
                _ => (105, 54, 55),
            };
            assert_eq!(gindices(fork), expected, "{fork}");
        }
        let newest = Fork::ALL.into_iter().filter(|fork| fork.is_supported());
        assert_eq!(newest.max(), Some(Fork::NEWEST));
    }
}
