//! The one place where a stored column has a name, a type, a sort order and a doc line.
//!
//! In reading order: the list of tables ([`table`]), how a column is declared and encoded ([`mod@column`], `filling`), how columns are
//! read back ([`cells`]); then a file per group of tables.

pub mod table;

pub mod cells;
pub mod column;
mod filling;

pub mod claims;
pub mod control;
pub mod events;
pub mod identity;
pub mod inbox;
pub mod orders;
pub mod rates;

pub use cells::{Cells, TableError};
pub use column::{Column, Stored, Value, encode, encode_facts, optional, required};
pub use control::{DefinitionRow, InstantRow, Outcome, OutcomeRow, RejectRow};
pub use filling::encode_columns;
pub use table::Table;
