//! Rows that a better copy ends: they keep their place in history and get `known_until`.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray},
    compute::filter_record_batch,
    datatypes::TimestampMicrosecondType,
};
use model::{Digest, UtcMillis};
use tables::Table;

use crate::{
    file::FileEntry,
    lake::{Commit, Lake, LakeError},
};

/// What ending rows means for one table.
#[derive(Debug, Default)]
pub struct Ended {
    /// Files whose rows change, and what takes their place: to be part of the batch's commit.
    pub commit: Commit,
    /// The rows that were ended, as they were.
    pub rows: Vec<RecordBatch>,
}

impl Lake {
    /// Finds the rows in force whose `key` is in `keys` and prepares files in which they end at `until`.
    ///
    /// # Errors
    /// [`LakeError`] where a file is unreadable.
    pub async fn end_rows(&self, table: Table, keys: &HashSet<Digest>, until: UtcMillis) -> Result<Ended, LakeError> {
        let mut ended = Ended::default();
        if keys.is_empty() {
            return Ok(ended);
        }
        let snapshot = self.snapshot(table).await?;
        for entry in snapshot.files.iter() {
            let probe = self.read_file(table, entry.clone(), &["key", "known_until"], None).await?;
            if probe.iter().any(|batch| hits(batch, keys).is_some_and(|mask| mask.true_count() > 0)) {
                self.end_in_file(table, entry, keys, until, &mut ended).await?;
            }
        }
        Ok(ended)
    }

    async fn end_in_file(
        &self,
        table: Table,
        entry: &FileEntry,
        keys: &HashSet<Digest>,
        until: UtcMillis,
        ended: &mut Ended,
    ) -> Result<(), LakeError> {
        let mut rewritten = Vec::new();
        for batch in self.read_file(table, entry.clone(), &[], None).await? {
            let Some(mask) = hits(&batch, keys) else {
                let reason = format!("file \"{}\" of {} has no key column", entry.name, table.folder());
                return Err(LakeError::Corrupt { reason });
            };
            ended.rows.push(filter_record_batch(&batch, &mask)?);
            rewritten.push(with_end(&batch, &mask, until)?);
        }
        ended.commit.remove.push(entry.clone());
        ended.commit.runs.push(rewritten);
        Ok(())
    }
}

/// Rows in force whose key is in `keys`.
fn hits(batch: &RecordBatch, keys: &HashSet<Digest>) -> Option<BooleanArray> {
    let key = batch.column_by_name("key")?.as_string_opt::<i32>()?;
    let until = batch.column_by_name("known_until")?;
    let hit = |row: usize| until.is_null(row) && key.value(row).parse().is_ok_and(|key| keys.contains(&key));
    Some((0..batch.num_rows()).map(|row| Some(hit(row))).collect())
}

fn with_end(batch: &RecordBatch, mask: &BooleanArray, until: UtcMillis) -> Result<RecordBatch, LakeError> {
    let index = batch.schema().index_of("known_until")?;
    let old = batch.column(index).as_primitive::<TimestampMicrosecondType>();
    let values = (0..batch.num_rows()).map(|row| match mask.value(row) {
        true => Some(until.0 * 1000),
        false => old.is_valid(row).then(|| old.value(row)),
    });
    let column: ArrayRef = Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"));
    let mut columns = batch.columns().to_vec();
    columns[index] = column;
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
