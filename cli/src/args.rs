//! The command line's grammar.

use clap::{ArgAction, Parser, Subcommand};

use crate::commands::{
    bench, demo, devnet, enrol, keygen, operator, phone, record, registry, replay,
};

/// Calls that are private end to end.
///
/// Each side proves who it is with a public key that a registry on Ethereum
/// vouches for; the two agree on keys with the Station-to-Station protocol,
/// carried in RTCP; the media runs over SRTP.
#[derive(Debug, Parser)]
#[command(
    name = "callseal",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Examples:
  callseal demo                              a whole call on this machine, nothing else needed
  callseal replay call.pcapng --keys keys.json
  callseal keygen alice.key --number +8613800000001
  callseal enrol --help                      a number, a wallet and a key into the registry
  callseal record --help                     one's own record: look, object, revoke, renew its key
  callseal bench                             how fast SRTP is on this machine
  callseal call +8613800000002@192.0.2.2:40000 --help
  callseal registry get +8613800000001 --help
  callseal operator --help                   tokens, funding and approval: an operator's side
  callseal devnet                            a network on this machine to try it on

Exit codes:
  0  all went well
  1  it ran, and the answer is no: a packet failed, a call was not secured
  2  the input is unusable: an argument, a file, a URL"
)]
pub(crate) struct Arguments {
    /// Logs to standard error what happens; -vv and -vvv: also why
    #[arg(short, long, action = ArgAction::Count, global = true, display_order = 900)]
    pub(crate) verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done; each command says of itself what it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Call(phone::CallArguments),
    Listen(phone::ListenArguments),
    Replay(replay::Arguments),
    Keygen(keygen::Arguments),
    Enrol(enrol::Arguments),
    Bench(bench::Arguments),
    Record(record::Arguments),
    Registry(registry::Arguments),
    Operator(operator::Arguments),
    Devnet(devnet::Arguments),
}

impl Command {
    /// How much it says where nobody has asked for more.
    pub(crate) fn least_verbosity(&self) -> u8 {
        match self {
            Self::Operator(arguments) => arguments.least_verbosity(),
            _ => 0,
        }
    }

    /// Whether packets are protected or opened; the bench speaks for itself.
    pub(crate) fn handles_media(&self) -> bool {
        matches!(
            self,
            Self::Demo(_) | Self::Call(_) | Self::Listen(_) | Self::Replay(_)
        )
    }
}
