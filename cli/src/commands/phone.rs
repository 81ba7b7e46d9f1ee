//! `callseal call` and `callseal listen`: one phone a process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use alloy_primitives::B256;
use anyhow::Result;
use callseal_sts::Number;

use crate::commands::light::{BeaconArguments, NetworkArguments};
use crate::commands::which_registry::WhichRegistry;
use crate::phone::{Call, Destination};
use crate::sealed_keys::PassphraseArguments;
use crate::speech::{Codec, Speaker};

/// Calls a number as one phone
///
/// Asks the registry for the callee's key, proves who it is, and says what it
/// has to say, over SRTP. Without a key for the other side that the registry
/// vouches for, not one packet of speech is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = CALL_HELP)]
pub struct CallArguments {
    /// Whom to call, and where it receives: HOST is a name or an address (IPv6 in brackets), PORT that
    /// of RTP; RTCP is on the next, or with --mux on the same
    #[arg(value_name = "+NUMBER@HOST:PORT")]
    callee: Callee,

    /// The address of our own RTP; RTCP is on the next port, or with --mux on the same [default: any
    /// address, a free port]
    #[arg(long, value_name = "ADDR:PORT")]
    bind: Option<SocketAddr>,

    #[command(flatten)]
    phone: PhoneArguments,
}

/// Waits for a call as one phone
///
/// Answers the first caller for whose key the registry vouches, says what it
/// has to say, over SRTP, and ends with the call. Others who try are refused
/// and do not end the wait.
#[derive(Debug, clap::Args)]
#[command(after_help = LISTEN_HELP)]
pub struct ListenArguments {
    /// The address of our RTP; RTCP is on the next port, or with --mux on the same
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:40000")]
    bind: SocketAddr,

    /// The only number that may call
    #[arg(long, value_name = "+NUMBER")]
    expect: Option<Number>,

    /// Gives up when nobody has called after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,

    #[command(flatten)]
    phone: PhoneArguments,
}

/// What both have in common.
#[derive(Debug, clap::Args)]
pub struct PhoneArguments {
    /// Our identity key; `callseal keygen` makes one
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,

    /// Where the passphrase of an encrypted key file comes from.
    #[command(flatten)]
    pub passphrase: PassphraseArguments,

    /// Our own number [default: the one in the key file]
    #[arg(long, value_name = "+NUMBER")]
    pub number: Option<Number>,

    /// Which registry, and who is asked.
    #[command(flatten)]
    pub registry: RegistryArguments,

    /// RTP and RTCP on one port (RFC 5761)
    #[arg(long)]
    pub mux: bool,

    /// What to say: the embedded speech, nothing, or the RTP packets of a capture
    #[arg(
        long,
        value_name = "speech|none|FILE",
        default_value = "speech",
        help_heading = "Media"
    )]
    pub send: Words,

    /// Says the embedded speech in this codec only; may be repeated [default: both, as two streams]
    #[arg(long, value_enum, value_name = "CODEC", help_heading = "Media")]
    pub codec: Vec<Codec>,

    /// Hangs up so many seconds after the call was secured
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Media")]
    pub duration: Option<Duration>,

    /// Renews the keys so many seconds after they were last renewed by either side; 10 at least
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "3600", help_heading = "Media")]
    pub renew_every: Duration,

    /// Records into this folder: call.pcapng (encrypted, as on the wire) and heard-SSRC.wav
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub record: Option<PathBuf>,

    /// Writes the call's keys, for `callseal replay`; whoever has the file hears the call
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub export_keys: Option<PathBuf>,

    /// Replaces the files of --record and --export-keys if they exist
    #[arg(long, help_heading = "Files")]
    pub force: bool,

    /// Where the keys of earlier peers are remembered [default: callseal/known-peers.json in the user's
    /// state folder]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub known_peers: Option<PathBuf>,

    /// Accepts a peer whose key has changed since the last call, and remembers the new one
    #[arg(long)]
    pub accept_changed_key: bool,

    /// Prints one line of JSON at the end, and nothing else
    #[arg(long)]
    pub json: bool,
}

