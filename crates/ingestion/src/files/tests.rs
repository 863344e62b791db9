//! Files as users have them: every format, however packed; resumed, damaged, refused.

use std::{fs, io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;

mod csv_tests;
mod json_tests;
mod parquet_tests;

pub(super) fn options(dir: &TempDir) -> ImportOptions {
    let copies_dir = dir.path().join("copies");
    ImportOptions { format: None, unit: ImportUnit::Row, csv: CsvLayout::default(), copies_dir }
}

pub(super) fn written(dir: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, content).expect("a file");
    path
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// The content plain and packed in every way.
fn packings(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (left, right) = content.split_at(content.len() / 2);
    let zstd = |part: &[u8]| zstd::encode_all(part, 1).expect("memory takes all");
    vec![
        ("plain", content.to_vec()),
        ("gzip", gzip(content)),
        ("gzip in members", [gzip(left), gzip(b""), gzip(right)].concat()),
        ("zstd", zstd(content)),
        ("zstd in frames", [zstd(left), zstd(right)].concat()),
    ]
}

pub(super) fn texts(rows: ImportRows) -> Vec<String> {
    let text = |row: Result<ImportRow, IntakeError>| String::from_utf8(row.expect("a row").payload).expect("UTF-8");
    rows.map(text).collect()
}

/// The rows of a content, taken from a stream.
pub(super) fn rows_of(content: &[u8], change: impl Fn(&mut ImportOptions)) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(&dir);
    change(&mut options);
    let file = ImportFile::of_stream("a stream", std::io::Cursor::new(content.to_vec()), &options).expect("a file");
    texts(file.rows(0).expect("rows"))
}

/// The rows before the damage, and the damage.
pub(super) fn damage_of(content: &[u8]) -> (usize, IntakeError) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = ImportFile::open(&written(&dir, "f", content), &options(&dir)).expect("a file");
    let mut rows = file.rows(0).expect("rows");
    let mut read = 0;
    let error = loop {
        match rows.next() {
            Some(Ok(_)) => read += 1,
            Some(Err(error)) => break error,
            None => panic!("no damage seen"),
        }
    };
    assert!(rows.next().is_none(), "after an error there are no more rows");
    (read, error)
}

fn refusal(content: &[u8], change: impl Fn(&mut ImportOptions)) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(&dir);
    change(&mut options);
    ImportFile::open(&written(&dir, "f", content), &options).expect_err("refused").to_string()
}

const NDJSON: &[u8] = b"{\"a\":1}\r\n\n  \n{\"a\":\"x\\ny\"}\n{broken\n {\"a\":3} \n[4]\n{\"a\":5}";
const ARRAY: &[u8] = b" [ {\"a\":1} ,\n{ \"b\" : [1,{\"c\":\"]\"}] },[2,[3]], \"te\\\"xt,\",-1.5e3 ,null,true]\n ";
const CSV: &[u8] = b"\"order id\",name\r\n1,a\r\n\r\n2,\"b\r\n\"\"c\"\"\"\r\n3,\n4,x\"y";

#[test]
fn every_format_gives_the_same_rows_and_hash_however_it_is_packed_and_at_every_resumption() {
    let parquet = parquet_tests::sample(3);
    for (content, rows_expected) in [(NDJSON, 6), (ARRAY, 7), (CSV, 4), (parquet.as_slice(), 40)] {
        let hash: String = blake3::hash(content).to_hex().chars().take(32).collect();
        let mut expected = Vec::new();
        for (packing, packed) in packings(content) {
            let dir = tempfile::tempdir().expect("a directory");
            let path = written(&dir, "whatever.txt", &packed);
            let file = ImportFile::open(&path, &options(&dir)).expect("a file");
            assert_eq!(
                (file.content_hash(), file.file_channel()),
                (hash.as_str(), format!("file/{hash}")),
                "{packing}"
            );
            let rows = texts(file.rows(0).expect("rows"));
            assert_eq!(rows.len(), rows_expected, "{packing}: {rows:?}");
            assert_eq!(file.bytes_read(), file.bytes_total(), "{packing}");
            if expected.is_empty() {
                expected.clone_from(&rows);
            }
            assert_eq!(rows, expected, "{packing}");
            for skip in 0..=rows.len() + 1 {
                let tail: Vec<ImportRow> =
                    file.rows(skip as u64).expect("rows").map(|row| row.expect("a row")).collect();
                let numbers: Vec<u64> = tail.iter().map(|row| row.number).collect();
                assert_eq!(numbers, (skip as u64..rows.len() as u64).collect::<Vec<_>>(), "{packing}");
                let tail: Vec<_> = tail.into_iter().map(|row| String::from_utf8(row.payload).expect("UTF-8")).collect();
                assert_eq!(tail, rows.get(skip..).unwrap_or_default(), "{packing}");
            }
            let again = ImportFile::of_stream("-", std::io::Cursor::new(packed), &options(&dir)).expect("a file");
            assert_eq!(again.content_hash(), hash);
            assert_eq!(texts(again.rows(0).expect("rows")), rows, "{packing}, as a stream");
            drop((file, again));
            assert_eq!(fs::read_dir(dir.path().join("copies")).expect("made").count(), 0, "copies are removed");
        }
    }
}

