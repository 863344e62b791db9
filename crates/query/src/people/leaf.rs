//! The operator that DataFusion sees: a leaf that reads, merges and folds in one. No child that the optimiser could re-split,
//! no sort, no repartition; its one partition is made on all cores, and its memory is the pool's.

use std::{
    collections::HashMap,
    fmt::{self, Debug, Formatter},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Result as SqlResult, Statistics, tree_node::TreeNodeRecursion},
    error::DataFusionError,
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    logical_expr::{Expr, TableType},
    physical_expr::EquivalenceProperties,
    physical_plan::{
        DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
        execution_plan::{Boundedness, EmissionType},
        metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet},
        stream::RecordBatchReceiverStreamBuilder,
    },
};

use tokio::sync::mpsc::Sender;

use crate::{
    error::EngineError,
    people::{
        columns::Texts,
        gather::Gathered,
        ground::{Ground, GroundFile},
        lanes::{LanePlan, Piece},
        walk::{PersonFold, Walk},
    },
};

/// Groups of places that are gathered at once.
const GROUPS_AT_ONCE: u32 = 1 << 16;

/// A question about people: what it answers with, and how it folds.
pub trait Ask: Debug + Send + Sync {
    /// What `EXPLAIN` says of it.
    fn describe(&self) -> String;

    /// Columns of the answer.
    fn schema(&self) -> SchemaRef;

    /// Answers, on the thread that calls and others. Columns that are not `wanted` may be left unfilled: nobody reads them.
    ///
    /// # Errors
    /// [`EngineError`] where the question cannot be answered.
    fn answer(&self, run: &Run, wanted: &[usize]) -> Result<RecordBatch, EngineError>;
}

/// One run of a question: how many threads it has, whose memory it uses, and whether anybody still waits.
#[derive(Debug)]
pub struct Run {
    threads: usize,
    context: Arc<TaskContext>,
    /// Closed when nobody waits any more: a blocking task is not aborted when its stream is dropped.
    sender: Sender<SqlResult<RecordBatch>>,
    rows_read: AtomicUsize,
    bytes_max: AtomicUsize,
}

/// The answer of a question as a table.
#[derive(Debug)]
pub struct AskTable {
    ask: Arc<dyn Ask>,
}

/// The operator.
#[derive(Debug)]
struct PeopleScan {
    ask: Arc<dyn Ask>,
    wanted: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl Run {
    /// Folds everybody, on all threads. What each thread's fold has come to, in no order.
    ///
    /// # Errors
    /// The first [`EngineError`] of any thread.
    pub fn fold<F: PersonFold + Send>(
        &self,
        ground: &Ground,
        plan: &LanePlan,
        texts: &Arc<Texts>,
        by: Gathered,
        make: impl Fn() -> F + Sync,
    ) -> Result<Vec<F>, EngineError> {
        let intervals = ground.intervals(if self.threads == 1 { 1 } else { 2 * self.threads });
        let bundles = ground.spread.groups().div_ceil(GROUPS_AT_ONCE) as usize;
        let held = ground.held(plan, texts, |missing| self.read_whole(ground, plan, texts, &missing))?;
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || -> Result<Option<F>, EngineError> {
            let memory = Mutex::new(MemoryConsumer::new("people").register(self.context.memory_pool()));
            let walk = Walk {
                ground,
                plan,
                texts,
                stopped: &|| self.sender.is_closed(),
                held: &held,
                rows_read: &self.rows_read,
                bytes_max: &self.bytes_max,
                memory: &memory,
            };
            let mut fold = None;
            loop {
                let unit = next.fetch_add(1, Ordering::Relaxed);
                // The gathered first: they take longest.
                if unit < bundles {
                    let of = |group: u32| (group / GROUPS_AT_ONCE) as usize == unit;
                    walk.gathered(by, &of, fold.get_or_insert_with(&make))?;
                } else if let Some(interval) = intervals.get(unit - bundles) {
                    walk.plain(*interval, fold.get_or_insert_with(&make))?;
                } else {
                    return Ok(fold);
                }
            }
        };
        let guarded = || {
            work().unwrap_or_else(|error| {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                // The others need not go on.
                next.store(usize::MAX / 2, Ordering::Relaxed);
                None
            })
        };
        let folds: Vec<F> = thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads).map(|_| scope.spawn(guarded)).collect();
            let own = guarded();
            let mut all: Vec<F> = own.into_iter().collect();
            for other in others {
                match other.join() {
                    Ok(fold) => all.extend(fold),
                    // Without its people the answer would be short.
                    Err(_) => {
                        let message = "a thread of the question stopped; its log says why".to_owned();
                        let error = EngineError::Asked { message };
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            }
            all
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(folds),
        }
    }
}

impl Run {
    /// The lanes of whole files, read on all threads.
    fn read_whole(
        &self,
        ground: &Ground,
        plan: &LanePlan,
        texts: &Texts,
        files: &[&GroundFile],
    ) -> Result<Vec<(String, Arc<Piece>)>, EngineError> {
        let (next, none) = (AtomicUsize::new(0), HashMap::new());
        let work = || -> Result<Vec<(String, Arc<Piece>)>, EngineError> {
            let memory = Mutex::new(MemoryConsumer::new("people").register(self.context.memory_pool()));
            let walk = Walk {
                ground,
                plan,
                texts,
                stopped: &|| self.sender.is_closed(),
                held: &none,
                rows_read: &self.rows_read,
                bytes_max: &self.bytes_max,
                memory: &memory,
            };
            let mut read = Vec::new();
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                read.push((file.file.entry.name.clone(), Arc::new(walk.whole(file)?)));
            }
            Ok(read)
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads.min(files.len())).map(|_| scope.spawn(work)).collect();
            let mut all = work()?;
            for other in others {
                let stopped = |_| EngineError::Asked { message: "a reader of lanes stopped".to_owned() };
                all.extend(other.join().map_err(stopped)??);
            }
            Ok(all)
        })
    }
}

