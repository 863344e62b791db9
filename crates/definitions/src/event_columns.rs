//! The columns that a funnel may name: those of the semantic model `events`.
//!
//! Its joins are left aside, since a path is read from one table.

use std::collections::BTreeMap;

use crate::{
    error::DefinitionError,
    filter::ColumnRef,
    filter_parser::Scope,
    model_reader,
    registry::{Defined, Definitions},
    semantic_model::{ColumnKind, SemanticModel},
};

/// The semantic model that says what events have.
pub(crate) const MODEL: &str = "events";

/// What the semantic model `events` offers to funnels.
#[derive(Debug)]
pub(crate) struct EventColumns {
    /// Columns that conditions and held columns may name.
    pub columns: Scope,
    /// What a breakdown may name: dimensions, and columns that are no dimension's name.
    pub splits: Scope,
}

impl EventColumns {
    /// Those of the model among `models`; none where it is not defined.
    pub(crate) fn among(models: &BTreeMap<String, Defined<SemanticModel>>) -> Option<Self> {
        models.get(MODEL).map(|model| Self::of(&model.value))
    }

    fn of(model: &SemanticModel) -> Self {
        let columns = model_reader::own_columns(model);
        let own = model.dimensions.iter().filter(|(_, column)| column.relation == model.name);
        let dimensions = own.map(|(name, column)| (name.clone(), (column.clone(), ColumnKind::Text)));
        let mut splits = columns.clone();
        splits.extend(dimensions);
        Self { columns, splits }
    }
}

impl Definitions {
    /// What a question may break a funnel down by: a dimension of the semantic model `events`, or a text column of it.
    ///
    /// # Errors
    /// [`DefinitionError::NotFound`] with the nearest name and all others; so where there is no such model.
    pub fn event_column(&self, name: &str) -> Result<ColumnRef, DefinitionError> {
        let mut splits = EventColumns::of(&self.semantic_model(MODEL)?.value).splits;
        splits.retain(|_, (_, kind)| *kind == ColumnKind::Text);
        let not_found = || DefinitionError::NotFound {
            kind: "text column of events",
            name: name.to_owned(),
            known: splits.keys().cloned().collect(),
        };
        splits.get(name).map(|(column, _)| column.clone()).ok_or_else(not_found)
    }
}