#[test]
fn lines_are_rows_as_written_and_blank_ones_are_none() {
    let lines = ["{\"a\":1}", "{\"a\":\"x\\ny\"}", "{broken", " {\"a\":3} ", "[4]", "{\"a\":5}"];
    assert_eq!(rows_of(NDJSON, |_| ()), lines);
}

#[test]
fn the_format_is_told_by_the_content() {
    let format = |content: &[u8], unit: ImportUnit| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = written(&dir, "f.parquet.csv.json", content);
        ImportFile::open(&path, &ImportOptions { unit, ..options(&dir) }).expect("a file").format()
    };
    let utf16: Vec<u8> = "\u{feff} [1]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(format(&utf16, ImportUnit::File), ImportFormat::Json);
    for unit in [ImportUnit::Row, ImportUnit::File] {
        for (content, expected) in [
            ("{\"a\":1}\n{\"a\":2}\n", ImportFormat::Ndjson),
            ("\u{feff}\n {\"a\":1}\n", ImportFormat::Json),
            ("{\n \"a\": [\n {\"b\":1}\n]}\n", ImportFormat::Json),
            ("{\"a\":\n1}{\"b\":2}", ImportFormat::Json),
            ("{\"a\":1\n{\"b\":2}\n", ImportFormat::Ndjson),
            ("{\"a\":\"x\n{\"b\":\"y\"}\n", ImportFormat::Ndjson),
            ("{a:1}\n{\"b\":2}\n", ImportFormat::Ndjson),
            ("{\"a\":1", ImportFormat::Ndjson),
            ("[{\"a\":1}]", ImportFormat::Json),
            ("id,name\n1,{}\n", ImportFormat::Csv),
            ("\u{feff}id\n", ImportFormat::Csv),
        ] {
            assert_eq!(format(content.as_bytes(), unit), expected, "{content}");
        }
    }
    assert_eq!(format(b"PAR1", ImportUnit::Row), ImportFormat::Parquet);
    assert_eq!(format(b" \n\t", ImportUnit::Row), ImportFormat::Ndjson);
}

#[test]
fn a_content_without_rows_has_none_and_misses_no_header() {
    for content in ["", "\n \r\n", "\u{feff}", "[]", " [ ] "] {
        assert_eq!(rows_of(content.as_bytes(), |_| ()), [""; 0], "{content:?}");
    }
    assert_eq!(rows_of(b"", |options| options.format = Some(ImportFormat::Csv)), [""; 0]);
}

#[test]
fn a_file_that_is_one_record_is_taken_whole_as_it_is() {
    let content = b"\xef\xbb\xbfTitle\n\nDay,Cost\n1,2\n";
    let dir = tempfile::tempdir().expect("a directory");
    let options = ImportOptions { unit: ImportUnit::File, ..options(&dir) };
    let file = ImportFile::open(&written(&dir, "f", &gzip(content)), &options).expect("a file");
    let rows: Vec<ImportRow> = file.rows(0).expect("rows").map(|row| row.expect("a row")).collect();
    assert_eq!(rows, [ImportRow { number: 0, payload: content.to_vec() }]);
    assert_eq!(file.file_channel(), crate::reports::file_channel(content));
    assert_eq!(file.headers(), Headers::from([("tributary-format".to_owned(), "csv".to_owned())]));
    assert!(file.rows(1).expect("rows").next().is_none());
    let lines = ImportFile::open(&written(&dir, "l", b"{}\n{}\n"), &options).expect("a file");
    assert_eq!(lines.headers().get("tributary-format").map(String::as_str), Some("ndjson"));
}

/// The content of a file that is one record.
fn whole(name: &str, packed: &[u8]) -> Result<Vec<u8>, IntakeError> {
    let dir = tempfile::tempdir().expect("a directory");
    let options = ImportOptions { unit: ImportUnit::File, ..options(&dir) };
    let file = ImportFile::open(&written(&dir, name, packed), &options)?;
    let rows: Vec<ImportRow> = file.rows(0)?.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().flat_map(|row| row.payload).collect())
}

#[test]
fn a_report_reads_the_same_however_it_is_packed() {
    let report = br#"{"data":[],"paging":{}}"#;
    for (packing, packed) in packings(report) {
        assert_eq!(whole("report.json", &packed).expect("readable"), report, "{packing}");
    }
}

#[test]
fn a_report_shorter_than_the_magic_bytes_is_read() {
    for short in [&b""[..], b"[]", b"\x1f"] {
        assert_eq!(whole("short", short).expect("readable"), short);
    }
}

