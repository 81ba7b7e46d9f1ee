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
  callseal demo               # a whole call, on this machine alone
  callseal replay call.pcapng --keys keys.json
  callseal keygen alice.key --number +8613800000001
  callseal enrol --help       # a number, a wallet and a key into the registry
  callseal record --help      # one's own record: look, object, revoke, renew
  callseal bench              # how fast SRTP is on this machine
  callseal call +8613800000002@192.0.2.2:40000 --help
  callseal registry get +8613800000001 --help
  callseal operator --help    # an operator's side: tokens, funding, approval
  callseal devnet             # a network on this machine to try it on

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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    /// What a person puts in the place of these.
    const PLACEHOLDERS: [(&str, usize); 6] = [
        ("0x5FbD…", 20),
        ("0x1a64…", 20),
        ("0x9a3f…", 20),
        ("0x1bd0…", 32),
        ("0x61c4…", 32),
        ("inline:…", 0),
    ];

    /// What stands under "Examples:" in the help of a command and of all below it, an example each.
    fn examples(command: &clap::Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string);
        let mut examples: Vec<String> = Vec::new();
        let mut is_continued = false;
        let help = help.unwrap_or_default();
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        for line in lines.take_while(|line| !line.is_empty()) {
            match (examples.last_mut(), is_continued) {
                (Some(example), true) => *example += &format!("\n{line}"),
                _ => examples.push(line.to_owned()),
            }
            is_continued = line.ends_with('\\');
        }
        let below = command.get_subcommands().flat_map(self::examples);
        examples.into_iter().chain(below).collect()
    }

    /// The arguments of `callseal`, as a shell reads them.
    #[cfg(unix)]
    fn pasted(example: &str) -> Vec<String> {
        let script =
            format!("callseal() {{ printf '%s\\0' \"$@\"; }}\njq() {{ cat; }}\n{example}\n");
        let shell = std::process::Command::new("sh")
            .args(["-euc", &script])
            .output();
        let shell = shell.unwrap();
        let said = String::from_utf8_lossy(&shell.stderr);
        assert!(
            shell.status.success() && said.is_empty(),
            "{example}: {said}"
        );
        let arguments = String::from_utf8(shell.stdout).unwrap();
        arguments
            .split_terminator('\0')
            .map(str::to_owned)
            .collect()
    }

    #[cfg(unix)]
    #[test]
    fn every_example_of_the_help_is_a_command_once_it_is_pasted() {
        let examples = examples(&Arguments::command());
        assert!(examples.len() > 40, "{}", examples.len());
        for example in examples {
            // Whoever has a narrow terminal would copy two commands.
            let longest = example.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= 80), "{example}");
            let mut filled = example.clone();
            for (placeholder, octets) in PLACEHOLDERS {
                let value = match octets {
                    0 => "inline:AA==".to_owned(),
                    octets => format!("0x{}", "5f".repeat(octets)),
                };
                filled = filled.replace(placeholder, &value);
            }
            assert!(!filled.contains('…'), "{example}");
            let arguments = [vec!["callseal".to_owned()], pasted(&filled)].concat();
            match Arguments::try_parse_from(arguments) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::DisplayHelp => {}
                Err(error) => panic!("{example}\n{error}"),
            }
        }
    }
}
