//! The files of a call.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use callseal_endpoint::{Pins, Remote};
use callseal_sts::Number;

use crate::clock::Clock;
use crate::commands::phone::PhoneArguments;
use crate::keys_file::{KeysFile, MkiOctets, SenderKey};
use crate::known_peers;
use crate::output_file::{Existing, OutputFile, Privacy};
use crate::secret::Secret;
use crate::session::CallRecord;
use crate::speech::AMR_WB_PAYLOAD_TYPE;
use crate::wire_recorder::{WireRecorder, own_address_towards};

/// What a call reads before and leaves behind, as its arguments say.
pub(super) struct CallFiles {
    known_peers: Option<PathBuf>,
    pins: Pins,
    record: Option<(PathBuf, WireRecorder)>,
    keys: Option<PathBuf>,
    existing: Existing,
}

impl CallFiles {
    /// Reads what has to be read, and makes sure that what is to be written
    /// can be, before anybody is called.
    pub(super) fn open(arguments: &PhoneArguments, clock: Clock) -> Result<Self> {
        let existing = match arguments.force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        let known_peers = match &arguments.known_peers {
            Some(path) => Some(path.clone()),
            None => known_peers::default_path(),
        };
        let pins = match &known_peers {
            Some(path) => known_peers::read(path)?,
            None => {
                tracing::warn!("there is no folder for the user's state: no key is remembered");
                Pins::default()
            }
        };
        // First, since the keys may go into the folder that this makes.
        let record = match &arguments.record {
            Some(folder) => Some((folder.clone(), recorder(folder, existing, clock)?)),
            None => None,
        };
        if let Some(path) = &arguments.export_keys {
            drop(OutputFile::create(path, Privacy::Owner, existing)?);
        }
        Ok(Self {
            known_peers,
            pins,
            record,
            keys: arguments.export_keys.clone(),
            existing,
        })
    }

    /// The keys of earlier peers.
    pub(super) fn pins(&self) -> &Pins {
        &self.pins
    }

    /// What records the call, if it is to be recorded.
    pub(super) fn recorder(&self) -> Option<WireRecorder> {
        self.record.as_ref().map(|(_, recorder)| recorder.clone())
    }

    /// Writes what is left of the call.
    pub(super) fn keep(&mut self, record: &CallRecord, own: Number, local: Remote) -> Result<()> {
        self.keep_pins(record)?;
        if let Some((folder, recorder)) = &self.record {
            recorder.finish()?;
            for (ssrc, stream) in record.heard.streams() {
                if stream.recording.is_empty() {
                    continue;
                }
                let path = folder.join(format!("heard-{ssrc:08x}.wav"));
                let mut file = OutputFile::create(&path, Privacy::Owner, self.existing)?;
                match stream.recording.write(&mut file) {
                    // The peer chooses how long it is; what else is left of the
                    // call does not depend on that.
                    Err(error) if error.kind() == ErrorKind::InvalidInput => {
                        tracing::warn!("{} is not written: {error}", path.display());
                        continue;
                    }
                    written => written?,
                }
                file.complete()?;
            }
        }
        if let Some(path) = &self.keys {
            if record.keys.is_empty() {
                tracing::warn!(
                    "there are no keys for {}: no call was secured",
                    path.display()
                );
            } else {
                keys_of(record, own, local).write(path, self.existing)?;
            }
        }
        Ok(())
    }

    /// Remembers the peer's key. Other calls may have remembered others
    /// meanwhile.
    fn keep_pins(&mut self, record: &CallRecord) -> Result<()> {
        let (Some(path), Some(secured)) = (&self.known_peers, &record.secured) else {
            return Ok(());
        };
        let peer = secured.peer;
        if self.pins.get(&peer.number) == Some(&peer.key) {
            return Ok(());
        }
        let mut pins = known_peers::read(path)?;
        pins.remember(peer.number, peer.key);
        known_peers::write(path, &pins)?;
        Ok(())
    }
}

fn recorder(folder: &Path, existing: Existing, clock: Clock) -> Result<WireRecorder> {
    let shown = || format!("cannot record into {}", folder.display());
    if folder.exists() && !folder.is_dir() {
        bail!("{}: it is not a folder", shown());
    }
    fs::create_dir_all(folder).with_context(shown)?;
    let file = OutputFile::create(&folder.join("call.pcapng"), Privacy::Umask, existing)?;
    WireRecorder::new(clock, file).with_context(shown)
}

/// The keys of both directions.
fn keys_of(record: &CallRecord, own: Number, local: Remote) -> KeysFile {
    let peer = record.secured.as_ref().map(|secured| secured.peer.number);
    let peer = peer.map_or_else(String::new, |number| number.to_string());
    let local = record.remote.map_or(local, |remote| Remote {
        rtp: specified(local.rtp, remote.rtp),
        rtcp: specified(local.rtcp, remote.rtcp),
    });
    let mut keys = Vec::new();
    for exported in &record.keys {
        let mut add = |sender: String, from: Vec<SocketAddr>, key: &[u8], salt: &[u8]| {
            keys.push(SenderKey {
                sender,
                from,
                mki: MkiOctets(vec![exported.epoch]),
                ..SenderKey::new(
                    exported.profile,
                    Secret::new(key.to_vec()),
                    Secret::new(salt.to_vec()),
                )
            });
        };
        add(
            own.to_string(),
            addresses(Some(local)),
            &exported.local_key,
            &exported.local_salt,
        );
        add(
            peer.clone(),
            addresses(record.remote),
            &exported.remote_key,
            &exported.remote_salt,
        );
    }
    let payload_types = BTreeMap::from([
        (0, "PCMU/8000".to_owned()),
        (AMR_WB_PAYLOAD_TYPE, "AMR-WB/16000".to_owned()),
    ]);
    KeysFile::new(keys, payload_types)
}

fn addresses(remote: Option<Remote>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = remote
        .map(|remote| vec![remote.rtp, remote.rtcp])
        .unwrap_or_default();
    addresses.dedup();
    addresses
}

/// The address that packets for `remote` have, where `local` is any.
fn specified(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match local.ip().is_unspecified() {
        true => {
            let ip = own_address_towards(remote).unwrap_or(local.ip());
            SocketAddr::new(ip, local.port())
        }
        false => local,
    }
}
