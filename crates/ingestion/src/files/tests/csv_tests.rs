//! CSV records against the `csv` crate's own reader; headers and columns.

use super::*;

const LETTERS: [&str; 9] = ["a", ",", "\"", "\n", "\r", "\r\n", "\"\"", "é", "b\",\""];

/// Records as fields, by the `csv` crate.
fn parsed(content: &[u8]) -> Vec<csv::ByteRecord> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content);
    reader.into_byte_records().map(|record| record.expect("any bytes are CSV")).map(without_place).collect()
}

fn without_place(mut record: csv::ByteRecord) -> csv::ByteRecord {
    record.set_position(None);
    record
}

fn no_header(options: &mut ImportOptions) {
    options.format = Some(ImportFormat::Csv);
    options.csv.has_header = false;
}

#[test]
fn random_records_are_those_of_the_csv_crate() {
    let mut seed: u64 = 7;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut unclosed = 0;
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(&dir);
    no_header(&mut options);
    for _ in 0..4000 {
        let letters: String = (0..next(24)).map(|_| LETTERS[next(9) as usize]).collect();
        let expected = parsed(letters.as_bytes());
        let path = written(&dir, "f", letters.as_bytes());
        let file = ImportFile::open(&path, &options).expect("a file");
        let rows: Vec<Result<ImportRow, IntakeError>> = file.rows(0).expect("rows").collect();
        assert_eq!(rows.len(), expected.len(), "{letters:?}");
        // An open quote is one that takes the line after it in.
        let open = parsed(format!("{letters}\nlast").as_bytes()).len() == expected.len();
        assert_eq!(rows.last().is_some_and(Result::is_err), open, "{letters:?}");
        unclosed += u32::from(open);
        for (row, expected) in rows.into_iter().flatten().zip(&expected) {
            assert_eq!(parsed(&row.payload), std::slice::from_ref(expected), "{letters:?}");
        }
    }
    assert!((100..3900).contains(&unclosed), "both kinds were among them: {unclosed}");
}

#[test]
fn long_records_and_old_line_ends_are_split_beyond_what_is_read_at_once() {
    let long = format!("1,\"{}\"", "x\r\n\"\"".repeat(700_000));
    let content = format!("{long}\n2,b\n3,\"c\nd\"\n");
    assert_eq!(rows_of(content.as_bytes(), no_header), [long.as_str(), "2,b", "3,\"c\nd\""]);
    let old: String = (0..300_000).map(|n| format!("{n},\"a\rb\"\r\r")).collect();
    let rows = rows_of(old.as_bytes(), no_header);
    assert_eq!(rows.len(), 300_000);
    assert!(rows.iter().enumerate().all(|(n, row)| *row == format!("{n},\"a\rb\"")));
}

#[test]
fn a_header_is_kept_as_written_and_read_as_names() {
    let dir = tempfile::tempdir().expect("a directory");
    let content = b"\xef\xbb\xbfReport \"May\n\r\n\"Order\nid\";price;\"\";\r\n1;2;3;4\n";
    let csv = CsvLayout { delimiter: b';', skip_lines: 2, ..CsvLayout::default() };
    let file = ImportFile::open(&written(&dir, "f", content), &ImportOptions { csv, ..options(&dir) }).expect("a file");
    assert_eq!(file.columns(), Some(["Order\nid", "price", "", ""].map(str::to_owned).as_slice()));
    let expected = [("tributary-csv-header", "\"Order\nid\";price;\"\";"), ("tributary-format", "csv")];
    assert_eq!(file.headers(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(texts(file.rows(0).expect("rows")), ["1;2;3;4"]);
}

#[test]
fn lines_are_skipped_as_they_lie_whatever_ends_them() {
    for content in ["a\n\nid\n1\n", "a\r\n\r\nid\r\n1", "a\r\rid\r1\r", "\"a\r\n\"\nid\n1"] {
        let rows = rows_of(content.as_bytes(), |options| {
            options.format = Some(ImportFormat::Csv);
            options.csv.skip_lines = 2;
        });
        assert_eq!(rows, ["1"], "{content:?}");
        let none = rows_of(content.as_bytes(), |options| {
            options.format = Some(ImportFormat::Csv);
            options.csv.skip_lines = 9;
        });
        assert_eq!(none, [""; 0], "{content:?}");
    }
}

#[test]
fn a_header_in_another_encoding_loses_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = ImportFile::open(&written(&dir, "f", b"Gr\xf6\xdfe,\x80\n1,2\n"), &options(&dir)).expect("a file");
    assert_eq!(file.header_bytes(), Some(&b"Gr\xf6\xdfe,\x80"[..]));
    assert_eq!(file.headers()["tributary-csv-header"], "Größe,\u{80}");
    assert_eq!(file.columns(), Some(["Größe", "\u{80}"].map(str::to_owned).as_slice()));
}

#[test]
fn columns_of_one_name_are_named_and_values_are_not() {
    let error = refusal(b"id,price,id,a@b.example,,a@b.example,,price\n", |_| ());
    let expected = "<hidden> (columns 4, 6), \"id\" (columns 1, 3), \"price\" (columns 2, 8)";
    assert!(error.contains(expected), "{error}");
    assert_eq!(rows_of(b"id,id\n1,2\n", no_header), ["id,id", "1,2"]);
}

#[test]
fn quotes_are_ordinary_letters_where_there_is_no_quote() {
    let content = b"size,n\n3\"\n\"4,2\n";
    let rows = rows_of(content, |options| options.csv.quote = None);
    assert_eq!(rows, ["3\"", "\"4,2"]);
    let (read, error) = damage_of(content);
    assert_eq!(read, 1);
    assert!(matches!(error, IntakeError::DamagedFile { row: 1, byte: Some(10), .. }), "{error}");
}
