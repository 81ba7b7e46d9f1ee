//! What the README shows on a terminal is what a terminal shows.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::Path;
use std::process::Command;

use support::{folder, of_repository, text};

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
