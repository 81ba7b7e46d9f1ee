//! The HTTP transport against nodes that answer, and nodes that do everything else.
#![cfg(feature = "http")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, hex};
use callseal_registry_client::{
    Answer, HttpTransport, Limits, LookUpError, Registry, Transport, TransportError,
};
use serde_json::{Value, json};

use crate::fake_node::{FakeNode, Reply};
use crate::state::{STRANGER, State, key_x, number};

mod fake_node;
#[expect(dead_code, reason = "other tests use the rest")]
mod state;

/// No time at all for any machine, and little room.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(300),
    answer: Duration::from_secs(300),
    answer_len: 64 * 1024,
};

/// For nodes that never get done.
const SHORT: Limits = Limits {
    answer: Duration::from_millis(300),
    ..LIMITS
};

fn ok(question: &Value, result: Value) -> Reply {
    let body = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    Reply::Http(200, body.to_string())
}

fn error(question: &Value, code: i64, message: &str) -> Reply {
    let error = json!({ "code": code, "message": message });
    let body = json!({ "jsonrpc": "2.0", "id": question["id"], "error": error });
    Reply::Http(200, body.to_string())
}

/// What an honest node answers.
fn honest(state: &State, question: &Value) -> Reply {
    let params = &question["params"];
    let nodes =
        |nodes: Vec<Vec<u8>>| -> Vec<String> { nodes.iter().map(hex::encode_prefixed).collect() };
    let word = |value: &Value| value.as_str().unwrap().parse::<B256>().unwrap();
    match question["method"].as_str().unwrap() {
        "eth_chainId" => ok(question, json!("0x7a69")),
        "eth_getBlockByHash" if word(&params[0]) == state.header.hash_slow() => {
            let mut block = serde_json::to_value(&state.header).unwrap();
            // Blocks come with more than a header.
            block["hash"] = params[0].clone();
            block["transactions"] = json!([B256::ZERO, B256::ZERO]);
            block["size"] = json!("0x221");
            ok(question, block)
        }
        "eth_getBlockByHash" => ok(question, Value::Null),
        "eth_getProof" => {
            let address: Address = params[0].as_str().unwrap().parse().unwrap();
            let slot = |slot: &Value| {
                // A node's own words about the proof are nothing to us: here they are lies.
                json!({ "key": "0xbad", "value": "0xbad", "proof": nodes(state.slot_proof(word(slot))) })
            };
            let slots: Vec<_> = params[1].as_array().unwrap().iter().map(slot).collect();
            ok(
                question,
                json!({
                    "address": Address::ZERO, "balance": "0xbad", "codeHash": B256::ZERO,
                    "nonce": "0xbad", "storageHash": B256::ZERO,
                    "accountProof": nodes(state.account_proof(address)),
                    "storageProof": slots,
                }),
            )
        }
        method => error(
            question,
            -32601,
            &format!("the method {method} does not exist"),
        ),
    }
}

/// What a transport says to a node that answers everything with one reply.
fn refusal(reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> TransportError {
    refusal_within(LIMITS, reply)
}

fn refusal_within(
    limits: Limits,
    reply: impl Fn(&Value) -> Reply + Send + Sync + 'static,
) -> TransportError {
    let node = FakeNode::new(reply);
    let mut transport = HttpTransport::with_limits(&node.url, limits).unwrap();
    let refusal = transport.header(B256::ZERO).unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains(&node.url), "which node? {text}");
    assert!(text.len() < 400, "{text}");
    refusal
}

fn raw(octets: &[u8]) -> TransportError {
    let octets = octets.to_vec();
    refusal(move |_| Reply::Raw(octets.clone()))
}

fn cause(refusal: TransportError) -> String {
    match refusal {
        TransportError::Nonsense { cause, .. } => cause,
        other => panic!("to be taken for nonsense: {other}"),
    }
}

