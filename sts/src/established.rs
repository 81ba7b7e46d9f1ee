//! What a finished handshake gives.

use core::fmt;

use crate::Identity;
use crate::secret::SecretBytes;
use crate::suite::Suite;

/// Which side of a handshake this phone is on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// It sent M1.
    Caller,
    /// It answered with M2.
    Callee,
}

/// A finished handshake: who the peer is and the keys of the call.
///
/// Made by [`AwaitM4::receive`](crate::initiator::AwaitM4::receive) and
/// [`PresentedCaller::accept`](crate::responder::PresentedCaller::accept)
/// alone.
#[derive(Debug)]
pub struct Established {
    pub(crate) role: Role,
    pub(crate) peer: Identity,
    pub(crate) suite: Suite,
    pub(crate) epoch: u8,
    pub(crate) sas: Sas,
    pub(crate) session_hash: SessionHash,
    pub(crate) previous: Option<SessionHash>,
    pub(crate) media: MediaKeys,
}

/// The SRTP master keys and salts of a call; everything below them is RFC
/// 3711 §4.3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaKeys {
    /// For what the caller sends.
    pub caller_to_callee: DirectionKeys,
    /// For what the callee sends.
    pub callee_to_caller: DirectionKeys,
}

/// An SRTP master key and its salt; wiped when dropped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectionKeys {
    /// The master key, [`Suite::key_len`] octets.
    pub key: SecretBytes,
    /// The master salt, [`Suite::salt_len`] octets.
    pub salt: SecretBytes,
}

/// The short authentication string: four characters, 20 bits, that two people
/// read to each other.
///
/// ```
/// # use callseal_sts::Sas;
/// # fn show(sas: Sas) {
/// println!("If the other side does not read {sas}, hang up.");
/// # }
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Sas(u32);

/// A name for a finished handshake that both sides know and that a renewal
/// refers to. It is no secret.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct SessionHash([u8; 32]);

/// A call in progress, as far as further handshakes beside it have to know.
///
/// ```
/// # use callseal_sts::{Established, Running};
/// # fn remember(established: &Established) -> Running {
/// established.running()
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Running {
    /// The call's session hash.
    pub session_hash: SessionHash,
    /// The call's epoch, 1 to 255.
    pub epoch: u8,
    /// With whom it is.
    pub peer: Identity,
}

impl Established {
    /// The side this phone was on.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who the peer is, as vouched for.
    pub fn peer(&self) -> &Identity {
        &self.peer
    }

    /// What the two agreed on.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The call's epoch, 1 to 255: the one octet of its MKI.
    pub fn epoch(&self) -> u8 {
        self.epoch
    }

    /// The short authentication string of this handshake.
    pub fn sas(&self) -> Sas {
        self.sas
    }

    /// The name of this handshake.
    pub fn session_hash(&self) -> SessionHash {
        self.session_hash
    }

    /// The name of the handshake that this one renews; `None` for a new call.
    pub fn previous(&self) -> Option<SessionHash> {
        self.previous
    }

    /// The SRTP master keys of both directions.
    pub fn media_keys(&self) -> &MediaKeys {
        &self.media
    }

    /// The keys for what this phone sends.
    pub fn sending_keys(&self) -> &DirectionKeys {
        match self.role {
            Role::Caller => &self.media.caller_to_callee,
            Role::Callee => &self.media.callee_to_caller,
        }
    }

    /// The keys for what this phone receives.
    pub fn receiving_keys(&self) -> &DirectionKeys {
        match self.role {
            Role::Caller => &self.media.callee_to_caller,
            Role::Callee => &self.media.caller_to_callee,
        }
    }

    /// This call, for handshakes beside it.
    pub fn running(&self) -> Running {
        Running {
            session_hash: self.session_hash,
            epoch: self.epoch,
            peer: self.peer,
        }
    }
}

impl MediaKeys {
    /// Cuts `2 × (key + salt)` octets into their four parts.
    pub(crate) fn cut(suite: Suite, octets: &[u8]) -> Self {
        let (caller, callee) = octets.split_at(suite.key_len() + suite.salt_len());
        let direction = |octets: &[u8]| {
            let (key, salt) = octets.split_at(suite.key_len());
            DirectionKeys {
                key: SecretBytes::from(key.to_vec()),
                salt: SecretBytes::from(salt.to_vec()),
            }
        };
        Self {
            caller_to_callee: direction(caller),
            callee_to_caller: direction(callee),
        }
    }
}

impl Sas {
    /// How many bits the string has.
    pub const BITS: u32 = 20;

    /// The bits of the string, in the lowest 20.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The first 20 bits of a hash.
    pub(crate) fn of_hash(hash: &[u8; 32]) -> Self {
        let first = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        Self(first >> (32 - Self::BITS))
    }
}

impl SessionHash {
    /// The hash with these octets.
    pub fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Running {
    /// Whether a handshake beside this call may be with this identity.
    pub(crate) fn admits(running: Option<&Self>, identity: &Identity) -> bool {
        running.is_none_or(|running| running.peer == *identity)
    }
}

impl fmt::Display for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: [char; 32] = [
            'y', 'b', 'n', 'd', 'r', 'f', 'g', '8', 'e', 'j', 'k', 'm', 'c', 'p', 'q', 'x', 'o',
            't', '1', 'u', 'w', 'i', 's', 'z', 'a', '3', '4', '5', 'h', '7', '6', '9',
        ];
        for shift in [15, 10, 5, 0] {
            write!(f, "{}", ALPHABET[(self.0 >> shift & 0x1f) as usize])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who reads a log must not be able to imitate the voice that reads
        // the string.
        f.write_str("Sas(redacted)")
    }
}

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionHash(")?;
        for octet in self.0 {
            write!(f, "{octet:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_shows_the_first_bits_first() {
        let mut hash = [0; 32];
        assert_eq!(Sas::of_hash(&hash).to_string(), "yyyy");
        hash[0] = 0b0000_1000;
        assert_eq!(Sas::of_hash(&hash).to_string(), "byyy");
        hash[..3].copy_from_slice(&[0xff, 0xff, 0xf0]);
        assert_eq!(Sas::of_hash(&hash).to_string(), "9999");
        hash[..3].copy_from_slice(&[0, 0, 0x1f]);
        assert_eq!(Sas::of_hash(&hash).to_string(), "yyyb");
    }

    #[test]
    fn media_keys_are_cut_in_the_order_of_the_protocol() {
        let octets: Vec<u8> = (0..60).collect();
        let keys = MediaKeys::cut(Suite::X25519AesCm128HmacSha1_80, &octets);
        assert_eq!(*keys.caller_to_callee.key, octets[..16]);
        assert_eq!(*keys.caller_to_callee.salt, octets[16..30]);
        assert_eq!(*keys.callee_to_caller.key, octets[30..46]);
        assert_eq!(*keys.callee_to_caller.salt, octets[46..]);
    }

    #[test]
    fn debug_shows_neither_keys_nor_string() {
        let keys = MediaKeys::cut(Suite::X25519AesCm128HmacSha1_80, &[0xab; 60]);
        assert!(!format!("{keys:?}").contains("171"));
        assert_eq!(format!("{:?}", Sas(0x12345)), "Sas(redacted)");
    }
}
