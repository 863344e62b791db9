//! JSON values against `serde_json`; what lies between them.

use serde_json::value::RawValue;

use super::*;

#[test]
fn elements_are_those_of_serde_json_letter_by_letter() {
    let rows = rows_of(ARRAY, |_| ());
    let expected: Vec<&RawValue> = serde_json::from_slice(ARRAY).expect("an array");
    assert_eq!(rows, expected.iter().map(|value| value.get()).collect::<Vec<_>>());
}

#[test]
fn random_values_are_found_however_they_are_spaced() {
    let mut seed: u64 = 11;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..500 {
        let values: Vec<serde_json::Value> = (0..next(6)).map(|_| value(&mut next, 4)).collect();
        for content in [serde_json::to_string(&values), serde_json::to_string_pretty(&values)] {
            let content = content.expect("JSON");
            let expected: Vec<&RawValue> = serde_json::from_str(&content).expect("an array");
            assert_eq!(rows_of(content.as_bytes(), |_| ()), expected.iter().map(|v| v.get()).collect::<Vec<_>>());
        }
    }
}

fn value(next: &mut impl FnMut(u64) -> u64, depth: u64) -> serde_json::Value {
    let texts = ["", "a,b", "]}", "\\", "\"", "\n", "\\\"", "é"];
    let text = texts[next(8) as usize].to_owned();
    match next(if depth == 0 { 4 } else { 6 }) {
        0 => serde_json::Value::Null,
        1 => serde_json::json!(next(2) == 0),
        2 => serde_json::json!(next(9999)),
        3 => serde_json::Value::String(text),
        4 => (0..next(4)).map(|_| value(next, depth - 1)).collect(),
        _ => (0..next(4))
            .map(|n| (format!("{text}{n}"), value(next, depth - 1)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn a_huge_nested_array_is_taken_element_by_element() {
    let items = vec!["{\"sku\":\"[x]\",\"n\":[1,[2,{}]]}"; 40_000].join(",");
    let element = format!("{{\"items\":[{items}]}}");
    let content = format!("[{element},\n{element},[{}1{}]]", "[".repeat(100_000), "]".repeat(100_000));
    let rows = rows_of(content.as_bytes(), |_| ());
    assert_eq!(rows.len(), 3);
    assert_eq!([rows[0].as_str(), rows[1].as_str()], [element.as_str(); 2]);
    assert_eq!(rows[2].len(), 200_003);
}

#[test]
fn objects_that_span_lines_are_rows() {
    let one = "{\n  \"orders\": [\n    {\"a\": 1}\n  ]\n}";
    assert_eq!(rows_of(format!("{one}\n").as_bytes(), |_| ()), [one]);
    assert_eq!(rows_of(format!("\u{feff}{one}\n\n{one}{one}").as_bytes(), |_| ()), [one; 3]);
}

#[test]
fn damage_names_row_and_byte_and_leaves_the_rows_before_it() {
    for (content, row, byte, found) in [
        ("[{\"a\":1} {\"a\":2}]", 1, 9, "found \"{\", expected \",\" or \"]\""),
        ("[{\"a\":1},,2]", 1, 9, "found \",\", expected a value"),
        ("[{\"a\":1},]", 1, 9, "found \"]\""),
        ("[{\"a\":1},{\"b\":[2}]", 1, 16, "found \"}\""),
        ("[{\"a\":1},{\"b\":2", 1, 15, "found the end of the file, expected the rest of a value"),
        ("[{\"a\":1},", 1, 9, "found the end of the file"),
        ("[{\"a\":1}", 1, 8, "found the end of the file"),
        ("[1]\n[2]\n", 1, 4, "format ndjson"),
        ("[1\"a\"]", 0, 2, "found \"\"\""),
        ("[,1]", 0, 1, "found \",\""),
        ("{\n\"a\":1}\n x", 1, 10, "found \"x\", expected \"{\""),
        ("{\n\"a\":", 0, 6, "found the end of the file"),
    ] {
        let (read, error) = damage_of(content.as_bytes());
        assert_eq!(read, row, "{content}");
        let IntakeError::DamagedFile { row: named, byte: at, problem, .. } = &error else { panic!("{error}") };
        assert_eq!((*named, *at), (row as u64, Some(byte)), "{content}: {error}");
        assert!(problem.contains(found), "{content}: {error}");
    }
}
