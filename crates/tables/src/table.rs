//! The stored tables, their folders and their sort orders.

use arrow_schema::{Field, Schema, SchemaRef};
use model::{Claim, Cost, Edge, OrderVersion, Pull, Rate, RawRecord, Refund, Witness};
use std::sync::Arc;

use crate::{
    column::{Stored, known_fields},
    control::{DefinitionRow, InstantRow, OutcomeRow, RejectRow},
    events::PlacedEvent,
};

/// A stored table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Records exactly as received.
    Inbox,
    /// What is published, and when it became known.
    Instants,
    /// One row a record: what became of it.
    Outcomes,
    /// Records that became no fact, with the reason and the mend.
    Rejects,
    /// Somebody did something.
    Events,
    /// Orders as their shop described them.
    OrderVersions,
    /// Refund documents.
    Refunds,
    /// Reports taken from ad platforms.
    Pulls,
    /// What platforms claim.
    Claims,
    /// What platforms charged.
    Costs,
    /// What one currency was worth in another.
    Rates,
    /// Two nodes belong to one person.
    Edges,
    /// Order, checkout and cart ids seen on devices.
    Witnesses,
    /// What stewards decided.
    Definitions,
}

impl Table {
    /// All tables, in the order in which a batch commits them.
    pub const ALL: [Self; 14] = [
        Self::Inbox,
        Self::Instants,
        Self::Outcomes,
        Self::Rejects,
        Self::Events,
        Self::OrderVersions,
        Self::Refunds,
        Self::Pulls,
        Self::Claims,
        Self::Costs,
        Self::Rates,
        Self::Edges,
        Self::Witnesses,
        Self::Definitions,
    ];

    /// Schema and name as SQL sees them: `("facts", "events")`.
    #[must_use]
    pub fn sql_name(self) -> (&'static str, &'static str) {
        match self {
            Self::Inbox => ("raw", "inbox"),
            Self::Instants => ("raw", "instants"),
            Self::Outcomes => ("facts", "outcomes"),
            Self::Rejects => ("facts", "rejects"),
            Self::Events => ("facts", "events"),
            Self::OrderVersions => ("facts", "order_versions"),
            Self::Refunds => ("facts", "refunds"),
            Self::Pulls => ("facts", "pulls"),
            Self::Claims => ("facts", "claims"),
            Self::Costs => ("facts", "costs"),
            Self::Rates => ("facts", "rates"),
            Self::Edges => ("facts", "edges"),
            Self::Witnesses => ("facts", "witnesses"),
            Self::Definitions => ("facts", "definitions"),
        }
    }

    /// Folder under the lake's root, such as `facts/events`.
    #[must_use]
    pub fn folder(self) -> String {
        let (schema, name) = self.sql_name();
        format!("{schema}/{name}")
    }

    /// True for tables whose rows carry `known_at` and `known_until`: everything under `facts`.
    #[must_use]
    pub fn is_fact(self) -> bool {
        !matches!(self, Self::Inbox | Self::Instants)
    }

    /// True for fact tables whose rows hang on a record's key, so that they can be superseded: all but definitions.
    #[must_use]
    pub fn is_keyed_fact(self) -> bool {
        self.is_fact() && self != Self::Definitions
    }

    /// Columns by which every file's rows are sorted.
    #[must_use]
    pub fn sort_columns(self) -> &'static [&'static str] {
        match self {
            Self::Inbox => &["channel", "offset"],
            Self::Instants => &["known_at"],
            Self::Outcomes | Self::Rejects => &["channel", "offset"],
            Self::Events | Self::Witnesses | Self::Edges | Self::OrderVersions | Self::Refunds => {
                &["place", "occurred_at", "key", "ordinal"]
            }
            Self::Pulls | Self::Claims | Self::Costs | Self::Rates => &["occurred_at", "key", "ordinal"],
            Self::Definitions => &["kind", "name", "known_at"],
        }
    }

    /// Columns whose least and greatest values stand in the log beside each file.
    #[must_use]
    pub fn statistics_columns(self) -> &'static [&'static str] {
        match self {
            Self::Inbox => &["channel", "offset", "received_at"],
            Self::Instants => &["known_at"],
            Self::Outcomes | Self::Rejects | Self::Definitions => &["known_at"],
            Self::Events | Self::Witnesses | Self::Edges | Self::OrderVersions | Self::Refunds => {
                &["place", "occurred_at", "known_at"]
            }
            Self::Pulls | Self::Claims | Self::Costs | Self::Rates => &["occurred_at", "known_at"],
        }
    }

    /// The Arrow schema as stored.
    #[must_use]
    pub fn schema(self) -> SchemaRef {
        let mut fields: Vec<Field> = match self {
            Self::Inbox => fields::<RawRecord>(),
            Self::Instants => fields::<InstantRow>(),
            Self::Outcomes => fields::<OutcomeRow>(),
            Self::Rejects => fields::<RejectRow>(),
            Self::Events => fields::<PlacedEvent>(),
            Self::OrderVersions => fields::<OrderVersion>(),
            Self::Refunds => fields::<Refund>(),
            Self::Pulls => fields::<Pull>(),
            Self::Claims => fields::<Claim>(),
            Self::Costs => fields::<Cost>(),
            Self::Rates => fields::<Rate>(),
            Self::Edges => fields::<Edge>(),
            Self::Witnesses => fields::<Witness>(),
            Self::Definitions => fields::<DefinitionRow>(),
        };
        if self.is_fact() {
            fields.extend(known_fields());
        }
        Arc::new(Schema::new(fields))
    }
}

fn fields<R: Stored>() -> Vec<Field> {
    R::columns().iter().map(crate::column::Column::documented_field).collect()
}
