//! Parquet rows as JSON: each type's text, and that no row depends on its batch.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
        StringArray, StructArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    },
    buffer::OffsetBuffer,
    datatypes::{DataType, Field},
};
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

use super::*;

fn batch() -> RecordBatch {
    let items = StructArray::from(vec![
        (
            Arc::new(Field::new("sku", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("a\"\n"), None])) as ArrayRef,
        ),
        (Arc::new(Field::new("n", DataType::Int64, true)), Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
    ]);
    let item = Arc::new(Field::new("item", items.data_type().clone(), true));
    let items = ListArray::new(item, OffsetBuffer::new(vec![0, 2, 2].into()), Arc::new(items), None);
    let total = Decimal128Array::from(vec![Some(-1_230_i128), None]).with_precision_and_scale(20, 2).expect("fits");
    let seen = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), None]))),
        ("total", Arc::new(total)),
        ("on", Arc::new(Date32Array::from(vec![Some(20_458), None]))),
        ("seen_at", Arc::new(seen)),
        ("local_at", Arc::new(TimestampNanosecondArray::from(vec![Some(1_700_000_000_000_000_001), None]))),
        ("rate", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(0.1)]))),
        ("raw", Arc::new(BinaryArray::from_opt_vec(vec![Some(&b"\x00\xfe"[..]), None]))),
        ("items", Arc::new(items)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("a batch")
}

/// Twenty times the two rows, `group_rows` to a row group.
pub(super) fn sample(group_rows: usize) -> Vec<u8> {
    repeated(20, group_rows)
}

fn repeated(times: usize, group_rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let batch = batch();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
    for _ in 0..times {
        writer.write(&batch).expect("written");
    }
    writer.into_inner().expect("a file")
}

#[test]
fn each_type_has_its_text_and_nulls_are_left_out() {
    let first = concat!(
        r#"{"id":9007199254740993,"total":"-12.30","on":"2026-01-05","seen_at":"2023-11-14T22:13:20.123456Z","#,
        r#""local_at":"2023-11-14T22:13:20.000000001","rate":null,"raw":"00fe","#,
        r#""items":[{"sku":"a\"\n","n":1},{"n":2}]}"#
    );
    let rows = rows_of(&sample(7), |_| ());
    assert_eq!(rows, [first, r#"{"rate":0.1,"items":[]}"#].repeat(20));
    assert_eq!(rows, rows_of(&sample(1000), |_| ()), "row groups do not show");
}

#[test]
fn a_cut_parquet_file_is_refused_whole_and_a_damaged_page_leaves_the_rows_before_it() {
    let mut content = repeated(6000, 1000);
    let dir = tempfile::tempdir().expect("a directory");
    let cut = written(&dir, "cut", content.get(..content.len() - 9).expect("shorter"));
    let error = ImportFile::open(&cut, &options(&dir)).and_then(|file| file.rows(0).map(|_| ())).expect_err("cut");
    assert!(matches!(error, IntakeError::UnreadableFile { .. }), "{error}");
    // A file ends with its footer, the footer's length and four letters.
    let (_, [length @ .., _, _, _, _]) = content.split_last_chunk::<8>().expect("an end");
    let data = content.len() - 8 - u32::from_le_bytes(*length) as usize;
    content.get_mut(data * 4 / 5..data * 9 / 10).expect("there").fill(0xff);
    let (read, error) = damage_of(&content);
    assert!((1..12_000).contains(&read), "{read}");
    assert!(matches!(error, IntakeError::DamagedFile { row, .. } if row == read as u64), "{error}");
}
