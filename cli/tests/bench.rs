//! `callseal bench`: that it measures what it says, in the shape it says; how
//! fast is nobody's promise.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use support::{folder, run, text};

const BRIEFLY: [&str; 3] = ["bench", "--seconds", "0.001"];

#[test]
fn json_has_every_figure_and_the_machine() {
    let done = run(&[&BRIEFLY[..], &["--json"]].concat()).expect_code(0);
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["format"], "callseal bench");
    assert_eq!(report["version"], 1);
    let backends = report["machine"]["backends"].as_array().unwrap();
    assert_eq!(report["backend"], backends[0]);
    assert_eq!(backends.last().unwrap(), "soft");

    let figures = report["figures"].as_array().unwrap();
    // Four profiles, two ways, four sizes, single calls and batches.
    assert_eq!(figures.len(), 4 * 2 * 4 * 2);
    for figure in figures {
        let number = |name: &str| figure[name].as_f64().unwrap();
        let per_second = 1e9 / number("ns_per_packet");
        assert!(per_second.is_finite() && per_second > 0.0, "{figure}");
        let gbit = per_second * 8.0 * number("payload_len") / 1e9;
        let close = |a: f64, b: f64| (a - b).abs() <= 0.001 * b + 1.0;
        assert!(close(number("packets_per_second"), per_second), "{figure}");
        assert!(close(number("gbit_per_second"), gbit), "{figure}");
    }
    for (name, values) in [
        ("operation", vec!["protect", "unprotect"]),
        (
            "profile",
            vec!["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"],
        ),
    ] {
        for value in values {
            assert!(
                figures.iter().any(|figure| figure[name] == value),
                "{value}"
            );
        }
    }
    assert_eq!(done.stderr, "", "no progress where there is no terminal");
}

#[test]
fn a_backend_is_measured_by_its_name() {
    let done = run(&[&BRIEFLY[..], &["--backend", "soft"]].concat()).expect_code(0);
    assert!(done.stdout.contains("measured: soft"), "{}", done.stdout);
    assert!(done.stdout.contains("AEAD_AES_128_GCM"), "{}", done.stdout);
    let done = run(&[&BRIEFLY[..], &["--backend", "abacus"]].concat()).expect_code(2);
    assert!(done.stderr.contains("soft"), "{}", done.stderr);
}

#[test]
fn a_plot_is_drawn_whole_and_replaces_nothing_unasked() {
    let folder = folder();
    let plot = folder.path().join("speed.svg");
    let arguments = [&BRIEFLY[..], &["--plot", text(&plot)]].concat();
    run(&arguments).expect_code(0);
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(
        svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
        "{svg}"
    );
    assert!(svg.contains("AES_CM_128, batch of 64"), "{svg}");
    let done = run(&arguments).expect_code(2);
    assert!(done.stderr.contains("--force"), "{}", done.stderr);
    run(&[&arguments[..], &["--force"]].concat()).expect_code(0);
}