/// Which registry, and who is asked.
#[derive(Debug, clap::Args)]
#[command(
    mut_arg("contract", |contract| contract.help("The registry contract, in which every number is looked up")),
    mut_arg("operators", |operators| operators.help(OPERATORS_HELP)),
    mut_arg("beacon", |beacon| beacon.help(BEACON_HELP))
)]
pub struct RegistryArguments {
    /// An Ethereum node to ask; nothing it says is believed without proof. May be repeated: the others are asked where
    /// one fails or lies. Where operators are on several chains: CHAIN=URL
    #[arg(
        long,
        value_name = "[CHAIN=]URL",
        required = true,
        help_heading = "Registry"
    )]
    pub rpc: Vec<OfChain<String>>,

    /// One contract, or each number's own operator's.
    #[command(flatten)]
    pub registry: WhichRegistry,

    /// The block that everything is proven from, where no --beacon is asked; nodes keep about 128 blocks of proofs.
    /// Of several chains, one for each: CHAIN=HASH
    #[arg(
        long,
        value_name = "[CHAIN=]HASH",
        conflicts_with = "beacon",
        help_heading = "Registry"
    )]
    pub trusted_block: Vec<OfChain<B256>>,

    /// Refuses a node of another chain [default: the trusted block says which chain it is]
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "operators",
        help_heading = "Registry"
    )]
    pub chain_id: Option<u64>,

    /// Whom the light client asks.
    #[command(flatten)]
    pub beacons: BeaconArguments,

    /// Which network the light client follows.
    #[command(flatten)]
    pub network: NetworkArguments,
}

const OPERATORS_HELP: &str = "A file that says which operator has which numbers, and where its registry is; each number is then \
    looked up at its own operator. With --beacon, those of operators on another chain than --network's are not known";

const BEACON_HELP: &str = "A beacon node to ask; may be repeated. A light client then finds the newest final block and trusts nobody; \
    what proves each phone's record travels inside the handshake, so that no node learns who calls whom";

/// What is said of one chain (`CHAIN=…`, by its id), or of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfChain<T> {
    /// The chain's id, if it is of one.
    pub chain_id: Option<u64>,
    /// What is said.
    pub value: T,
}

impl<T: FromStr> FromStr for OfChain<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        let chain = text
            .split_once('=')
            .and_then(|(chain, rest)| Some((chain.parse().ok()?, rest)));
        let (chain_id, value) = match chain {
            Some((chain, rest)) => (Some(chain), rest),
            None => (None, text),
        };
        Ok(Self {
            chain_id,
            value: value.parse()?,
        })
    }
}

/// What a phone says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// The embedded speech.
    Speech,
    /// Nothing.
    Nothing,
    /// The RTP packets of a capture.
    Capture(PathBuf),
}

impl FromStr for Words {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "speech" => Self::Speech,
            "none" => Self::Nothing,
            path => Self::Capture(PathBuf::from(path)),
        })
    }
}

/// A number and where it receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callee {
    number: Number,
    address: SocketAddr,
}

impl FromStr for Callee {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, host) = text
            .split_once('@')
            .ok_or("not of the form +NUMBER@HOST:PORT")?;
        let number = Number::parse(number).map_err(|error| format!("\"{number}\": {error}"))?;
        let address = host
            .to_socket_addrs()
            .map_err(|error| format!("\"{host}\" is no HOST:PORT that can be found: {error}"))?
            .next()
            .ok_or_else(|| format!("\"{host}\" has no address"))?;
        if address.port() == 0 {
            return Err("nobody receives on port 0".to_owned());
        }
        Ok(Self { number, address })
    }
}

