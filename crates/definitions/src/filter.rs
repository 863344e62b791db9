//! The `where` of measures and metrics: a small boolean language over the columns of a semantic model.
//!
//! It has two truth values. A comparison with a missing value is false, and so is a missing boolean; `not` of either is
//! true. SQL has three, so `not` is written `IS NOT TRUE`, which is the one place where the difference would show.

use std::fmt;

use model::money::format_micros;

use crate::semantic_model::ColumnKind;

/// A condition on the rows of a semantic model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds, or more.
    Or(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// A boolean column is true.
    Column(ColumnRef),
    /// A column stands in a relation to a literal.
    Compare {
        /// What is compared.
        column: ColumnRef,
        /// How.
        operator: Comparison,
        /// With what; its type fits the column's.
        literal: Literal,
    },
}

/// A column by the relation that has it: the model's own name, or the name of a join. Both are known names, never text
/// of the outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnRef {
    /// `orders`, or `session` where orders are joined with their session.
    pub relation: String,
    /// `net_revenue`.
    pub column: String,
    /// Set where the column is read out of the relation's `properties`.
    pub property: Option<PropertyRef>,
}

/// A value in the JSON column `properties` of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PropertyRef {
    /// Name of a member, or a JSON pointer such as `/shipping/country`.
    pub path: String,
    /// What the property is read as.
    pub kind: ColumnKind,
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// For text columns; `=` and `!=` only.
    Text(String),
    /// For boolean columns; `=` and `!=` only.
    Flag(bool),
    /// For number columns.
    Integer(i64),
    /// For money columns: micros of the currency in which the metric is asked.
    Amount(i64),
    /// For duration columns: milliseconds, written `7d`, `36h`, `30min`, `90s` or `500ms`.
    DurationMs(i64),
}

impl Filter {
    /// The condition in SQL, for use in `WHERE` or `FILTER`.
    #[must_use]
    pub fn to_sql(&self) -> String {
        match self {
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " OR "),
            Self::Not(inner) => format!("({}) IS NOT TRUE", inner.to_sql()),
            Self::Column(column) => column.to_string(),
            Self::Compare { column, operator, literal } => format!("{column} {} {literal}", operator.symbol()),
        }
    }

    /// Every column that the condition reads, with repetitions.
    #[must_use]
    pub fn columns(&self) -> Vec<&ColumnRef> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Not(inner) => inner.columns(),
            Self::Column(column) | Self::Compare { column, .. } => vec![column],
        }
    }
}

impl Comparison {
    /// As written, here and in SQL.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl fmt::Display for ColumnRef {
    /// As SQL. A property that is not what its kind says stops the answer: counted as nothing, it would be lost silently.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(property) = &self.property else { return write!(f, "{}.{}", self.relation, self.column) };
        let path = property.path.replace('\'', "''");
        let text = format!("property({}.properties, '{path}')", self.relation);
        match property.kind.sql_type() {
            Some(sql_type) => write!(f, "CAST({text} AS {sql_type})"),
            None => f.write_str(&text),
        }
    }
}

impl fmt::Display for Literal {
    /// As SQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Flag(flag) => f.write_str(if *flag { "TRUE" } else { "FALSE" }),
            Self::Integer(number) | Self::DurationMs(number) => write!(f, "{number}"),
            Self::Amount(micros) => write!(f, "CAST('{}' AS DECIMAL(18, 6))", format_micros(i128::from(*micros))),
        }
    }
}

fn joined(parts: &[Filter], operator: &str) -> String {
    let part = |filter: &Filter| match filter {
        Filter::And(_) | Filter::Or(_) => format!("({})", filter.to_sql()),
        _ => filter.to_sql(),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(operator)
}