#[test]
fn an_honest_node_is_read_to_the_end() {
    let state = State::new();
    let (config, trusted) = (state.config, state.header.hash_slow());
    let node = FakeNode::new(move |question| honest(&state, question));
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let mut registry = Registry::new(config, trusted, transport);
    let record = registry.look_up(&number(7)).unwrap().into_record().unwrap();
    assert_eq!(record.value().key[1..], key_x(7)[..]);
    assert!(record.is_about(&number(7)));
    assert!(!record.is_about(&number(8)));
    assert_eq!(
        registry.look_up(STRANGER).unwrap().into_value(),
        Answer::Absent
    );
    let asked: Vec<_> = node
        .questions()
        .into_iter()
        .map(|(method, _)| method)
        .collect();
    assert_eq!(
        asked,
        [
            "eth_chainId",
            "eth_getBlockByHash",
            "eth_getProof",
            "eth_getProof"
        ]
    );
}

#[test]
fn a_node_of_another_chain_is_found_out_before_anything_else() {
    let state = State::new();
    let (config, trusted) = (state.config, state.header.hash_slow());
    let node = FakeNode::new(|question| ok(question, json!("0x1")));
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let refusal = Registry::new(config, trusted, transport)
        .look_up(&number(7))
        .unwrap_err();
    assert_eq!(
        refusal,
        LookUpError::WrongChain {
            expected: config.chain_id,
            got: 1
        }
    );
    assert_eq!(node.questions().len(), 1);
}

#[test]
fn a_node_that_takes_numbers_only_is_asked_by_number() {
    let state = State::new();
    let (config, trusted) = (state.config, state.header.hash_slow());
    let node = FakeNode::new(move |question| {
        if question["params"][2].is_object() {
            return error(question, -32602, "invalid argument 2: hex string expected");
        }
        honest(&state, question)
    });
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let mut registry = Registry::new(config, trusted, transport);
    for index in [7, 8] {
        assert!(
            registry
                .look_up(&number(index))
                .unwrap()
                .into_record()
                .is_some()
        );
    }
    let questions = node.questions();
    let blocks: Vec<_> = questions
        .iter()
        .filter(|(method, _)| method == "eth_getProof")
        .map(|(_, params)| params[2].clone())
        .collect();
    // By hash once, and then no more.
    assert_eq!(
        blocks,
        [
            json!({ "blockHash": trusted }),
            json!("0x3e8"),
            json!("0x3e8")
        ]
    );
}

#[test]
fn a_node_that_keeps_no_state_of_the_block_says_so_both_ways() {
    let state = State::new();
    let (config, trusted) = (state.config, state.header.hash_slow());
    let node = FakeNode::new(move |question| match question["params"][2] {
        Value::Object(_) => error(question, -32000, "missing trie node"),
        Value::String(_) => error(question, -32000, "distance to target block exceeds maximum"),
        _ => honest(&state, question),
    });
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let refusal = Registry::new(config, trusted, transport)
        .look_up(&number(7))
        .unwrap_err();
    let text = refusal.to_string();
    assert!(
        matches!(
            refusal,
            LookUpError::Transport(TransportError::Refused { .. })
        ),
        "{text}"
    );
    assert!(
        text.contains("missing trie node") && text.contains("exceeds maximum"),
        "{text}"
    );
}

#[test]
fn a_block_that_a_node_does_not_have_is_named() {
    let state = State::new();
    let config = state.config;
    let node = FakeNode::new(move |question| honest(&state, question));
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let block_hash = B256::repeat_byte(0x17);
    let refusal = Registry::new(config, block_hash, transport)
        .look_up(&number(7))
        .unwrap_err();
    let unknown = TransportError::UnknownBlock {
        node: node.url.clone(),
        block_hash,
    };
    assert_eq!(refusal, LookUpError::Transport(unknown));
}

#[test]
fn a_node_that_is_down_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refusal = HttpTransport::with_limits(&url, LIMITS)
        .unwrap()
        .header(B256::ZERO)
        .unwrap_err();
    let TransportError::Unreachable { node, cause } = refusal else {
        panic!("{refusal}")
    };
    assert_eq!(node, url);
    assert!(cause.to_lowercase().contains("refused"), "{cause}");
}