#[test]
fn a_small_file_that_unpacks_beyond_the_cap_is_refused() {
    let members = |count: u64| gzip(&vec![b' '; 1 << 20]).repeat(usize::try_from(count).expect("few"));
    let cap = members(REPORT_BYTES_MAX >> 20);
    let beyond = [cap.as_slice(), &gzip(b" ")].concat();
    assert!(beyond.len() < 1 << 20);
    let dir = tempfile::tempdir().expect("a directory");
    let options = ImportOptions { unit: ImportUnit::File, ..options(&dir) };
    let opened = |packed: &[u8]| ImportFile::open(&written(&dir, "f", packed), &options).map(|file| file.format());
    assert!(opened(&cap).is_ok());
    assert!(matches!(opened(&beyond), Err(IntakeError::ReportTooLarge { bytes_max: REPORT_BYTES_MAX, .. })));
}

#[test]
fn a_cut_or_missing_file_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let packed = gzip(br#"{"data":[],"paging":{}}"#);
    let cut = written(&dir, "cut.gz", packed.get(..packed.len() - 9).expect("longer"));
    for path in [cut, dir.path().join("none.json")] {
        let error = ImportFile::open(&path, &options(&dir)).expect_err("unreadable");
        let shown = path.display().to_string();
        assert!(matches!(&error, IntakeError::UnreadableFile { path: named, .. } if *named == shown), "{error}");
    }
}

#[test]
fn what_holds_no_rows_is_refused_with_how_to_mend_it() {
    let utf16: Vec<u8> = "\u{feff}a\tb\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, mend) in [
        (utf16.as_slice(), "iconv -f UTF-16 -t UTF-8"),
        (utf16.get(2..).expect("a mark"), "iconv"),
        (b"PK\x03\x04rest", "save the sheet as CSV"),
        (b"BZh9", "gzip or zstd"),
        (b"PAR1 and no more", "Parquet"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let opened = ImportFile::open(&written(&dir, "f", content), &options(&dir));
        let error = opened.and_then(|file| file.rows(0).map(|_| ())).expect_err("refused").to_string();
        assert!(error.contains(mend) && error.contains("nothing of it was taken in"), "{error}");
    }
    let as_file = refusal(&parquet_tests::sample(1), |options| options.unit = ImportUnit::File);
    assert!(as_file.contains("import it by rows"), "{as_file}");
    let as_csv = refusal(&parquet_tests::sample(1), |options| options.format = Some(ImportFormat::Csv));
    assert!(as_csv.contains("it is a Parquet file"), "{as_csv}");
    let as_parquet = refusal(b"a,b", |options| options.format = Some(ImportFormat::Parquet));
    assert!(as_parquet.contains("PAR1"), "{as_parquet}");
    let quote = refusal(b"a,b", |options| options.csv.quote = Some(b','));
    assert!(quote.contains("two different"), "{quote}");
}

#[test]
fn a_packed_file_that_breaks_off_is_refused_whole() {
    let content: Vec<u8> =
        (0..5000).flat_map(|n: u32| format!("{{\"n\":{}}}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    for (packing, packed) in packings(&content).into_iter().skip(1) {
        for bytes in [packed.len() - 1, packed.len() - 6, packed.len() / 3] {
            let error = refusal(packed.get(..bytes).expect("shorter"), |_| ());
            assert!(error.contains("\" cannot be read: "), "{packing}: {error}");
        }
    }
}

#[test]
fn batches_keep_to_their_limits_and_give_the_rows_before_an_error_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = ImportFile::open(&written(&dir, "f", b"[1,2222,3,4,5 6]"), &options(&dir)).expect("a file");
    let mut rows = file.rows(0).expect("rows");
    let mut sizes = Vec::new();
    let error = loop {
        match rows.next_batch(3, 5).expect("an error comes") {
            Ok(batch) => sizes.push(batch.len()),
            Err(error) => break error,
        }
    };
    assert_eq!(sizes, [2, 3], "five bytes, three rows");
    assert!(matches!(error, IntakeError::DamagedFile { row: 5, byte: Some(14), .. }), "{error}");
    assert!(rows.next_batch(3, 5).is_none());
}

#[test]
fn a_file_that_changes_after_it_was_hashed_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(&dir, "f", b"{\"a\":1}\n{\"a\":2}\n");
    let file = ImportFile::open(&path, &options(&dir)).expect("a file");
    let mut rows = file.rows(0).expect("rows");
    fs::write(&path, b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n").expect("a file");
    let error = rows.find_map(Result::err).expect("an error").to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    assert!(file.rows(0).is_err());
}

#[test]
fn a_line_beyond_the_limit_is_an_error_and_one_at_the_limit_is_a_row() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut content = vec![b' '; ROW_BYTES_MAX];
    content[0] = b'{';
    content.extend_from_slice(b"\r\n{}\n");
    let options = ImportOptions { format: Some(ImportFormat::Ndjson), ..options(&dir) };
    let lengths = |content: &[u8]| {
        let file = ImportFile::open(&written(&dir, "f", content), &options).expect("a file");
        file.rows(0).expect("rows").map(|row| row.map(|row| row.payload.len())).collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(lengths(&content), Ok(vec![ROW_BYTES_MAX, 2]));
    content.insert(0, b' ');
    let error = lengths(&content).expect_err("too long").to_string();
    assert!(error.contains("row 0") && error.contains("longer than 67108864 bytes"), "{error}");
}
