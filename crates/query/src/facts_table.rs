//! A stored table as SQL sees it: the Parquet files of one Delta snapshot, cut at one instant.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::datasource::ViewTable;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Result, ScalarValue},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource},
        provider_as_source,
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    execution::object_store::ObjectStoreUrl,
    logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, col, lit},
    physical_plan::ExecutionPlan,
};
use lake::{Lake, LakeError, Snapshot};
use model::UtcMillis;

use crate::EngineError;

/// Host under which a session finds the lake's store.
pub const STORE_URL: &str = "file://";

/// The table as it was known at `as_of` (raw tables: as they are).
///
/// # Errors
/// [`EngineError`] where a file's name is no path, or DataFusion refuses the filter.
pub fn provider(lake: &Lake, snapshot: &Snapshot, as_of: UtcMillis) -> Result<Arc<dyn TableProvider>, EngineError> {
    let table = snapshot.table;
    let is_fact = table.is_fact();
    let files = snapshot
        .files
        .iter()
        .filter(|entry| !is_fact || entry.known_at(as_of))
        .map(|entry| Ok(PartitionedFile::new(lake.location(table, &entry.name)?.to_string(), entry.size)))
        .collect::<Result<Vec<_>, LakeError>>()?;
    let scan: Arc<dyn TableProvider> = Arc::new(SnapshotScan { schema: without_comments(&table.schema()), files });
    if !is_fact {
        return Ok(scan);
    }
    let instant = lit(ScalarValue::TimestampMicrosecond(Some(as_of.0.saturating_mul(1000)), Some("UTC".into())));
    let in_force = col("known_until").is_null().or(col("known_until").gt(instant.clone()));
    let plan = LogicalPlanBuilder::scan("stored", provider_as_source(scan), None)?
        .filter(col("known_at").lt_eq(instant).and(in_force))?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Plans compare schemas with their metadata, and computed columns have none.
fn without_comments(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[derive(Debug)]
struct SnapshotScan {
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
}

#[async_trait]
impl TableProvider for SnapshotScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = session.config().target_partitions().max(1);
        let mut groups = vec![FileGroup::default(); partitions.min(self.files.len()).max(1)];
        let count = groups.len();
        for (index, file) in self.files.iter().enumerate() {
            groups[index % count].push(file.clone());
        }
        let source = ParquetSource::new(TableSchema::builder(Arc::clone(&self.schema)).build());
        let url = ObjectStoreUrl::parse(STORE_URL)?;
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
