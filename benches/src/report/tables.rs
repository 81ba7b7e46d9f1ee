//! The tables, in Markdown.

use std::fmt::Write;

use crate::load::{Operation, PAYLOAD_LENS, PROFILES};
use crate::plot::figure;
use crate::report::bar::{Floor, Required, drop_in_floors, floors};
use crate::report::distances::{costs, distances, limits};
use crate::report::results::{Growth, Outcome, Question, Results, Row, Standing};

/// The names of all blocks, in no order.
pub const BLOCKS: [&str; 20] = [
    "headline",
    "machine",
    "bar",
    "memory",
    "packets",
    "walk",
    "streams",
    "sessions",
    "portable",
    "set-up",
    "call-set-up",
    "registry",
    "light-client",
    "growth",
    "handshake",
    "enrolment",
    "capi",
    "costs",
    "limits",
    "distances",
];

/// What stands between the markers of this name; `None` where no block has it.
#[must_use]
pub fn block(name: &str, results: &Results) -> Option<String> {
    Some(match name {
        "headline" => headline(results),
        "machine" => machine(results),
        "bar" => bar(results),
        "packets" => packets(results),
        "walk" => walk(results),
        "streams" => crowds(results, Question::Streams),
        "sessions" => crowds(results, Question::Sessions),
        "portable" => portable(results),
        "memory" => memory(results),
        "set-up" => criterion(results, "set_up/"),
        "call-set-up" => calls(results),
        "registry" => registry(results),
        "light-client" => light_client(results),
        "growth" => growth(results),
        "handshake" => criterion(results, "handshake/"),
        "enrolment" => enrolment(results),
        "capi" => drop_in(results),
        "costs" => costs(results),
        "limits" => limits(results),
        "distances" => distances(results),
        _ => return None,
    })
}

/// The two profiles and sizes that calls have most.
fn headline(results: &Results) -> String {
    let (cm, gcm) = (PROFILES[0].name(), PROFILES[4].name());
    let columns = [(cm, 160), (cm, 1_200), (gcm, 160), (gcm, 1_200)];
    let outcomes = columns.map(|(profile, len)| results.packets(Operation::Protect, profile, len));
    let mut text = String::from("| |");
    for (profile, payload_len) in columns {
        let _ = write!(text, " {profile}, {} B |", figure(payload_len as f64));
    }
    text.push_str("\n|---|---|---|---|---|\n");
    let first = outcomes[0].map(|outcome| outcome.standing.rows.as_slice());
    let told = |row: &&Row| match row.is_ours() {
        true => row.contender == results.backend() && [0, 64].contains(&row.batch),
        false => row.is_srtp,
    };
    for row in first.unwrap_or_default().iter().filter(told) {
        let _ = write!(text, "| {} |", name(row));
        for outcome in outcomes {
            let row = outcome.and_then(|outcome| outcome.standing.row(&row.contender, row.batch));
            let _ = write!(
                text,
                " {} |",
                row.map_or_else(|| "–".into(), |row| figure(row.ns))
            );
        }
        text.push('\n');
    }
    let _ = writeln!(text, "\n{}, {}.", results.machine.processor, results.date);
    text
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let mut text = String::new();
    let mut line = |head: &str, value: &str| {
        let _ = writeln!(text, "| {head} | {value} |");
    };
    line("date", &results.date);
    line("---", "---");
    line(
        "processor",
        &format!(
            "{} ({}), one core of {}",
            machine.processor, machine.model, machine.processors
        ),
    );
    line("its instructions", &machine.instructions.join(" "));
    line("backends here", &machine.backends.join(", "));
    line("system", &machine.system);
    line("compiler", &machine.rustc);
    for (peer, version) in &results.peers {
        line(peer, version);
    }
    text
}

/// A verdict for each floor, and a sum.
fn bar(results: &Results) -> String {
    verdicts(&floors(results))
}

