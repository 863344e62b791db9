//! Mapped files: the tests inside mapping files, what mistakes say, and what records of every shape become.

use std::{fs, path::Path};

use model::{Fact, RawRecord};
use normalization::{Mapping, MappingFile, NormalizeError, Normalized, Normalizer, Source, Verdict, mapping_schema};
use proptest::prelude::*;

use crate::support::{normalizer, record};

const KEY: [u8; 32] = [7; 32];

fn parsed(yaml: &str) -> MappingFile {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

pub fn compiled(yaml: &str) -> Mapping {
    Mapping::new(&parsed(yaml), KEY).unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}"))
}

fn mistakes(yaml: &str) -> Vec<String> {
    let Err(errors) = Mapping::new(&parsed(yaml), KEY) else { panic!("no mistake in {yaml}") };
    errors.iter().map(ToString::to_string).collect()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

/// Every mapping file that stands in the repository, and every whole one in the stewards' manual.
fn all_mappings() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in [repository().join("config/mappings"), Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings")] {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "yaml") {
                found.push((file.display().to_string(), fs::read_to_string(file).unwrap()));
            }
        }
    }
    let manual = fs::read_to_string(repository().join("docs/mappings.md")).unwrap();
    for block in manual.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        if block.contains("mapping: ") {
            found.push(("docs/mappings.md".to_owned(), block.to_owned()));
        }
    }
    found
}

#[test]
fn the_tests_inside_every_mapping_pass() {
    let mut count = 0;
    for (place, text) in all_mappings() {
        for result in compiled(&text).run_tests() {
            assert!(result.passed, "{place}: {}: {}", result.name, result.detail);
            count += 1;
        }
    }
    assert!(count >= 30, "{count} tests are found");
}

#[test]
fn a_test_whose_expectation_is_wrong_fails_and_says_what_differs() {
    let outcome = |expected: &str| {
        let test = format!(
            "tests: [{{ name: t, row: {{ id: 7, at: 2026-01-05T10:00:00Z, price: '1.50' }}, {expected} }}]\nfacts:"
        );
        let results = compiled(&order_with(("facts:", &test))).run_tests();
        (results[0].passed, results[0].detail.clone())
    };
    for right in [
        "facts: [{ order: { total: 1.5, processed_at: '2026-01-05T11:00:00+01:00', lines: [{ price: '1.500' }] } }]",
        "facts: [{ order: {} }]",
    ] {
        assert_eq!(outcome(right), (true, String::new()), "{right}");
    }
    for (wrong, detail) in [
        ("facts: [{ order: { total: 1.51 } }]", "order[0].total is \"1.50\", expected 1.51"),
        ("facts: [{ order: { lines: [] } }]", "order[0].lines is"),
        ("facts: [{ order: { lines: [{ sku: a }] } }]", "order[0].lines[0].sku is null, expected \"a\""),
        ("facts: [{ order: { totl: 1.5 } }]", "order[0].totl is null"),
        ("facts: [{ order: {} }, { order: {} }]", "2 of order were expected, there are 1; all facts: order"),
        ("facts: [{ refund: {} }]", "1 of refund were expected, there are 0"),
        ("facts: []", "no facts were expected, there are 1"),
        ("rejected: missing_field", "row 0 is kept, with 1 facts"),
        ("ignored: filtered", "row 0 is kept, with 1 facts"),
    ] {
        let (passed, found) = outcome(wrong);
        assert!(!passed && found.starts_with(detail), "{wrong}: {found}");
    }
    let rejected = order_with((
        "facts:",
        "tests: [{ name: t, row: { id: 7 }, rejected: malformed_field }, { name: u, row: { id: 7 }, facts: [] }]\nfacts:",
    ));
    let details: Vec<String> = compiled(&rejected).run_tests().into_iter().map(|result| result.detail).collect();
    assert!(details[0].starts_with("row 0 is rejected: missing_field"), "{}", details[0]);
    assert!(details[1].starts_with("row 0 is rejected: missing field"), "{}", details[1]);
}

