//! The plots, by the names of their files.

use crate::load::{Operation, PAYLOAD_LENS, PROFILES};
use crate::plot::{Plot, Series, figure};
use crate::report::results::{Growth, Question, Results, Row};
use crate::report::tables::carried_on;

/// Every plot: its file's name, and what is to be in it.
#[must_use]
pub fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let (cm, gcm) = (PROFILES[0].name(), PROFILES[4].name());
    let bars = |operation, profile| packets(results, operation, profile).bars();
    vec![
        ("protect-cm-128.svg", bars(Operation::Protect, cm)),
        ("unprotect-cm-128.svg", bars(Operation::Unprotect, cm)),
        ("protect-gcm-128.svg", bars(Operation::Protect, gcm)),
        ("unprotect-gcm-128.svg", bars(Operation::Unprotect, gcm)),
        (
            "streams.svg",
            crowds(results, Question::Streams, cm).lines(),
        ),
        (
            "sessions.svg",
            crowds(results, Question::Sessions, cm).lines(),
        ),
        ("registry-growth.svg", registry_growth(results).bars()),
    ]
}

/// The peers that do SRTP, and this project's fastest backend.
fn packets(results: &Results, operation: Operation, profile: &str) -> Plot {
    let outcome = |payload_len| results.packets(operation, profile, payload_len);
    let shown = |row: &&Row| {
        row.is_srtp
            && (!row.is_ours()
                || row.contender == results.backend() && [0, 16, 64].contains(&row.batch))
    };
    let first = PAYLOAD_LENS.into_iter().find_map(outcome);
    let rows = first
        .into_iter()
        .flat_map(|outcome| outcome.standing.rows.iter());
    let series = rows.filter(shown).map(|row| Series {
        name: name(row),
        values: PAYLOAD_LENS
            .map(|len| Some(outcome(len)?.standing.row(&row.contender, row.batch)?.ns))
            .into(),
    });
    Plot {
        title: format!(
            "{operation}, {profile}, one core ({})",
            results.machine.processor
        ),
        across: "octets of payload".into(),
        up: "nanoseconds a packet; less is faster".into(),
        places: PAYLOAD_LENS.map(|len| figure(len as f64)).into(),
        series: series.collect(),
    }
}

/// How long proofs become.
fn registry_growth(results: &Results) -> Plot {
    let rows = carried_on(results);
    let of = |is_measured: bool, len: fn(&Growth) -> usize| {
        let value =
            |(row, measured): &(Growth, bool)| (*measured == is_measured).then(|| len(row) as f64);
        rows.iter().map(value).collect()
    };
    let series = [
        (
            "all proofs of a look-up",
            true,
            (|row| row.proof_len) as fn(&Growth) -> usize,
        ),
        ("a whole staple", true, |row| row.staple_len),
        ("proofs, carried on", false, |row| row.proof_len),
        ("staple, carried on", false, |row| row.staple_len),
    ];
    Plot {
        title: "what proves one record".into(),
        across: "subscribers in the registry".into(),
        up: "octets".into(),
        places: rows
            .iter()
            .map(|(row, _)| figure(row.subscribers as f64))
            .collect(),
        series: series
            .map(|(name, is_measured, len)| Series {
                name: name.into(),
                values: of(is_measured, len),
            })
            .into(),
    }
}

fn crowds(results: &Results, question: Question, profile: &str) -> Plot {
    let outcome = results.about(question).find(|outcome| {
        (outcome.operation, outcome.profile.as_str()) == (Operation::Protect, profile)
    });
    let rows = outcome.map_or(&[][..], |outcome| &outcome.standing.rows);
    let mut places: Vec<usize> = rows.iter().map(|row| row.streams).collect();
    places.sort_unstable();
    places.dedup();
    let what = match question {
        Question::Sessions => "sessions of one stream each, in turn",
        _ => "streams of one session, in turn",
    };
    let of_one = rows.iter().filter(|row| row.streams == 1);
    let series = of_one.map(|of_one| {
        let with = |streams: &usize| {
            let mut rows = rows.iter();
            let row = rows.find(|row| row.streams == *streams && row.is_same_but_streams(of_one));
            row.map(|row| row.ns)
        };
        Series {
            name: name(of_one),
            values: places.iter().map(with).collect(),
        }
    });
    Plot {
        title: format!("protect, {profile}, 160 B: {what}"),
        across: what.into(),
        up: "nanoseconds a packet; less is faster".into(),
        series: series.collect(),
        places: places
            .iter()
            .map(|streams| figure(*streams as f64))
            .collect(),
    }
}

fn name(row: &Row) -> String {
    match (row.is_ours(), row.batch) {
        (true, 0) => "callseal, single".into(),
        (true, batch) => format!("callseal, batch of {batch}"),
        (false, _) => row.contender.clone(),
    }
}
