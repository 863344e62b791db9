//! Semantic models: which columns, joins, dimensions and measures a table offers to metrics.
//!
//! Joins go from many rows to one only (the joined model is met by its key), so no join can multiply a measure.

use std::collections::BTreeMap;

use crate::{
    filter::{ColumnRef, Filter, PropertyRef},
    metric::{MetricBasis, MetricPart},
};

/// What one table offers to metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SemanticModel {
    /// Name, such as `orders`; also the alias of the table in SQL.
    pub name: String,
    /// The table that SQL reads: a derived one such as `orders`, or a stored one such as `facts.events`.
    pub table: String,
    /// The column by which other models join this one, different in every row; none: nothing joins it.
    pub key: Option<String>,
    /// Columns by name.
    pub columns: BTreeMap<String, ModelColumn>,
    /// Joined models by the alias that they get in SQL.
    pub joins: BTreeMap<String, Join>,
    /// The instant whose day a row falls on, per date basis.
    pub date_bases: BTreeMap<MetricBasis, ColumnRef>,
    /// What a metric of this model can be split by.
    pub dimensions: BTreeMap<String, ColumnRef>,
    /// What can be counted or added.
    pub measures: BTreeMap<String, Measure>,
}

/// One column that conditions, dimensions and measures may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelColumn {
    /// What it holds.
    pub kind: ColumnKind,
    /// Where it is no column of the table: the member, or JSON pointer, of the table's `properties` that it is read from.
    pub property: Option<String>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Any text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Boolean,
    /// An amount in the currency in which the metric is asked.
    Money,
    /// Whole milliseconds between two instants.
    Duration,
    /// A point in time.
    Instant,
}

/// At most one row of another model for each row of this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The other model.
    pub model: String,
    /// Its table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// The column of this model that holds the other's key; null joins nothing.
    pub by: String,
}

/// A number that rows add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// How rows are put together.
    pub aggregate: Aggregate,
    /// Rows that count; none: all.
    pub filter: Option<Filter>,
    /// True where the number is an amount of money.
    pub money: bool,
}

/// A measure row by row, in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSql {
    /// What the row adds.
    pub value: String,
    /// True for rows that count.
    pub condition: String,
}

/// How rows are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aggregate {
    /// The rows are counted.
    Count,
    /// A column is added up.
    Sum(ColumnRef),
}

impl ColumnKind {
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Money => "money",
            Self::Duration => "a duration",
            Self::Instant => "an instant",
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Text => "a text such as 'Direct'",
            Self::Number => "a whole number such as 3",
            Self::Boolean => "true or false",
            Self::Money => "an amount such as 99.50",
            Self::Duration => "a duration such as 7d",
            Self::Instant => "nothing",
        }
    }

    /// The SQL type that a property's text is read as; none: it stays text.
    pub(crate) fn sql_type(self) -> Option<&'static str> {
        match self {
            // No property is an instant.
            Self::Text | Self::Instant => None,
            Self::Number | Self::Duration => Some("BIGINT"),
            Self::Boolean => Some("BOOLEAN"),
            Self::Money => Some("DECIMAL(38, 6)"),
        }
    }

    pub(crate) fn has_no_order(self) -> bool {
        matches!(self, Self::Text | Self::Boolean)
    }
}

impl ModelColumn {
    /// The column as SQL reads it from `relation`.
    pub(crate) fn reference(&self, relation: &str, name: &str) -> ColumnRef {
        let property = self.property.as_ref().map(|path| PropertyRef { path: path.clone(), kind: self.kind });
        ColumnRef { relation: relation.to_owned(), column: name.to_owned(), property }
    }

    /// True where the table itself has it, and it holds text: what a row can be found by.
    pub(crate) fn is_stored_text(&self) -> bool {
        self.kind == ColumnKind::Text && self.property.is_none()
    }
}

impl SemanticModel {
    /// One of the model's own columns, as SQL reads it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<ColumnRef> {
        self.columns.get(name).map(|column| column.reference(&self.name, name))
    }

    /// What stands behind `FROM`: the table under the model's name, and every join under its own.
    #[must_use]
    pub fn from_sql(&self) -> String {
        let mut sql = format!("{} AS {}", self.table, self.name);
        for (alias, join) in &self.joins {
            let on = format!("{}.{} = {alias}.{}", self.name, join.by, join.key);
            sql.push_str(&format!(" LEFT JOIN {} AS {alias} ON {on}", join.table));
        }
        sql
    }

    /// The aggregate of `part` over [`SemanticModel::from_sql`]; none where the model has no such measure.
    #[must_use]
    pub fn aggregate_sql(&self, part: &MetricPart) -> Option<String> {
        let measure = self.measures.get(&part.measure)?;
        let aggregate = match &measure.aggregate {
            Aggregate::Count => "count(*)".to_owned(),
            Aggregate::Sum(column) => format!("sum({column})"),
        };
        Some(match both(measure.filter.as_ref(), part.filter.as_ref()) {
            Some(filter) => format!("{aggregate} FILTER (WHERE {})", filter.to_sql()),
            None => aggregate,
        })
    }

    /// What one row adds to a measure, and the rows that it counts among those that `filter` keeps; none where the
    /// model has no such measure. All in SQL over [`SemanticModel::from_sql`].
    #[must_use]
    pub fn row_sql(&self, measure: &str, filter: Option<&Filter>) -> Option<RowSql> {
        let measure = self.measures.get(measure)?;
        let value = match &measure.aggregate {
            Aggregate::Count => "1".to_owned(),
            Aggregate::Sum(column) => column.to_string(),
        };
        let condition = both(measure.filter.as_ref(), filter).map_or("TRUE".to_owned(), |filter| filter.to_sql());
        Some(RowSql { value, condition })
    }
}

/// Both conditions as one; none where there is neither.
fn both(first: Option<&Filter>, second: Option<&Filter>) -> Option<Filter> {
    let conjuncts = |filter: &Filter| match filter {
        Filter::And(parts) => parts.clone(),
        single => vec![single.clone()],
    };
    let parts: Vec<Filter> = first.into_iter().chain(second).flat_map(conjuncts).collect();
    (!parts.is_empty()).then_some(Filter::And(parts))
}
