//! How far what was measured is from the least that it can be.

use std::fmt::Write;

use crate::load::{Operation, PAYLOAD_LENS, PROFILES};
use crate::plot::figure;
use crate::report::bar::{Place, drop_in_floors, floors};
use crate::report::limits::{Bound, Least, ROUNDS_OF_FOUR, Work};
use crate::report::results::{DROP_IN, Outcome, Question, Results, Row};
use crate::report::tables::name;

/// What instructions cost, and the clock.
pub(crate) fn costs(results: &Results) -> String {
    let costs = &results.costs;
    let mut text = String::from("| instruction | latency | one every |\n|---|---|---|\n");
    let cycles = |cycles: Option<f64>| cycles.map_or_else(|| "–".into(), |c| format!("{c:.2}"));
    for cost in &costs.instructions {
        let (latency, every) = (cycles(cost.latency), cycles(cost.every));
        let _ = writeln!(text, "| `{}` | {latency} | {every} |", cost.name);
    }
    text.push_str("\n| one more of | where this is at work | adds |\n|---|---|---|\n");
    for beside in &costs.beside {
        let (name, other) = (&beside.name, &beside.other);
        let _ = writeln!(text, "| `{name}` | `{other}` | {:.2} |", beside.adds);
    }
    let _ = writeln!(
        text,
        "\n{}, {}, at {:.2} GHz. {}\nA line of the cache among 10,000, each of which says where the next is: {:.1} ns.",
        costs.processor,
        costs.date,
        costs.ghz,
        clock_of_the_duels(results).unwrap_or_default(),
        costs.line_ns,
    );
    text
}

/// What the duels say about their clock: a long packet's bare blocks take longer
/// than a short one's by nothing but their chain.
fn clock_of_the_duels(results: &Results) -> Option<String> {
    let [short, long] = [480, 1_200];
    let profile = PROFILES[0];
    let ns = |payload_len| {
        let outcome = results.packets(Operation::Protect, profile.name(), payload_len)?;
        outcome.standing.row("sha1-blocks", 0).map(|row| row.ns)
    };
    let blocks = |payload_len| Work::new(profile, payload_len).sha1_blocks;
    let more = blocks(long) - blocks(short);
    let cycles = (ns(long)? - ns(short)?) * results.costs.ghz / more as f64;
    let chain = ROUNDS_OF_FOUR * results.costs.latency("sha1rnds4")?;
    Some(format!(
        "In the duels, {more} more of the bare SHA-1 blocks took {} of these cycles each, whose chain has {}.",
        figure(cycles),
        figure(chain),
    ))
}