#[test]
fn a_node_that_is_slow_is_given_up() {
    let timed_out = |refusal: TransportError| {
        let limit = SHORT.answer;
        assert!(
            matches!(refusal, TransportError::TimedOut { limit: l, .. } if l == limit),
            "{refusal}"
        );
    };
    timed_out(refusal_within(SHORT, |_| Reply::Silence));
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n";
    let drip = move |first: &'static [u8]| {
        refusal_within(SHORT, move |_| Reply::Again {
            first: first.to_vec(),
            then: b" ".to_vec(),
            pause: Duration::from_millis(20),
        })
    };
    timed_out(drip(head));
    timed_out(drip(b"HTTP/1.1 200 O"));
}

#[test]
fn a_node_that_says_too_much_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\n";
    let endless = |first: String, then: Vec<u8>| {
        refusal(move |_| Reply::Again {
            first: first.clone().into_bytes(),
            then: then.clone(),
            pause: Duration::ZERO,
        })
    };
    let too_long = |refusal: TransportError| {
        let limit = LIMITS.answer_len;
        assert!(
            matches!(refusal, TransportError::TooLong { limit: l, .. } if l == limit),
            "{refusal}"
        );
    };
    too_long(endless(format!("{head}\r\n"), vec![b' '; 4096]));
    too_long(endless(
        format!("{head}content-length: 99999999999\r\n\r\n"),
        vec![b' '; 4096],
    ));
    let chunk = [&b"1000\r\n"[..], &[b' '; 4096], b"\r\n"].concat();
    too_long(endless(
        format!("{head}transfer-encoding: chunked\r\n\r\n"),
        chunk,
    ));
    cause(endless(format!("{head}x: "), vec![b'x'; 4096]));
    cause(endless(head.into(), b"x: y\r\n".repeat(100)));
}

#[test]
fn an_answer_of_just_the_limit_is_read() {
    let answer = |padding: usize| {
        let node = FakeNode::new(move |question| {
            let body =
                json!({ "jsonrpc": "2.0", "id": question["id"], "result": "0x1" }).to_string();
            let padding = LIMITS.answer_len as usize - body.len() + padding;
            Reply::Http(200, body + &" ".repeat(padding))
        });
        HttpTransport::with_limits(&node.url, LIMITS)
            .unwrap()
            .chain_id()
    };
    assert_eq!(answer(0), Ok(Some(1)));
    assert!(matches!(answer(1), Err(TransportError::TooLong { .. })));
}

#[test]
fn a_node_that_breaks_off_has_not_answered() {
    for octets in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1000\r\n{\"json",
    ] {
        let refusal = raw(octets);
        let told = matches!(
            refusal,
            TransportError::Unreachable { .. } | TransportError::Nonsense { .. }
        );
        assert!(told, "{refusal}");
    }
    // An end that HTTP allows, in the midst of JSON.
    let cause = cause(raw(b"HTTP/1.1 200 OK\r\n\r\n{\"jsonrpc\":"));
    assert!(cause.contains("EOF"), "{cause}");
}

#[test]
fn nonsense_is_called_by_its_name() {
    cause(raw(b"220 mail.example.org ESMTP\r\n"));
    cause(raw(&[0xff; 300]));
    cause(raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ));
    let http = |status: u16, body: &'static str| refusal(move |_| Reply::Http(status, body.into()));
    assert!(cause(http(200, "<html>hello</html>")).contains("JSON-RPC"));
    assert!(cause(http(200, "")).contains("JSON-RPC"));
    assert_eq!(cause(http(503, "<html>busy</html>")), "HTTP status 503");
    assert_eq!(cause(http(401, "")), "HTTP status 401");
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(cause(raw(moved)), "HTTP status 302");
    let result = |result: Value| cause(refusal(move |question| ok(question, result.clone())));
    assert!(result(json!("0x1")).contains("not of the expected form"));
    assert!(result(json!({ "number": "0x1" })).contains("missing field"));
    assert!(result(json!([])).contains("not of the expected form"));
}

