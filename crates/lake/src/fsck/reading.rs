//! Reads a file batch by batch, whatever lies in it: garbage is an error with a reason, never the end of the process.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use arrow::array::RecordBatch;
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::lake::LakeError;

/// Rows that are in memory at once; payloads are among them.
const BATCH_ROWS: usize = 4096;

/// Shows all rows of a file with the number of the first of them, from 0; of all columns where `columns` is empty.
///
/// # Errors
/// What is wrong with the file, or what `visit` says.
pub(super) fn for_each_batch(
    path: &Path,
    columns: &[&str],
    visit: impl FnMut(u64, &RecordBatch) -> Result<(), LakeError>,
) -> Result<(), String> {
    // The reader was written for files that a writer made, and may panic on others.
    let read = catch_unwind(AssertUnwindSafe(|| read_batches(path, columns, visit)));
    match read {
        Ok(Err(LakeError::Corrupt { reason })) => Err(reason),
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("the Parquet reader cannot make sense of it".to_owned()),
    }
}

fn read_batches(
    path: &Path,
    columns: &[&str],
    mut visit: impl FnMut(u64, &RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    let opened = File::open(path).map_err(|source| LakeError::Folder { path: path.display().to_string(), source })?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(opened)?.with_batch_size(BATCH_ROWS);
    if !columns.is_empty() {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let mut first_row = 0;
    for batch in builder.build()? {
        let batch = batch?;
        visit(first_row, &batch)?;
        first_row += batch.num_rows() as u64;
    }
    Ok(())
}