/// Each row of the bar, and of the C interface's, beside its limit.
pub(crate) fn limits(results: &Results) -> String {
    let mut text = String::from(
        "| what | AES | GHASH | SHA-1 | cycles at least | of | ns at least | measured | reached | beside it |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut told: Vec<Place> = Vec::new();
    for floor in floors(results).into_iter().chain(drop_in_floors(results)) {
        if told.contains(&floor.place) {
            continue;
        }
        let place = floor.place;
        if let (Some(work), Some((outcome, row))) = (
            work_of(place.profile, place.payload_len),
            find(results, &place),
        ) {
            let count = |blocks| match blocks {
                0 => "–".to_owned(),
                blocks => blocks.to_string(),
            };
            let _ = write!(
                text,
                "| {} | {} | {} | {} |",
                floor.what,
                count(work.aes_blocks),
                count(work.ghash_blocks),
                count(work.sha1_blocks),
            );
            let limit = limit(results, work, row);
            let _ = match limit {
                Some(limit) => write!(
                    text,
                    " {} | {} | {} | {} | {} |",
                    figure(limit.least.cycles),
                    what(limit.least.bound),
                    figure(limit.ns),
                    figure(row.ns),
                    limit.reached(row),
                ),
                None => write!(text, " – | – | – | {} | – |", figure(row.ns)),
            };
            let _ = writeln!(text, " {} |", beside(outcome, row));
        }
        told.push(place);
    }
    text
}

/// The limit of every packet, and the part of it that was reached.
pub(crate) fn distances(results: &Results) -> String {
    let mut text = String::from(
        "<details><summary>Every profile, size and backend: nanoseconds at least, and how much of that was reached</summary>\n\n",
    );
    for profile in PROFILES.map(|profile| profile.name()) {
        for operation in Operation::RTP {
            let outcomes = PAYLOAD_LENS.map(|len| results.packets(operation, profile, len));
            let Some(first) = outcomes.iter().flatten().next() else {
                continue;
            };
            let _ = writeln!(text, "**{operation}, {profile}**\n");
            text.push_str("| |");
            for payload_len in PAYLOAD_LENS {
                let _ = write!(text, " {} B |", figure(payload_len as f64));
            }
            let _ = writeln!(text, "\n|---|{}", "---|".repeat(PAYLOAD_LENS.len()));
            for row in first.standing.rows.iter().filter(|row| row.is_ours()) {
                let _ = write!(text, "| {} |", name(row));
                for outcome in &outcomes {
                    let cell = outcome.and_then(|outcome| cell(results, outcome, row));
                    let _ = write!(text, " {} |", cell.unwrap_or_else(|| "–".into()));
                }
                text.push('\n');
            }
            text.push('\n');
        }
    }
    text.push_str("</details>\n");
    text
}

/// A limit in time.
struct Limit {
    least: Least,
    ns: f64,
}

impl Limit {
    fn reached(&self, row: &Row) -> String {
        format!("{:.0} %", 100.0 * self.ns / row.ns)
    }
}

fn limit(results: &Results, work: Work, row: &Row) -> Option<Limit> {
    let backend = match row.contender.as_str() {
        DROP_IN => results.backend(),
        backend => backend,
    };
    let least = work.least(backend, row.batch, &results.costs)?;
    let ns = least.cycles / results.costs.ghz;
    Some(Limit { least, ns })
}

fn cell(results: &Results, outcome: &Outcome, like: &Row) -> Option<String> {
    let row = outcome.standing.row(&like.contender, like.batch)?;
    let work = work_of(&outcome.profile, outcome.payload_len)?;
    let limit = limit(results, work, row)?;
    Some(format!("{} ({})", figure(limit.ns), limit.reached(row)))
}

fn work_of(profile: &str, payload_len: usize) -> Option<Work> {
    let profile = PROFILES.into_iter().find(|known| known.name() == profile)?;
    Some(Work::new(profile, payload_len))
}

fn find<'a>(results: &'a Results, place: &Place) -> Option<(&'a Outcome, &'a Row)> {
    let duels = match place.question {
        Question::DropIn => &results.drop_in.duels,
        _ => &results.duels,
    };
    let outcome = duels.iter().find(|outcome| {
        (outcome.question, outcome.operation) == (place.question, place.operation)
            && (outcome.profile.as_str(), outcome.payload_len) == (place.profile, place.payload_len)
    })?;
    let mut rows = outcome.standing.rows.iter();
    let row = rows.find(|row| {
        row.contender == place.contender && (row.batch, row.streams) == (place.batch, place.streams)
    })?;
    Some((outcome, row))
}

/// Rows of the same duel that say what the limit leaves out.
fn beside(outcome: &Outcome, row: &Row) -> String {
    let rows = &outcome.standing.rows;
    let mut told = Vec::new();
    let one = |other: &&Row| other.streams == 1 && other.is_same_but_streams(row);
    if let Some(one) = rows.iter().find(one).filter(|_| row.streams > 1) {
        told.push(format!("{:+.1} ns over one stream", row.ns - one.ns));
    }
    let call = |other: &&Row| other.is_ours() && other.contender != DROP_IN;
    let call = rows.iter().find(call);
    if let Some(call) = call.filter(|_| row.contender == DROP_IN && row.streams == 1) {
        told.push(format!("{:+.1} ns over `srtp`", row.ns - call.ns));
    }
    let bare = |contender: &str, batch| {
        let mut rows = rows.iter();
        rows.find(|other| other.contender == contender && other.batch == batch)
    };
    let kernels = bare(&format!("{}-kernel", row.contender), row.batch.max(1));
    if let Some(kernels) = kernels {
        told.push(format!("kernels {}", figure(kernels.ns)));
    }
    // Both do messages one by one.
    let blocks = bare("sha1-blocks", 0).filter(|_| row.batch == 0);
    if let Some(blocks) = blocks {
        told.push(format!("bare blocks {}", figure(blocks.ns)));
    }
    let crates = bare("rustcrypto", 0).filter(|_| row.contender == "soft");
    if let Some(crates) = crates {
        told.push(format!("bare RustCrypto {}", figure(crates.ns)));
    }
    told.join("; ")
}

fn what(bound: Bound) -> &'static str {
    match bound {
        Bound::Sha1Chain => "one packet's SHA-1 chain",
        Bound::Sha1Unit => "the SHA unit",
        Bound::Lanes => "lanes and cipher",
        Bound::Cipher => "cipher",
        Bound::Multiplier => "multiplications",
        Bound::CipherAndMultiplier => "cipher and multiplications",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_bar_stands_beside_its_limit() {
        let results: Results =
            serde_json::from_str(include_str!("../../results.json")).expect("results");
        let table = limits(&results);
        for floor in floors(&results).into_iter().chain(drop_in_floors(&results)) {
            let head = format!("| {} |", floor.what);
            let mut rows = table.lines().filter(|line| line.starts_with(&head));
            let row = rows.next().expect("a row");
            assert!(rows.next().is_none(), "{head} twice");
            assert!(row.contains(" % |"), "{row}");
        }
    }
}
