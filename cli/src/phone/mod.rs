//! One phone on a network: a call, from its arguments to its report.

mod files;
mod registry;
mod report;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use callseal_endpoint::{Answering, Config, Event, Port, Remote};
use callseal_sts::{Number, Role};
use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Clock;
use crate::commands::EXIT_FAILED;
use crate::commands::phone::{PhoneArguments, Words};
use crate::identity_file::IdentityFile;
use crate::interrupt::Interrupt;
use crate::leg_driver::{Happening, LegDriver};
use crate::media_sockets::MediaSockets;
use crate::scripts::Phone;
use crate::session::{self, Bounds, Observer};
use crate::speech::{AMR_WB_PAYLOAD_TYPE, Codec, Speaker, SpeechPacket, embedded, from_capture};

use files::CallFiles;
use report::Report;

/// How long nobody says anything before a phone hangs up.
const QUIET: Duration = Duration::from_secs(1);

/// A call to be made or waited for.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the command line says.
    pub phone: &'a PhoneArguments,
    /// Where our RTP is.
    pub bind: SocketAddr,
    /// Who speaks, where the embedded speech is said.
    pub speaker: Speaker,
    /// Whom to call, or whom to wait for.
    pub destination: Destination,
}

/// Whom to call, or whom to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A number, and where it receives RTP.
    Call {
        /// Its number.
        number: Number,
        /// Its address.
        address: SocketAddr,
    },
    /// Anybody, or one number.
    Listen {
        /// The only one who may call.
        expect: Option<Number>,
        /// How long to wait.
        wait: Option<Duration>,
    },
}

impl Call<'_> {
    /// Runs the call to its end, and reports on it.
    ///
    /// # Errors
    /// What is unusable, by name; the call was not begun then.
    pub fn run(&self) -> Result<ExitCode> {
        let phone = self.phone;
        registry::check(&phone.registry)?;
        let identity = IdentityFile::read_either(&phone.key, &phone.passphrase)?;
        let Some(number) = phone.number.or(identity.number) else {
            bail!(
                "{} holds no number; say our own with --number",
                phone.key.display()
            );
        };
        let source = registry::source(&phone.registry, number, identity.key.public())?;
        let speech = self.speech()?;
        let clock = Clock::start();
        let mut files = CallFiles::open(phone, clock)?;
        let sockets = match phone.mux {
            true => MediaSockets::muxed(self.bind)?,
            false => MediaSockets::pair(self.bind)?,
        };
        let local = Remote {
            rtp: sockets.local_address(Port::Rtp)?,
            rtcp: sockets.local_address(Port::Rtcp)?,
        };
        let config = Config::new(number, identity.key)
            .pins(files.pins().clone())
            .clock_rate(AMR_WB_PAYLOAD_TYPE, 16_000)
            .session_bandwidth(16_000)
            .answering(self.answering());
        let mut driver = LegDriver::start(clock, config, sockets, source)?;
        if let Some(recorder) = files.recorder() {
            driver.tap(Box::new(recorder));
        }
        let bounds = Bounds {
            set_up_limit: match self.destination {
                Destination::Listen { wait, .. } => wait,
                Destination::Call { .. } => None,
            },
            accept_changed_key: phone.accept_changed_key,
            renew_every: Some(phone.renew_every),
            interrupt: Interrupt::watch(vec![driver.waker()])?,
        };

        self.begin(&mut driver, number, local)?;
        let mut script = Phone::new(speech, QUIET, phone.duration);
        let mut display = Display::new(phone.json);
        let keeps_sound = phone.record.is_some();
        let record = session::run(&mut driver, &mut script, &mut display, &bounds, keeps_sound)
            .context("the sockets failed")?;
        display.bar.finish_and_clear();

        let report = Report::new(self.role(), number, &record);
        let mut stdout = std::io::stdout().lock();
        match phone.json {
            true => writeln!(stdout, "{}", serde_json::to_string(&report)?)?,
            false => write!(stdout, "{report}")?,
        }
        files.keep(&record, number, local)?;
        Ok(match report.is_well() {
            true => ExitCode::SUCCESS,
            false => EXIT_FAILED.into(),
        })
    }

    fn role(&self) -> Role {
        match self.destination {
            Destination::Call { .. } => Role::Caller,
            Destination::Listen { .. } => Role::Callee,
        }
    }

    fn answering(&self) -> Answering {
        match self.destination {
            Destination::Call { .. } => Answering::Nobody,
            Destination::Listen { expect: None, .. } => Answering::Anyone,
            Destination::Listen {
                expect: Some(number),
                ..
            } => Answering::Only(number),
        }
    }

    fn speech(&self) -> Result<Vec<SpeechPacket>> {
        Ok(match &self.phone.send {
            Words::Nothing => Vec::new(),
            Words::Speech => match self.phone.codec.as_slice() {
                [] => embedded(self.speaker, &[Codec::AmrWb, Codec::Pcmu])?,
                codecs => embedded(self.speaker, codecs)?,
            },
            Words::Capture(path) => {
                let shown = || format!("cannot send {}", path.display());
                let file = std::fs::File::open(path).with_context(shown)?;
                from_capture(file).with_context(shown)?
            }
        })
    }

    /// Calls, or says where we wait.
    fn begin(&self, driver: &mut LegDriver, own: Number, local: Remote) -> Result<()> {
        match self.destination {
            Destination::Listen { .. } => {
                // On standard error even with --json: whoever chose port 0
                // has to learn it.
                let Remote { rtp, rtcp } = local;
                let _ = writeln!(
                    std::io::stderr(),
                    "{own} listens on {rtp} (RTP) and {rtcp} (RTCP)"
                );
            }
            Destination::Call { number, address } => {
                let remote = match self.phone.mux {
                    true => Remote::muxed(address),
                    false => Remote::pair(address)
                        .with_context(|| format!("{address} leaves no higher port for RTCP"))?,
                };
                let now = driver.clock().now();
                driver
                    .leg()
                    .call(now, remote, number)
                    .with_context(|| format!("cannot call {number}"))?;
            }
        }
        Ok(())
    }
}

/// What is shown while the call goes on.
struct Display {
    is_quiet: bool,
    bar: ProgressBar,
}

impl Display {
    fn new(is_quiet: bool) -> Self {
        let bar = match is_quiet || !std::io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => ProgressBar::no_length(),
        };
        let style = ProgressStyle::with_template("talking for {elapsed}, {pos} packets heard");
        let bar = match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        Self { is_quiet, bar }
    }
}

impl Observer for Display {
    fn happened(&mut self, _: Duration, happening: &Happening) {
        match happening {
            Happening::Rtp { .. } => self.bar.inc(1),
            Happening::Event(Event::Secured(secured)) if !self.is_quiet => {
                self.bar.suspend(|| {
                    let again = match secured.renewal {
                        true => " again",
                        false => "",
                    };
                    let _ = writeln!(
                        std::io::stdout(),
                        "secured{again} with {}; to be compared aloud: {}",
                        secured.peer.number,
                        secured.sas
                    );
                });
            }
            _ => {}
        }
    }
}
