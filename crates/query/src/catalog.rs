//! The tables that a question sees, as of its moment. Each is opened, or made, when the question names it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider},
    common::Result as SqlResult,
    datasource::MemTable,
    error::DataFusionError,
};
use lake::Lake;
use tables::Table;

use crate::{
    derived::{self, Derived},
    engine::{EngineSettings, Moment},
    error::EngineError,
    facts_table, people,
};

/// Stored events with whose they are and what their signals mean, as SQL names them.
pub(crate) const EVENTS: &str = "events";

/// What a question's tables are made of.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(crate) lake: Arc<Lake>,
    pub(crate) settings: EngineSettings,
    pub(crate) moment: Moment,
    /// None where nothing that is asked is derived in memory.
    pub(crate) derived: Option<Arc<Derived>>,
    /// None where nothing that is asked is read straight from events.
    pub(crate) people: Option<Arc<people::Ground>>,
}

/// `raw` or `facts`: stored tables.
#[derive(Debug)]
struct StoredTables {
    schema: &'static str,
    sources: Sources,
}

/// `public`: derived tables, `events`, and the answers of calls.
#[derive(Debug)]
struct PublicTables {
    answers: MemorySchemaProvider,
    sources: Sources,
}

/// All schemas.
///
/// # Errors
/// None that is known; DataFusion's signature has one.
pub(crate) fn catalog(sources: &Sources) -> SqlResult<Arc<dyn CatalogProvider>> {
    let catalog = MemoryCatalogProvider::new();
    let answers = MemorySchemaProvider::new();
    catalog.register_schema("public", Arc::new(PublicTables { answers, sources: sources.clone() }))?;
    for schema in ["raw", "facts"] {
        catalog.register_schema(schema, Arc::new(StoredTables { schema, sources: sources.clone() }))?;
    }
    Ok(Arc::new(catalog))
}

impl Sources {
    async fn stored(&self, table: Table) -> Result<Arc<dyn TableProvider>, EngineError> {
        let snapshot = self.lake.snapshot(table).await?;
        facts_table::provider(&self.lake, &snapshot, self.moment.known_at)
    }

    async fn events(&self) -> Result<Option<Arc<dyn TableProvider>>, EngineError> {
        let Some(people) = &self.people else { return Ok(None) };
        let stored = self.stored(Table::Events).await?;
        people::table::provider(stored, people, &self.settings.shop_by_web_source).map(Some)
    }

    fn derived(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, EngineError> {
        let Some(batch) = self.derived.as_ref().map(|derived| derived.table(name)).transpose()?.flatten() else {
            return Ok(None);
        };
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }
}

#[async_trait]
impl SchemaProvider for StoredTables {
    fn table_names(&self) -> Vec<String> {
        let here = Table::ALL.into_iter().map(|table| table.sql_name()).filter(|(schema, _)| *schema == self.schema);
        here.map(|(_, name)| name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> SqlResult<Option<Arc<dyn TableProvider>>> {
        match Table::ALL.into_iter().find(|table| table.sql_name() == (self.schema, name)) {
            Some(table) => self.sources.stored(table).await.map(Some).map_err(DataFusionError::from),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        Table::ALL.into_iter().any(|table| table.sql_name() == (self.schema, name))
    }
}

#[async_trait]
impl SchemaProvider for PublicTables {
    fn table_names(&self) -> Vec<String> {
        let derived = derived::TABLES.iter().filter(|_| self.sources.derived.is_some());
        let events = std::iter::once(&EVENTS).filter(|_| self.sources.people.is_some());
        let mut names: Vec<String> = derived.chain(events).map(|name| (*name).to_owned()).collect();
        names.extend(self.answers.table_names());
        names.sort_unstable();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> SqlResult<Option<Arc<dyn TableProvider>>> {
        // What an answer puts in a table's place stands before it.
        if let Some(answer) = self.answers.table(name).await? {
            return Ok(Some(answer));
        }
        if name == EVENTS {
            return self.sources.events().await.map_err(DataFusionError::from);
        }
        self.sources.derived(name).map_err(DataFusionError::from)
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> SqlResult<Option<Arc<dyn TableProvider>>> {
        self.answers.register_table(name, table)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}