fn verdicts(floors: &[Floor]) -> String {
    let mut text = String::from("| what | by | required | measured | |\n|---|---|---|---|---|\n");
    for floor in floors {
        let required = match floor.required {
            Required::AtLeast(least) => format!("at least {} ×", figure(least)),
            Required::AtMost(most) => format!("at most {} ×", figure(most)),
            Required::Aim(aim) => format!("(aim: {} ×)", figure(aim)),
        };
        let measured = floor
            .measured
            .map(|measured| format!("{} ×", figure(measured)));
        let verdict = match (floor.is_met(), floor.required) {
            (Some(true), _) => "met",
            (Some(false), _) => "**not met**",
            (None, Required::Aim(aim))
                if floor.measured.is_some_and(|measured| measured >= aim) =>
            {
                "reached"
            }
            (None, _) => "",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {required} | {} | {verdict} |",
            floor.what,
            floor.by,
            measured.unwrap_or_else(|| "not measured".into()),
        );
    }
    let met = floors
        .iter()
        .filter(|floor| floor.is_met() == Some(true))
        .count();
    let missed = floors
        .iter()
        .filter(|floor| floor.is_met() == Some(false))
        .count();
    let _ = writeln!(text, "\n{met} met, {missed} not met.");
    text
}

/// Whoever has libsrtp's C functions, and a verdict for each floor.
fn drop_in(results: &Results) -> String {
    let duels = &results.drop_in.duels;
    let mut text = String::from("| |");
    for outcome in duels {
        let _ = write!(text, " {}, {} |", outcome.operation, outcome.profile);
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(duels.len()));
    for row in duels.first().iter().flat_map(|first| &first.standing.rows) {
        let streams = match row.streams {
            1 => String::new(),
            streams => format!(", {} streams", figure(streams as f64)),
        };
        let _ = write!(text, "| {}{streams} |", name(row));
        for outcome in duels {
            let same =
                |other: &&Row| other.streams == row.streams && other.is_same_but_streams(row);
            let ns = outcome.standing.rows.iter().find(same);
            let ns = ns.map_or_else(|| "–".into(), |row| figure(row.ns));
            let _ = write!(text, " {ns} |");
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "\n{}, {}.\n",
        results.drop_in.processor, results.drop_in.date
    );
    text.push_str(&verdicts(&drop_in_floors(results)));
    text
}

/// One table an operation and profile, those most in use in sight.
fn packets(results: &Results) -> String {
    let mut text = String::new();
    let profiles = PROFILES.map(|profile| profile.name());
    let in_sight = [profiles[0], profiles[4]];
    for profile in in_sight {
        for operation in Operation::RTP {
            packet_table(results, operation, profile, &PAYLOAD_LENS, &mut text);
        }
    }
    text.push_str("<details><summary>The other profiles, and RTCP</summary>\n\n");
    for profile in profiles
        .into_iter()
        .filter(|profile| !in_sight.contains(profile))
    {
        for operation in Operation::RTP {
            packet_table(results, operation, profile, &PAYLOAD_LENS, &mut text);
        }
    }
    for profile in in_sight {
        for operation in Operation::RTCP {
            packet_table(results, operation, profile, &[24], &mut text);
        }
    }
    text.push_str("</details>\n");
    text
}

fn packet_table(
    results: &Results,
    operation: Operation,
    profile: &str,
    payload_lens: &[usize],
    text: &mut String,
) {
    let outcome = |payload_len| results.packets(operation, profile, payload_len);
    let outcomes: Vec<Option<&Outcome>> = payload_lens.iter().map(|&len| outcome(len)).collect();
    let Some(first) = outcomes.iter().flatten().next() else {
        return;
    };
    let _ = writeln!(text, "**{operation}, {profile}**\n");
    let _ = write!(text, "| |");
    for payload_len in payload_lens {
        let _ = write!(text, " {} B |", figure(*payload_len as f64));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(payload_lens.len()));
    for row in &first.standing.rows {
        let _ = write!(text, "| {} |", name(row));
        for outcome in &outcomes {
            let cell = outcome.and_then(|outcome| cell(&outcome.standing, row));
            let _ = write!(text, " {} |", cell.unwrap_or_else(|| "–".into()));
        }
        text.push('\n');
    }
    text.push('\n');
}

/// Nanoseconds, and for ours how many times as fast as libsrtp on OpenSSL.
fn cell(standing: &Standing, row: &Row) -> Option<String> {
    let row = standing.row(&row.contender, row.batch)?;
    let ns = figure(row.ns);
    let by = standing.against(&row.contender, row.batch, Row::is_libsrtp_openssl);
    let by = by.map(|(_, ratio)| ratio).min_by(f64::total_cmp);
    Some(match by {
        Some(ratio) => format!("{ns} ({} ×)", figure(ratio)),
        None => ns,
    })
}

pub(crate) fn name(row: &Row) -> String {
    let name = match row.is_ours() {
        true => format!("callseal, {}", row.contender),
        false => row.contender.clone(),
    };
    let name = match (row.batch, row.is_ours()) {
        (0, true) => format!("{name}, single"),
        (0, false) => name,
        (batch, _) => format!("{name}, batch of {batch}"),
    };
    match row.is_srtp {
        true => name,
        false => format!("*{name}*"),
    }
}

/// What is left when the kernels are taken away.
fn walk(results: &Results) -> String {
    let mut text = String::from("| | kernels | with SRTP | SRTP's part |\n|---|---|---|---|\n");
    let backend = results.backend();
    let kernel = format!("{backend}-kernel");
    for profile in [PROFILES[0].name(), PROFILES[4].name()] {
        for payload_len in PAYLOAD_LENS {
            let Some(outcome) = results.packets(Operation::Protect, profile, payload_len) else {
                continue;
            };
            for (batch, kernel_batch) in [(0, 1), (16, 16), (64, 64)] {
                let rows = (
                    outcome.standing.row(&kernel, kernel_batch),
                    outcome.standing.row(backend, batch),
                );
                let (Some(kernel), Some(whole)) = rows else {
                    continue;
                };
                let given = match batch {
                    0 => "single".to_owned(),
                    batch => format!("batch of {batch}"),
                };
                let _ = writeln!(
                    text,
                    "| {profile}, {payload_len} B, {given} | {} | {} | {} |",
                    figure(kernel.ns),
                    figure(whole.ns),
                    figure(whole.ns - kernel.ns),
                );
            }
        }
    }
    text
}

fn crowds(results: &Results, question: Question) -> String {
    let mut text = String::new();
    for outcome in results.about(question) {
        let rows = &outcome.standing.rows;
        let mut crowds: Vec<usize> = rows.iter().map(|row| row.streams).collect();
        crowds.sort_unstable();
        crowds.dedup();
        let _ = writeln!(
            text,
            "**{}, {}, {} B**\n",
            outcome.operation, outcome.profile, outcome.payload_len
        );
        let _ = write!(text, "| |");
        for crowd in &crowds {
            let _ = write!(text, " {} |", figure(*crowd as f64));
        }
        let _ = writeln!(text, "\n|---|{}", "---|".repeat(crowds.len()));
        let mut seen: Vec<&Row> = Vec::new();
        for row in rows {
            if seen.iter().any(|seen| seen.is_same_but_streams(row)) {
                continue;
            }
            seen.push(row);
            let _ = write!(text, "| {} |", name(row));
            for crowd in &crowds {
                let mut with = rows.iter();
                let with =
                    with.find(|with| with.streams == *crowd && with.is_same_but_streams(row));
                let ns = with.map_or_else(|| "–".into(), |row| figure(row.ns));
                let _ = write!(text, " {ns} |");
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn portable(results: &Results) -> String {
    let mut text =
        String::from("| | soft, portable | rtc-srtp | as fast as rtc-srtp |\n|---|---|---|---|\n");
    for outcome in results.about(Question::Portable) {
        let standing = &outcome.standing;
        let rtc = |row: &Row| row.contender == "rtc-srtp";
        let against = standing.against("soft", 0, rtc).next();
        let (Some(soft), Some((rtc, ratio))) = (standing.row("soft", 0), against) else {
            continue;
        };
        let _ = writeln!(
            text,
            "| {}, {} B | {} | {} | {} × |",
            outcome.profile,
            outcome.payload_len,
            figure(soft.ns),
            figure(rtc.ns),
            figure(ratio),
        );
    }
    text
}

/// The medians of a group, as it names them.
fn criterion(results: &Results, group: &str) -> String {
    let mut text = String::from("| what | time |\n|---|---|\n");
    for (name, ns) in &results.criterion {
        if let Some(name) = name.strip_prefix(group) {
            let _ = writeln!(text, "| {} | {} |", name.replace('_', " "), time(*ns));
        }
    }
    text
}

fn memory(results: &Results) -> String {
    let mut text = String::from("| | octets a session | octets a stream |\n|---|---|---|\n");
    for (name, memory) in &results.memory {
        let (session, stream) = (figure(memory.session as f64), figure(memory.stream as f64));
        let _ = writeln!(text, "| {name} | {session} | {stream} |");
    }
    text
}

fn registry(results: &Results) -> String {
    let mut text = String::from(
        "| subscribers | look-up, all proofs | of a number that is not there | of which verification | proof, octets |\n|---|---|---|---|---|\n",
    );
    for (subscribers, proof_len) in &results.proof_lens {
        let ns = |name: &str| {
            results
                .criterion
                .get(&format!("registry/{name}/{subscribers}"))
        };
        let time = |name| ns(name).map_or_else(|| "–".into(), |ns| time(*ns));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            figure(*subscribers as f64),
            time("look_up"),
            time("look_up_absent"),
            time("verify"),
            figure(*proof_len as f64),
        );
    }
    text
}

/// What the light client's steps take, beside what they may.
fn enrolment(results: &Results) -> String {
    let found = &results.enrolments;
    let computed = found.looks.iter().map(|look| look.computation_ms);
    let [least, most] =
        [f64::min, f64::max].map(|choose| computed.clone().reduce(choose).unwrap_or_default());
    let verdict = match most <= MOST_COMPUTATION_MS {
        true => "met",
        false => "**not met**",
    };
    let mut text = format!(
        "| | at most | measured | |\n|---|---|---|---|\n\
         | computation of one enrolment, phone and service together | {} | {} to {} | {verdict} |\n",
        time(MOST_COMPUTATION_MS * 1e6),
        time(least * 1e6),
        time(most * 1e6),
    );
    if let [first, .., last] = found.looks.as_slice() {
        let more = last.heap_len - first.heap_len;
        let enrolments = last.enrolments - first.enrolments;
        let _ = writeln!(
            text,
            "| heap that an enrolment leaves, from the {}th to the {}th | flat | {:.1} octets | |",
            figure(first.enrolments as f64),
            figure(last.enrolments as f64),
            more as f64 / enrolments as f64,
        );
    }
    text.push_str(
        "\n| enrolments | heap, octets | resident, KiB | records, KiB | computation of one |\n|---|---|---|---|---|\n",
    );
    for look in &found.looks {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            figure(look.enrolments as f64),
            figure(look.heap_len as f64),
            figure(look.resident_kib as f64),
            figure(look.records_kib as f64),
            time(look.computation_ms * 1e6),
        );
    }
    text.push_str("\n| part, in real time | median | 99 of 100 below |\n|---|---|---|\n");
    for part in &found.parts {
        let [median, most] = [part.median_ms, part.most_ms].map(|ms| time(ms * 1e6));
        let _ = writeln!(text, "| {} | {median} | {most} |", part.name);
    }
    let _ = writeln!(text, "\n{}, {}.", found.processor, found.date);
    text
}

/// The most that may be computed for an enrolment.
const MOST_COMPUTATION_MS: f64 = 50.0;

fn light_client(results: &Results) -> String {
    let mut text = String::from("| what | at most | time |\n|---|---|---|\n");
    for (name, what, most_ns) in LIGHT_CLIENT {
        let median = results.criterion.get(&format!("registry/{name}"));
        let _ = writeln!(
            text,
            "| {what} | {} | {} |",
            most_ns.map_or_else(|| "–".into(), time),
            median.map_or_else(|| "–".into(), |ns| time(*ns)),
        );
    }
    text
}

/// Criterion's name, ours, and the most that it may take, in nanoseconds.
const LIGHT_CLIENT: [(&str, &str, Option<f64>); 8] = [
    (
        "committee_update/cold",
        "an update with a committee of 512 keys, none of them unpacked",
        Some(40e6),
    ),
    (
        "committee_update/warm",
        "the same, signed by keys that are unpacked",
        Some(5e6),
    ),
    (
        "verify/1000",
        "account and storage proof, of 1,000 subscribers",
        Some(50e3),
    ),
    (
        "staple/known",
        "a staple whose update was proven before",
        Some(1e6),
    ),
    (
        "staple/warm",
        "a staple with another update, keys unpacked",
        Some(30e6),
    ),
    (
        "staple/cold",
        "a staple with another update, of 512 keys, none unpacked",
        Some(30e6),
    ),
    (
        "look_up/1000",
        "a look-up on the embedded chain, of 1,000 subscribers",
        Some(2e6),
    ),
    (
        "checkpoint_to_record/32_keys_2_periods",
        "from a checkpoint to a record, two periods of 32 keys",
        None,
    ),
];

/// What was measured, and where that leads.
fn growth(results: &Results) -> String {
    let mut text = String::from(
        "| subscribers | | nodes to a word | proof, octets | staple, octets | verified in | words | storage | gas for all |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for (row, is_measured) in carried_on(results) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            figure(row.subscribers as f64),
            if is_measured {
                "measured"
            } else {
                "carried on"
            },
            row.depth,
            figure(row.proof_len as f64),
            figure(row.staple_len as f64),
            time(row.verify_ns),
            figure(row.slots as f64),
            octets(64.0 * row.slots as f64),
            magnitude(row.gas as f64 * row.subscribers as f64),
        );
    }
    if let Some(row) = results.growth.first() {
        let _ = writeln!(
            text,
            "\nOne enrolment takes {} gas, claim and approval together, whatever the number of subscribers. Of each proof, {} octets are the account's.",
            figure(row.gas as f64),
            figure(row.account_proof_len as f64),
        );
    }
    text
}

/// The rows measured, and two more on the line through the first and the last
/// by the number's logarithm.
pub(crate) fn carried_on(results: &Results) -> Vec<(Growth, bool)> {
    let mut rows: Vec<_> = results.growth.iter().map(|row| (*row, true)).collect();
    let (Some(first), Some(last)) = (results.growth.first(), results.growth.last()) else {
        return rows;
    };
    let magnitude = |row: &Growth| (row.subscribers as f64).log10();
    let powers = magnitude(last) - magnitude(first);
    if powers <= 0.0 {
        return rows;
    }
    for power in 1..=2_u32 {
        let on =
            |of: fn(&Growth) -> f64| of(last) + (of(last) - of(first)) / powers * f64::from(power);
        let times = 10_usize.pow(power);
        let row = Growth {
            subscribers: last.subscribers * times,
            depth: on(|row| row.depth as f64).round() as usize,
            proof_len: on(|row| row.proof_len as f64).round() as usize,
            staple_len: on(|row| row.staple_len as f64).round() as usize,
            verify_ns: on(|row| row.verify_ns),
            slots: last.slots * times,
            ..*last
        };
        rows.push((row, false));
    }
    rows
}

fn octets(octets: f64) -> String {
    match octets {
        octets if octets < 1e6 => format!("{} kB", figure(octets / 1e3)),
        octets if octets < 1e9 => format!("{} MB", figure(octets / 1e6)),
        octets => format!("{} GB", figure(octets / 1e9)),
    }
}

fn magnitude(count: f64) -> String {
    match count {
        count if count < 1e12 => format!("{} · 10⁹", figure(count / 1e9)),
        count => format!("{} · 10¹²", figure(count / 1e12)),
    }
}

fn calls(results: &Results) -> String {
    let mut text = String::from(
        "| round trip | loss | callee has keys | caller has keys | caller that begins its look-up with M2 only | datagrams, octets |\n|---|---|---|---|---|---|\n",
    );
    for call in &results.calls {
        let _ = writeln!(
            text,
            "| {} ms | {:.0} % | {} ms | {} ms | {} ms | {}, {} |",
            call.round_trip_ms,
            call.loss * 100.0,
            call.callee_ms,
            call.caller_ms,
            call.caller_serial_ms,
            call.datagrams,
            figure(call.octets as f64),
        );
    }
    text
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{} ns", figure(ns)),
        ns if ns < 1e6 => format!("{} µs", figure(ns / 1e3)),
        ns => format!("{} ms", figure(ns / 1e6)),
    }
}
