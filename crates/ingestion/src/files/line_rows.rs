//! Rows that are lines: NDJSON. Blank lines are no rows; a line is not looked into.

use super::{
    ROW_BYTES_MAX,
    content::{Content, Damage, strip_line_end},
    rows::Splitter,
};

/// Splits at newlines.
pub(super) struct LineRows {
    content: Content,
}

impl LineRows {
    /// The lines of a content.
    pub fn new(content: Content) -> Self {
        Self { content }
    }
}

impl Splitter for LineRows {
    fn next_row(&mut self, row: &mut Vec<u8>) -> Result<bool, Damage> {
        loop {
            row.clear();
            // Two more for the line's end.
            if self.content.read_line(row, ROW_BYTES_MAX + 2)? == 0 {
                return Ok(false);
            }
            strip_line_end(row);
            if row.len() > ROW_BYTES_MAX {
                return Err(self.content.damage(format!("a line is longer than {ROW_BYTES_MAX} bytes")));
            }
            if !row.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}