#[test]
fn an_answer_to_another_question_is_no_answer() {
    let wrong = |id: Value| {
        cause(refusal(move |_| {
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": null });
            Reply::Http(200, body.to_string())
        }))
    };
    for id in [json!(2), json!(0), json!("1"), Value::Null] {
        assert_eq!(
            wrong(id.clone()),
            format!("the answer is to question {id}, ours was 1")
        );
    }
}

#[test]
fn an_error_is_the_nodes_own_whatever_its_status() {
    let message = |refusal: TransportError| match refusal {
        TransportError::Refused { message, .. } => message,
        other => panic!("to be taken for a refusal: {other}"),
    };
    let got = message(refusal(|question| {
        error(question, -32005, "too many requests")
    }));
    assert_eq!(got, "error -32005: too many requests");
    let got = message(refusal(|_| {
        Reply::Http(
            429,
            r#"{"error":{"code":429,"message":"slow\u0007 down"}}"#.into(),
        )
    }));
    assert_eq!(got, "error 429: slow\u{fffd} down");
}

#[test]
fn a_transport_outlives_a_failure() {
    let state = State::new();
    let (config, trusted) = (state.config, state.header.hash_slow());
    let times = AtomicUsize::new(0);
    let node = FakeNode::new(move |question| match times.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Raw(Vec::new()),
        2 => Reply::Http(500, String::new()),
        _ => honest(&state, question),
    });
    let transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
    let mut registry = Registry::new(config, trusted, transport);
    let answers: Vec<_> = (0..4).map(|_| registry.look_up(&number(7))).collect();
    let failures = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(failures, 1, "{answers:?}");
    assert!(answers[3].is_ok());
}

#[test]
fn a_question_is_put_once_more_where_the_connection_broke_and_not_for_ever() {
    for (broken, is_answered) in [(0, true), (1, true), (2, false)] {
        let times = Arc::new(AtomicUsize::new(0));
        let (asked, state) = (Arc::clone(&times), State::new());
        let hash = state.header.hash_slow();
        let node =
            FakeNode::new(
                move |question| match asked.fetch_add(1, Ordering::SeqCst) < broken {
                    true => Reply::Raw(Vec::new()),
                    false => honest(&state, question),
                },
            );
        let mut transport = HttpTransport::with_limits(&node.url, LIMITS).unwrap();
        assert_eq!(transport.header(hash).is_ok(), is_answered, "{broken}");
        assert_eq!(times.load(Ordering::SeqCst), 2.min(broken + 1));
    }
}

#[test]
fn a_url_that_is_none_is_refused_with_its_reason() {
    for (url, why) in [
        ("", "is not the URL"),
        ("127.0.0.1:8545", "is not the URL"),
        ("ftp://127.0.0.1", "http:// or https://"),
        ("ws://127.0.0.1:8546", "http:// or https://"),
        ("http://", "is not the URL"),
        ("http://:8545", "is not the URL"),
        ("http://host:99999", "is not the URL"),
        ("http://a b/", "is not the URL"),
    ] {
        let refusal = HttpTransport::new(url).expect_err(url).to_string();
        assert!(refusal.contains(why), "{url}: {refusal}");
    }
    for url in [
        "http://127.0.0.1:8545",
        "https://example.org/v3/key",
        "http://[::1]:8545/",
    ] {
        assert!(HttpTransport::new(url).is_ok(), "{url}");
    }
}

#[test]
fn no_error_repeats_the_secrets_of_a_url() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hunter2@{address}/v3/hunter2?key=hunter2");
    let mut transport = HttpTransport::with_limits(&url, LIMITS).unwrap();
    let refusal = transport.header(B256::ZERO).unwrap_err();
    for text in [
        refusal.to_string(),
        format!("{refusal:?}"),
        format!("{transport:?}"),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains(&format!("http://{address}")), "{text}");
    }
}