impl AskTable {
    /// The table.
    #[must_use]
    pub fn new(ask: Arc<dyn Ask>) -> Self {
        Self { ask }
    }
}

#[async_trait]
impl TableProvider for AskTable {
    fn schema(&self) -> SchemaRef {
        self.ask.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> SqlResult<Arc<dyn ExecutionPlan>> {
        let full = self.ask.schema();
        let wanted = projection.cloned().unwrap_or_else(|| (0..full.fields().len()).collect());
        let schema: SchemaRef = Arc::new(full.project(&wanted)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (ask, metrics) = (Arc::clone(&self.ask), ExecutionPlanMetricsSet::new());
        Ok(Arc::new(PeopleScan { ask, wanted, schema, properties: Arc::new(properties), metrics }))
    }
}

impl DisplayAs for PeopleScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "PeopleScan: {}", self.ask.describe())
    }
}

impl ExecutionPlan for PeopleScan {
    fn name(&self) -> &str {
        "PeopleScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> SqlResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> SqlResult<TreeNodeRecursion>,
    ) -> SqlResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> SqlResult<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), 1);
        let (sender, ask, wanted) = (stream.tx(), Arc::clone(&self.ask), self.wanted.clone());
        let (time, rows_read, bytes_max) = (
            MetricBuilder::new(&self.metrics).elapsed_compute(partition),
            MetricBuilder::new(&self.metrics).counter("rows_read", partition),
            MetricBuilder::new(&self.metrics).gauge("bytes_max", partition),
        );
        let run = Run {
            threads: context.session_config().target_partitions().max(1),
            context,
            sender: sender.clone(),
            rows_read: AtomicUsize::new(0),
            bytes_max: AtomicUsize::new(0),
        };
        stream.spawn_blocking(move || {
            let timer = time.timer();
            let answer = ask.answer(&run, &wanted).map_err(DataFusionError::from);
            timer.done();
            rows_read.add(run.rows_read.load(Ordering::Relaxed));
            bytes_max.set(run.bytes_max.load(Ordering::Relaxed));
            // Nobody waits where it cannot be sent.
            let _ = sender.blocking_send(answer.and_then(|batch| Ok(batch.project(&wanted)?)));
            Ok(())
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> SqlResult<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema)))
    }
}

/// Sets what a thread holds in memory.
///
/// # Errors
/// [`EngineError::Sql`] where the pool has no more.
pub(super) fn account(memory: &Mutex<MemoryReservation>, bytes: usize, most: &AtomicUsize) -> Result<(), EngineError> {
    most.fetch_max(bytes, Ordering::Relaxed);
    Ok(memory.lock().unwrap_or_else(PoisonError::into_inner).try_resize(bytes)?)
}