#[test]
fn a_mapping_is_stored_as_sorted_json_and_read_back_the_same() {
    for (place, text) in all_mappings() {
        let file = parsed(&text);
        let canonical = file.canonical_text();
        let with_status = canonical.replacen('{', r#"{"status":"approved","#, 1);
        let again: MappingFile = serde_json::from_str(&with_status).unwrap();
        assert_eq!(again.canonical_text(), canonical, "{place}");
        assert!(Mapping::new(&again, KEY).is_ok(), "{place}");
        assert!(!canonical.contains("\"tests\""), "tests do not change what a mapping does");
    }
}

#[test]
fn the_shipped_schema_is_that_of_the_code() {
    let path = repository().join("config/mappings/mapping.schema.json");
    let schema = format!("{:#}\n", mapping_schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == schema, "{} is old; run UPDATE_SCHEMA=1 cargo test -p normalization", path.display());
}

/// A mapping with one order, in which `change` says what stands instead.
fn order_with(change: (&str, &str)) -> String {
    let text = "mapping: shop\nstatus: draft\nformat: csv\nkey: [id]\nfacts:\n- order:\n    order_id: id\n    placed_at: at\n    currency: \"'EUR'\"\n    lines: [{ price: price }]\n";
    assert!(text.contains(change.0), "{}", change.0);
    text.replace(change.0, change.1)
}

#[test]
fn every_mistake_says_where_it_is_and_what_was_expected() {
    for (change, expected) in [
        (
            ("price: price", "price: pric * "),
            "mapping \"shop\": facts[0].order.lines[0].price: at character 7: expected a column",
        ),
        (
            ("placed_at: at", "placed_at: instnt(at, '%Y')"),
            "facts[0].order.placed_at: at character 1: unknown function \"instnt\"; did you mean \"instant\"?",
        ),
        (
            ("placed_at: at", "placed_at: at\n    tip: 1\n    grouped: true"),
            "facts[0].order.tip: of grouped rows the first row's counts",
        ),
        (
            ("placed_at: at", "placed_at: at\n    total: t\n    grouped: true"),
            "grouped rows state the order's total and its tax, or neither",
        ),
        (("key: [id]", "key: []"), "key: what recognises copies of a record?"),
        (("mapping: shop", "mapping: My Shop"), "\"My Shop\" is no name"),
        (("key: [id]", "key: [id]\nzone: London"), "zone: \"London\" is not an IANA time zone"),
        (("key: [id]", "key: [id]\ncsv: { delimiter: ';;' }"), ""),
        (("key: [id]", "key: [id]\ncsv: { encoding: ansi-x }"), "csv.encoding: unknown encoding \"ansi-x\""),
        (("key: [id]", "key: [id]\nlet: { a: b, b: a + 1 }"), "let.a: needs itself"),
        (("key: [id]", "key: [id]\nrecord: file"), "key: the record is the whole file"),
        (("- order:", "- rate: { base: a, on: b }\n  order:"), "facts[0]: names 2 kinds of facts"),
        (
            ("- order:", "- rate: { base: a, on: b }\n- order:"),
            "facts[0].rate: expected \"quote\" and \"rate\", or \"columns: all\"",
        ),
        (
            ("- order:", "- edge: { left: {}, right: { user: a }, at: b }\n- order:"),
            "facts[0].edge.left: expected exactly one of user, customer",
        ),
        (
            ("- order:", "- event: { name: n, occurred_at: o, kind: page }\n- order:"),
            "page reads a column; for the text write \"'page'\"",
        ),
        (("- order:", "- event: { name: n, occurred_at: o, kind: \"'pag'\" }\n- order:"), "did you mean \"page\"?"),
        (
            ("- order:", "- event: { name: n, occurred_at: o, value: v }\n- order:"),
            "an amount needs \"currency\" beside it",
        ),
        (
            ("- order:", "- event: { name: n, occurred_at: o, properties: { email: e } }\n- order:"),
            "is personal by its name",
        ),
        (
            ("- order:", "- refund: { refund_id: a, order_id: b, processed_at: c }\n- order:"),
            "what went back is said by",
        ),
        (
            ("- order:", "- cost: { platform: a, level: b, entity_id: c, day: d, cost: e, currency: f }\n- order:"),
            "needs \"record: file\"",
        ),
        (
            ("facts:", "tests: [{ name: a, row: {} }]\nfacts:"),
            "tests[0]: expected exactly one of \"facts\", \"rejected\", \"ignored\"",
        ),
        (("facts:", "tests: [{ name: a, text: b, ignored: c }]\nfacts:"), "tests[0]: expected \"row\" or \"rows\""),
    ] {
        let yaml = order_with(change);
        if expected.is_empty() {
            assert!(serde_saphyr::from_str::<MappingFile>(&yaml).is_err(), "{yaml}");
            continue;
        }
        let found = mistakes(&yaml);
        assert!(found.iter().any(|mistake| mistake.contains(expected)), "{expected}\nis not in {found:#?}");
    }
    let two = order_with(("price: price", "price: (, tax_rate: t"));
    assert_eq!(mistakes(&two).len(), 2, "all mistakes are told at once");
    let unknown = order_with(("placed_at: at", "placed_on: at"));
    let error = serde_saphyr::from_str::<MappingFile>(&unknown).unwrap_err().to_string();
    assert!(error.contains("placed_on"), "{error}");
}

#[test]
fn a_missing_column_is_named_with_the_nearest() {
    let mapping = compiled(&order_with(("price: price", "price: unit_price, sku: EUR")));
    let columns =
        |names: &[&str]| mapping.check_columns(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let error = columns(&["id", "at", "Unit Price", "id"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "column \"id\" stands there twice; no column \"EUR\" (a text constant is written \"'EUR'\"); no column \"unit_price\"; did you mean \"Unit Price\"? (a name with other signs stands in double quotes)"
    );
    assert!(columns(&["EUR", "unit_price", "at", "\u{feff}id"]).is_ok());
}

const HEADER: &str = "id,at,price,note";

fn csv_row(mapping: &Mapping, header: &str, row: &[u8]) -> Result<Normalized, NormalizeError> {
    mapping.normalize(&record("shop", &[("tributary-format", "csv"), ("tributary-csv-header", header)], row))
}

fn order_of(normalized: Normalized) -> model::OrderVersion {
    let Verdict::Facts(facts) = normalized.verdict else { panic!("{normalized:?}") };
    let Some(Fact::OrderVersion(version)) = facts.into_iter().next() else { panic!("an order") };
    *version
}

#[test]
fn cells_are_found_by_their_header_however_the_row_is_written() {
    let mapping = compiled(&order_with(("price: price", "price: price, sku: note")));
    for (header, row, sku) in [
        (HEADER, "7,2026-01-05T10:00:00Z, 2.50 ,x", Some("x")),
        (HEADER, "\"7\",2026-01-05T10:00:00Z,2.50,\"a, \"\"b\"\"\nc\"", Some("a, \"b\"\nc")),
        ("note,price,at,id", "x,2.50,2026-01-05T10:00:00Z,7", Some("x")),
        (HEADER, "7,2026-01-05T10:00:00Z,2.50,,", None),
        ("id,at,price,note,", "7,2026-01-05T10:00:00Z,2.50,x,", Some("x")),
    ] {
        let normalized = csv_row(&mapping, header, row.as_bytes()).unwrap();
        assert_eq!(normalized.key.id, "7");
        let order = order_of(normalized);
        assert_eq!((order.total_micros, order.lines[0].sku.as_deref()), (2_500_000, sku), "{row}");
    }
}

#[test]
fn a_row_that_cannot_be_read_says_what_was_found_and_how_to_mend_it() {
    let mapping = compiled(&order_with(("price: price", "price: price, sku: note")));
    for (row, expected) in [
        (&b"7,2026-01-05T10:00:00Z"[..], "2 values where the header has 4 columns"),
        (b"7,2026-01-05T10:00:00Z,1,2,3", "5 values where the header has 4 columns"),
        (b"7,\"2026,1,2", "a quote \" is opened and never closed"),
        (b"7,2026-01-05T10:00:00Z,1,\xff", "not UTF-8 after byte 25; is another \"encoding\" meant"),
        (
            b"7,2026-01-05T10:00:00Z,\"1,5\",x",
            "field \"facts[0].order.lines[0].price\" is \"1,5\", expected a number such as 1234.56 (set \"decimal_comma: true\"",
        ),
        (b"7,2026-01-05T10:00:00Z,1.2345678,x", "with at most 6 decimal places; write round(…, 2)"),
        (
            b"7,05.01.2026,1,x",
            "expected an instant such as 2026-01-05T10:11:12Z (else write instant(column, '%d/%m/%Y %H:%M'))",
        ),
        (
            b"7,2026-01-05 10:00,1,x",
            "expected an instant that names its zone, or \"zone: Europe/London\" in the mapping",
        ),
        (b",2026-01-05T10:00:00Z,1,x", "missing field \"key[0]\", which the mapping reads from: id"),
    ] {
        let error = csv_row(&mapping, HEADER, row).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = csv_row(&mapping, "id,at,price", b"7,2026-01-05T10:00:00Z,1").unwrap_err().to_string();
    assert_eq!(error, "no column \"note\", there are: id, at, price");
}

#[test]
fn another_encoding_is_read_as_the_mapping_says() {
    let mapping = compiled(
        &order_with((
            "key: [id]",
            "key: [id]\ncsv: { encoding: windows-1252, delimiter: \"\\t\", columns: [id, at, price, note] }",
        ))
        .replace("price: price", "price: price, sku: note"),
    );
    let raw = record("shop", &[("tributary-format", "csv")], b"7\t2026-01-05T10:00:00Z\t1\tCaf\xe9 \x80");
    assert_eq!(order_of(mapping.normalize(&raw).unwrap()).lines[0].sku.as_deref(), Some("Café €"));
    let report = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/report.yaml")).unwrap();
    let report = compiled(&report.replace("format: csv", "format: csv\ncsv: { encoding: utf-16le, skip_lines: 1 }"));
    let text = "Title\r\nAccount ID,Campaign ID,Campaign,Day,Impressions,Clicks,Cost,Conversions\r\n,c,n,2026-01-05,1,1,2,-\r\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let raw = record("tiktok_report", &[("tributary-format", "csv")], &bytes);
    let Verdict::Facts(facts) = report.normalize(&raw).unwrap().verdict else { panic!("rejected") };
    assert!(matches!(facts.as_slice(), [Fact::Pull(_), Fact::Cost(cost)] if cost.cost_micros == 2_000_000));
}

#[test]
fn the_key_tells_copies_from_equal_rows() {
    let keyed = |key: &str, change: fn(&mut RawRecord)| {
        let mapping = compiled(&order_with(("key: [id]", &format!("key: {key}"))));
        let headers = [("tributary-format", "csv"), ("tributary-csv-header", "id,at,price")];
        let mut raw = record("shop", &headers, b"a/b,2026-01-05T10:00:00Z,1");
        raw.channel = "file/0f".into();
        change(&mut raw);
        mapping.normalize(&raw).unwrap().key.id
    };
    assert_eq!(keyed("[$file, $row]", |_| {}), "0f/0");
    assert_eq!(keyed("[$file, $row]", |raw| raw.offset = 7), "0f/7");
    assert_eq!(keyed("[id, $row]", |_| {}), "a\\/b/0", "parts never run into each other");
    assert_eq!(keyed("[id]", |raw| raw.offset = 7), "a/b");
    assert_eq!(keyed("[$content]", |_| {}).len(), 32);
}

#[test]
fn no_personal_text_is_in_a_fact_or_an_error() {
    let yaml = order_with(("price: price", "price: price, sku: note")).replace(
        "placed_at: at",
        "placed_at: at\n    email: email\n    customer: email\n    name: note\n    tip: email\n    properties: $all",
    );
    let mapping = compiled(&yaml);
    let header = "id,at,price,note,email,first_name";
    let error = csv_row(&mapping, header, b"7,2026-01-05T10:00:00Z,1,x,Ana Muster,Ana").unwrap_err().to_string();
    assert!(!error.contains("Ana") && error.contains("<hidden>"), "{error}");
    let mapping = compiled(&yaml.replace("    tip: email\n", ""));
    let normalized =
        csv_row(&mapping, header, b"7,2026-01-05T10:00:00Z,1,ana@example.com,ana@example.com,Ana").unwrap();
    let text = format!("{normalized:?}");
    assert!(!text.contains("ana@") && !text.contains("Ana"), "{text}");
    assert!(text.contains("<e-mail>"), "{text}");
}

#[test]
fn mappings_stand_beside_sources_and_replace_each_other() {
    let with = |yaml: &str| normalizer().with_mappings(vec![compiled(yaml)]);
    let raw = record("shop", &[("tributary-format", "json")], br#"{"id":7,"at":"2026-01-05T10:00:00Z","price":1}"#);
    let kept = |normalizer: &Normalizer| matches!(normalizer.normalize(&raw).verdict, Verdict::Facts(_));
    let first = with(&order_with(("price: price", "price: price"))).unwrap();
    assert!(kept(&first));
    let second = first.with_mappings(Vec::new()).unwrap();
    assert!(!kept(&second), "all former mappings are replaced");
    let clash = with(&order_with(("mapping: shop", "mapping: shopify"))).err().unwrap().to_string();
    assert_eq!(clash, "source \"shopify\" is configured and is a mapping too; rename the mapping");
}

#[test]
fn null_is_unknown_as_in_sql() {
    let verdict = |when: &str| {
        let mapping = compiled(&order_with(("key: [id]", &format!("key: [id]\nwhen: \"{when}\""))));
        let raw = record(
            "shop",
            &[("tributary-format", "json")],
            br#"{"id":7,"at":"2026-01-05T10:00:00Z","price":1,"n":null,"t":"10","u":"9","list":[1,"a"],"e":""}"#,
        );
        matches!(mapping.normalize(&raw).unwrap().verdict, Verdict::Facts(_))
    };
    for condition in [
        "n is null",
        "e is null",
        "not (n = 1) is not null or true",
        "coalesce(n, 1) = 1",
        "id = 7",
        "id = '7'",
        "t < u",
        "number(t) > u",
        "t > 9",
        "id in (n, 7)",
        "false or id = 7",
        "n is null and list[0] = 1",
        "list[1] = 'a'",
        "list[9] is null",
        "concat(n, 'a', 1) = 'a1'",
        "('a' || n) is null",
        "(n + 1) is null",
        "if(n, 1, 2) = 2",
        "at < instant('2026-01-06', '%Y-%m-%d', 'UTC')",
        "text(1.50) = '1.50'",
        "split_part('a-b-c', '-', 2) = 'b'",
        "substring('abcdef', 2, 3) = 'bcd'",
        "length('äb') = 2",
        "replace(' x ', ' ', '') = trim(' x ')",
        "upper('a') = 'A' and lower('A') = 'a'",
        "abs(-1.5) = 1.5",
        "round(2.5) = 2 and round(0.125, 2) = 0.12",
        "starts_with('ab','a') and ends_with('ab','b') and contains('ab','')",
        "json('[{\"k\":5}]')[0].k = 5",
        "from_unix_s(1.5) = from_unix_ms(1500)",
        "date('05/01/2026','%d/%m/%Y') = '2026-01-05'",
        "1 / 4 * 8 - 2 = 0",
        "2 + 3 || '' = '5'",
        "$row = 0",
        "$file = 'test'",
        "length($content) = 32",
    ] {
        let condition = condition.replace('"', "\\\"");
        assert!(verdict(&condition), "{condition}");
    }
    for condition in [
        "n = 1",
        "n != 1",
        "not (n = 1)",
        "n in (1)",
        "1 in (n, 2)",
        "not (1 in (n, 2))",
        "n and true",
        "n or false",
        "null",
    ] {
        assert!(!verdict(condition), "{condition}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any cells, quoted or not, come out of the row as they went in.
    #[test]
    fn cells_survive_being_written_as_csv(cells in proptest::collection::vec("[ -~äé\n]{0,12}", 3)) {
        let mapping = compiled(&order_with(("price: price", "price: price, sku: a, product_id: b, id: c")));
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        let row = [&["7", "2026-01-05T10:00:00Z", "1"], cells.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat();
        writer.write_record(row).unwrap();
        let bytes = writer.into_inner().unwrap();
        let order = order_of(csv_row(&mapping, "id,at,price,a,b,c", bytes.trim_ascii_end()).unwrap());
        let line = &order.lines[0];
        let kept = |cell: &String| Some(cell.trim().to_owned()).filter(|cell| !cell.is_empty());
        prop_assume!(cells.iter().all(|cell| !cell.contains(['@', '%'])));
        prop_assert_eq!(&line.sku, &kept(&cells[0]));
        prop_assert_eq!(&line.product_id, &kept(&cells[1]));
        prop_assert_eq!(&line.line_id, &kept(&cells[2]).unwrap_or("0".to_owned()));
    }

    /// Nothing that arrives makes it fail, and nothing that is written as an expression either.
    #[test]
    fn arbitrary_bytes_and_expressions_never_make_it_fail(
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        expression in "[a-z0-9 .()'\",+*/=<|\\[\\]$-]{0,24}",
    ) {
        let mut file = parsed(&order_with(("price: price", "price: price")));
        for format in ["csv", "json", "ndjson", "odd"] {
            let headers = [("tributary-format", format), ("tributary-csv-header", HEADER)];
            let mapping = Mapping::new(&file, KEY).unwrap();
            prop_assert!(mapping.normalize(&record("shop", &headers, &payload)).is_err());
        }
        file.when = Some(normalization::mapping::Expression(expression));
        if let Ok(mapping) = Mapping::new(&file, KEY) {
            let raw = record("shop", &[("tributary-format", "json")], br#"{"id":7,"at":"2026-01-05T10:00:00Z","price":1}"#);
            let _ = mapping.normalize(&raw);
        }
    }

    /// What is computed of the lines foots: the total is what the lines and the tax add up to, by another sum.
    #[test]
    fn a_computed_total_foots(lines in proptest::collection::vec((-5_i64..50, 0_i64..100_000, 0_i64..500, 0_i64..900), 1..6), gross in any::<bool>()) {
        let yaml = order_with(("lines: [{ price: price }]", "taxes_included: gross\n    lines: [{ each: lines, quantity: 'item[0]', price: 'item[1] / 100', discount: 'item[2] / 100', tax: 'item[3] / 100' }]"));
        let lists: Vec<String> = lines.iter().map(|(q, p, d, t)| format!("[{q},{p},{d},{t}]")).collect();
        let payload = format!(r#"{{"id":7,"at":"2026-01-05T10:00:00Z","gross":{gross},"lines":[{}]}}"#, lists.join(","));
        let order = order_of(compiled(&yaml).normalize(&record("shop", &[("tributary-format", "json")], payload.as_bytes())).unwrap());
        let cents: i64 = lines.iter().map(|(q, p, d, t)| q * p - d + if gross { 0 } else { *t }).sum();
        prop_assert_eq!(order.total_micros, cents * 10_000);
        prop_assert_eq!(order.total_tax_micros, lines.iter().map(|line| line.3).sum::<i64>() * 10_000);
    }
}