/// Runs `callseal call`.
///
/// # Errors
/// What is unusable, by name.
pub fn call(arguments: &CallArguments) -> Result<ExitCode> {
    let Callee { number, address } = arguments.callee.clone();
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Call {
        phone: &arguments.phone,
        bind: arguments.bind.unwrap_or(SocketAddr::new(any, 0)),
        speaker: Speaker::Alice,
        destination: Destination::Call { number, address },
    }
    .run()
}

/// Runs `callseal listen`.
///
/// # Errors
/// What is unusable, by name.
pub fn listen(arguments: &ListenArguments) -> Result<ExitCode> {
    Call {
        phone: &arguments.phone,
        bind: arguments.bind,
        speaker: Speaker::Bob,
        destination: Destination::Listen {
            expect: arguments.expect,
            wait: arguments.wait,
        },
    }
    .run()
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "not a number of seconds above 0".to_owned())
}

const CALL_HELP: &str = "\
The call ends when nothing was said for a second, when the other side hangs up, or with
Ctrl-C; a BYE is sent first.

Examples:
  callseal call +8613800000002@192.0.2.2:40000 --key alice.key \\
      --rpc http://127.0.0.1:8545 --contract 0x5FbD… --trusted-block 0x1bd0…
  callseal call '+8613800000002@[2001:db8::2]:40000' --mux --key alice.key \\
      --rpc http://127.0.0.1:8545 --contract 0x5FbD… --trusted-block 0x1bd0… \\
      --record call --export-keys call/keys.json
  callseal call +8613800000002@192.0.2.2:40000 --key alice.key \\
      --contract 0x5FbD… \\
      --rpc https://rpc.example --beacon https://beacon.example \\
      --checkpoint 0x1bd0…
  callseal call +4420000000002@192.0.2.2:40000 --key alice.key \\
      --operators operators.json \\
      --rpc https://rpc.example --beacon https://beacon.example \\
      --checkpoint 0x1bd0…
  callseal replay call/call.pcapng --keys call/keys.json

Exit codes:
  0  the call was secured, and ended as calls do
  1  it was not secured, or broke off
  2  an argument, a file or the URL is unusable";

const LISTEN_HELP: &str = "\
The call ends when nothing was said for a second, when the other side hangs up, or with
Ctrl-C; a BYE is sent first.

Examples:
  callseal listen --key bob.key --bind 192.0.2.2:40000 \\
      --rpc http://127.0.0.1:8545 --contract 0x5FbD… --trusted-block 0x1bd0…
  callseal listen --key bob.key --mux --expect +8613800000001 \\
      --rpc http://127.0.0.1:8545 --contract 0x5FbD… --trusted-block 0x1bd0… \\
      --send none --record call --json

Exit codes:
  0  a call was secured, and ended as calls do
  1  none was, or it broke off
  2  an argument, a file or the URL is unusable";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callee_is_a_number_and_an_address() {
        let callee: Callee = "+8613800000002@127.0.0.1:40000".parse().unwrap();
        assert_eq!(callee.number.as_str(), "+8613800000002");
        assert_eq!(callee.address, "127.0.0.1:40000".parse().unwrap());
        let callee: Callee = "+8613800000002@[::1]:40000".parse().unwrap();
        assert!(callee.address.is_ipv6());
        for wrong in [
            "+8613800000002",
            "8613800000002@127.0.0.1:40000",
            "+8613800000002@127.0.0.1",
            "+8613800000002@127.0.0.1:0",
            "@127.0.0.1:40000",
        ] {
            assert!(Callee::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_node_or_a_block_may_name_its_chain() {
        let of = |text: &str| text.parse::<OfChain<String>>().unwrap();
        let said = of("11155111=https://rpc.example/?key=1");
        assert_eq!(said.chain_id, Some(11_155_111));
        assert_eq!(said.value, "https://rpc.example/?key=1");
        assert_eq!(of("https://rpc.example/?key=1").chain_id, None);
        assert!("1=0x12".parse::<OfChain<B256>>().is_err());
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1_500)));
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "a while"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
