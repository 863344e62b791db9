//! Which messages are found in a body, and what is said where none are.

use super::*;

const TRACK: Call = Call::Single("track");

fn messages(body: &str) -> Vec<String> {
    let parsed = parse(Call::Batch, body.as_bytes()).expect("a batch");
    parsed.messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()).collect()
}

#[test]
fn messages_are_cut_out_byte_for_byte() {
    let sent = [
        r#"{ "b" : 1.50,  "a":"\u00e9\ud800 é" , "a": 1e400 }"#,
        "{\n\t\"revenue\": 67.230\n}",
        "null",
        "12345678901234567890.10",
        r#""no object""#,
        "[1, 2 ,3]",
    ];
    assert_eq!(messages(&format!("{{\"batch\":[ {} ]}}", sent.join(" , "))), sent);
}

#[test]
fn what_the_batch_shares_goes_with_each_message() {
    let body = br#" {"sentAt":"2026-01-05T10:11:14.000Z","batch":[{},{}],"context":{"ip": "1.1.1.1"},
        "integrations":{"All":true},"writeKey":"wk_\u0064emo","other":[1]}"#;
    let parsed = parse(Call::Batch, body).expect("a batch");
    let expected = [
        ("context", r#"{"ip": "1.1.1.1"}"#),
        ("integrations", r#"{"All":true}"#),
        ("sentat", "2026-01-05T10:11:14.000Z"),
    ];
    assert_eq!(parsed.shared, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(parsed.write_key.as_deref(), Some("wk_demo"));
    assert_eq!(parsed.messages.len(), 2);
}

#[test]
fn nulls_are_as_absent_and_a_number_is_kept_as_written() {
    let parsed = parse(Call::Batch, br#"{"batch":[1],"context":null,"writeKey":null,"sentAt":1767607874.0}"#);
    let parsed = parsed.expect("a batch");
    assert_eq!(parsed.write_key, None);
    assert_eq!(parsed.shared, Headers::from([("sentat".to_owned(), "1767607874.0".to_owned())]));
}

#[test]
fn a_single_message_is_the_whole_body() {
    let body = b" {\"event\":\"A\",\"writeKey\":\"k\",\"batch\":5}\n";
    let parsed = parse(TRACK, body).expect("a message");
    assert_eq!(parsed.messages, [body.as_slice()]);
    assert_eq!(parsed.shared, Headers::from([("path".to_owned(), "track".to_owned())]));
    assert_eq!(parsed.write_key.as_deref(), Some("k"));
}

#[test]
fn a_body_without_messages_says_why() {
    for (call, body, code) in [
        (Call::Batch, "", "malformed_json"),
        (Call::Batch, "{\"batch\":[{}", "malformed_json"),
        (Call::Batch, "{\"batch\":[{]}", "malformed_json"),
        (Call::Batch, "{\"batch\":[]} {}", "malformed_json"),
        (Call::Batch, "batch=1", "malformed_json"),
        (Call::Batch, "[\"k\",null,null,null,[]]", "not_an_object"),
        (Call::Batch, "{\"batch\":{}}", "unexpected_shape"),
        (Call::Batch, "{\"batch\":[],\"batch\":[]}", "unexpected_shape"),
        (Call::Batch, "{}", "no_batch"),
        (Call::Batch, "{\"batch\":null}", "no_batch"),
        (TRACK, "{\"event\":}", "malformed_json"),
        (TRACK, "[]", "not_an_object"),
        (TRACK, "7", "not_an_object"),
    ] {
        assert_eq!(parse(call, body.as_bytes()).expect_err(body).code(), code, "{body}");
    }
}

#[test]
fn deep_nesting_is_taken_in_without_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(messages(&format!("{{\"batch\":[{deep}]}}")), [deep]);
}

#[test]
fn no_value_of_the_body_is_in_the_refusal() {
    for body in [r#"{"batch":"ana@example.com"}"#, r#"{"batch":[{"email":"ana@example.com}]}"#, r#""ana@example.com""#]
    {
        let refusal = Refusal::from(parse(Call::Batch, body.as_bytes()).expect_err(body));
        assert!(!format!("{refusal:?}").contains("ana"), "{refusal:?}");
    }
}

#[test]
fn a_batch_is_held_to_its_limits() {
    let limits = CollectorLimits { batch_messages_max: 3, shared_bytes_max: 40, ..CollectorLimits::default() };
    let status = |body: &str| {
        let parsed = parse(Call::Batch, body.as_bytes()).expect("a batch");
        parsed.check(&limits).err().map(|refusal| (refusal.status.as_u16(), refusal.error))
    };
    assert_eq!(status(r#"{"batch":[1,2,3]}"#), None);
    assert_eq!(status(r#"{"batch":[1,2],"context":{"a": 1234}}"#), None, "2 × 18 bytes");
    assert_eq!(status(r#"{"batch":[]}"#).expect("refused").0, 400);
    let (code, error) = status(r#"{"batch":[1,2,3,4]}"#).expect("refused");
    assert_eq!((code, error.as_str()), (413, "the batch has 4 messages, expected at most 3"));
    assert_eq!(status(r#"{"batch":[1,2,3],"context":{"a": 1234}}"#).expect("refused").0, 413);
}
