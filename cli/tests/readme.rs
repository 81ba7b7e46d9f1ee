//! What the README shows on a terminal is what a terminal shows.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::Path;
use std::process::Command;

use support::{folder, of_repository, run, text};

#[test]
fn every_example_in_the_readme_prints_what_it_says() {
    let readme = std::fs::read_to_string(of_repository("README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 3, "{examples:?}");
    let work = folder();
    let files = of_repository("testvectors");
    symlink(
        &files.canonicalize().unwrap(),
        &work.path().join("testvectors"),
    );
    let here = Path::new(env!("CARGO_BIN_EXE_callseal")).parent().unwrap();
    let path = format!("{}:{}", text(here), std::env::var("PATH").unwrap());
    for (command, expected) in examples {
        let done = Command::new("sh")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(work.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8(done.stdout).unwrap();
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert!(
            is_as_said(&printed, &expected),
            "$ {command}\n{}\nis not\n{}",
            printed.join("\n"),
            expected.join("\n")
        );
    }
}

#[test]
fn what_the_readme_shows_of_the_demonstration_is_what_it_tells() {
    let readme = std::fs::read_to_string(of_repository("README.md")).unwrap();
    let work = folder();
    let stories = [
        (
            "What the first prints, in part (`demo --fast`",
            &["--fast"][..],
        ),
        (
            "What `demo --full --fast` prints of one phone",
            &["--full", "--fast"],
        ),
    ];
    for (place, (introduced_by, arguments)) in stories.into_iter().enumerate() {
        let (_, after) = readme.split_once(introduced_by).unwrap();
        let shown = after.split("```").nth(1).unwrap();
        let out = work.path().join(place.to_string());
        let done = run(&[&["demo", "--out", text(&out)], arguments].concat()).expect_code(0);
        let printed: Vec<_> = done.stdout.lines().map(without_measures).collect();
        let printed: Vec<_> = printed.iter().map(String::as_str).collect();
        let expected = ["…"].into_iter().chain(shown.trim().lines()).chain(["…"]);
        let expected: Vec<_> = expected.map(without_measures).collect();
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        assert!(
            is_as_said(&printed, &expected),
            "{arguments:?}\n{}\nis not\n{}",
            printed.join("\n"),
            expected.join("\n")
        );
    }
}

/// A line without what differs from run to run: times, addresses and hashes, and the width that they take.
fn without_measures(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let is_measured = word.contains('.') && word.trim_start_matches('(').parse::<f64>().is_ok();
        match is_measured || word.starts_with("0x") {
            true => "#",
            false => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The commands behind a `$` in blocks of console, each with its output.
fn examples(readme: &str) -> Vec<(&str, Vec<&str>)> {
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    let blocks = readme.split("```console\n").skip(1);
    for block in blocks.map(|block| block.split("```").next().unwrap()) {
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => examples.push((command, Vec::new())),
                None => examples.last_mut().unwrap().1.push(line.trim_end()),
            }
        }
    }
    for (_, expected) in &mut examples {
        while expected.last() == Some(&"") {
            expected.pop();
        }
    }
    examples
}

/// A line of `…` stands for any lines.
fn is_as_said(printed: &[&str], expected: &[&str]) -> bool {
    match expected {
        [] => printed.is_empty(),
        ["…", rest @ ..] => (0..=printed.len()).any(|skip| is_as_said(&printed[skip..], rest)),
        [first, rest @ ..] => printed
            .split_first()
            .is_some_and(|(line, others)| line == first && is_as_said(others, rest)),
    }
}

#[cfg(unix)]
fn symlink(original: &Path, link: &Path) {
    std::os::unix::fs::symlink(original, link).unwrap();
}
