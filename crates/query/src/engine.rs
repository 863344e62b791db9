//! The engine: a question in SQL, as of an instant, becomes an answer with its stamp.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use datafusion::{
    catalog::TableProvider,
    common::TableReference,
    datasource::MemTable,
    error::DataFusionError,
    execution::{
        context::SQLOptions, memory_pool::FairSpillPool, runtime_env::RuntimeEnvBuilder, session_state::SessionState,
    },
    physical_plan::execute_stream,
    prelude::{DataFrame, SessionConfig, SessionContext},
    sql::parser::DFParser,
};
use definitions::Definitions;
use futures::TryStreamExt;
use identity::Persons;
use lake::Lake;
use model::{Currency, UtcMillis, traffic::ChannelRules};
use reconcile::{RateError, Rates};
use tables::Table;
use tokio::{runtime::Runtime, sync::Mutex};
use tracing::{Instrument, info_span};

use crate::{
    answer::{Answer, DefinitionStamp, Stamp},
    bridge,
    calls::{self, Call},
    catalog::{self, EVENTS, Sources},
    compare, currency,
    derived::{self, Derived, KeptEdges},
    error::EngineError,
    exchange::{self, Exchange},
    expansion::Expansion,
    identity_config::IdentityConfig,
    identity_preview,
    in_force::{Decisions, InForce},
    metric, people,
    people_table::PeopleTable,
    period, property, window_funnel,
};

/// Instants whose derived tables are kept in memory.
const INSTANTS_KEPT: usize = 3;

/// What the engine is told about the house.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Reporting zone, IANA name.
    pub zone: String,
    /// Web source → shop: whose order ids its pages speak of.
    pub shop_by_web_source: BTreeMap<String, String>,
    /// Source whose rates convert amounts; none: the only one there is.
    pub rates: Option<String>,
    /// Bytes that queries may hold at once; beyond it they spill, or fail where they cannot.
    pub memory_bytes_max: usize,
    /// Threads that one question uses; none: one a core.
    pub threads: Option<usize>,
    /// Bytes of events that are kept as folds read them, for questions asked again; 0: none.
    pub hot_bytes_max: usize,
    /// Which ids stand for nobody, and from which degree on one is a hub.
    pub identity: IdentityConfig,
}

/// A question.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// SQL text, one read-only statement.
    pub sql: String,
    /// As of which instant; none: the last published.
    pub as_of: Option<UtcMillis>,
    /// By the definitions in force at which instant; none: at `as_of`. Old facts under other rules are never certified.
    pub definitions_as_of: Option<UtcMillis>,
    /// Most rows to answer with; none: all.
    pub rows_max: Option<usize>,
    /// Longest time to answer in; none: no limit.
    pub time_max: Option<Duration>,
}

/// Answers questions about one lake, on threads of its own: a question that never yields must not hold up the doors.
#[derive(Debug)]
pub struct Engine {
    answering: Arc<Answering>,
    threads: Option<Runtime>,
}

/// What one question needs.
#[derive(Clone, Copy)]
struct Needs {
    derived: bool,
    people: bool,
    /// Some definition may rest on `events`.
    events: bool,
}

/// What a question is answered from.
#[derive(Debug)]
pub(crate) struct Answering {
    lake: Arc<Lake>,
    decisions: Decisions,
    settings: EngineSettings,
    base: SessionState,
    kept: Mutex<Vec<KeptTables>>,
    people: Mutex<Vec<KeptPeople>>,
    files: Arc<people::GroundCache>,
    /// Kept only where something may be: with a hot cache.
    edges: KeptEdges,
}

/// Derived tables: of which facts, by which rules.
#[derive(Debug)]
struct KeptTables {
    moment: Moment,
    by: Arc<InForce>,
    derived: Arc<Derived>,
}

/// Events in order and who is who: as of which instant, by which channel rules.
#[derive(Debug)]
struct KeptPeople {
    moment: Moment,
    by: Arc<InForce>,
    ground: Arc<people::Ground>,
}

/// What one question is answered from, beside the stored tables.
struct Ground {
    in_force: Arc<InForce>,
    /// None where nothing that is asked is derived in memory.
    derived: Option<Arc<Derived>>,
    /// None where nothing that is asked is read straight from events.
    people: Option<Arc<people::Ground>>,
    /// Set where the definitions are those of an instant of their own.
    definitions_as_of: Option<UtcMillis>,
}

/// The calls of one question, and what they are answered from.
struct Asked<'a> {
    calls: &'a [Call],
    ground: &'a Ground,
    moment: Moment,
    exchange: &'a Arc<Exchange>,
}

/// What the calls of one question are answered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    settings: &'a EngineSettings,
    in_force: &'a InForce,
}

/// An instant with what was published at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant; the epoch where nothing was published yet.
    pub known_at: UtcMillis,
    /// True where the lake was filled on a simulated clock.
    pub simulated: bool,
}

impl Engine {
    /// An engine over `lake`. It answers by the definitions and channel rules that the lake holds, and by those given
    /// here where the lake holds none.
    ///
    /// # Errors
    /// [`EngineError::Sql`] where DataFusion cannot start.
    pub fn new(
        lake: Arc<Lake>,
        definitions: Arc<Definitions>,
        channels: Arc<ChannelRules>,
        settings: EngineSettings,
    ) -> Result<Self, EngineError> {
        model::time::zone(&settings.zone).map_err(|error| EngineError::Asked { message: error.to_string() })?;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory_bytes_max)))
            .build_arc()?;
        let config = settings
            .threads
            .map_or_else(SessionConfig::new, |threads| SessionConfig::new().with_target_partitions(threads.max(1)));
        let config = config
            .with_information_schema(true)
            .with_default_catalog_and_schema("tributary", "public")
            .with_create_default_catalog_and_schema(true);
        let threads = tokio::runtime::Builder::new_multi_thread().thread_name("answers").enable_all().build();
        let threads = threads.map_err(|error| EngineError::Sql(DataFusionError::IoError(error)))?;
        let context = SessionContext::new_with_config_rt(config, runtime);
        for function in [period::period_start(), property::property(), property::property_list()] {
            context.register_udf(function);
        }
        context.register_udaf(window_funnel::udaf());
        let base = context.state();
        let (decisions, kept) = (Decisions::new(definitions, channels), Mutex::new(Vec::new()));
        let files = people::GroundCache::new(settings.identity.all_rejected_ids(), settings.hot_bytes_max);
        let (people, files) = (Mutex::new(Vec::new()), Arc::new(files));
        let edges = KeptEdges::default();
        let answering = Arc::new(Answering { lake, decisions, settings, base, kept, people, files, edges });
        Ok(Self { answering, threads: Some(threads) })
    }

    /// The definitions that the engine was given: those of the files, which a lake without any is answered by.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        self.answering.decisions.of_files()
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`EngineError`] that says what is wrong with the question, or what failed.
    pub async fn answer(&self, question: &Question) -> Result<Answer, EngineError> {
        let (answering, asked) = (Arc::clone(&self.answering), question.clone());
        let work = async move { answering.answer(&asked).await }.instrument(info_span!("question"));
        let stopped = || EngineError::Asked { message: "the house is stopping".to_owned() };
        let mut task = self.threads.as_ref().ok_or_else(stopped)?.spawn(work);
        let Some(limit) = question.time_max else { return task.await? };
        if let Ok(answered) = tokio::time::timeout(limit, &mut task).await {
            return answered?;
        }
        task.abort();
        Err(EngineError::TooSlow { seconds: limit.as_secs() })
    }

    /// The published instant at or before `as_of`; the last where none is asked.
    ///
    /// # Errors
    /// [`EngineError::Asked`] where nothing was known yet at `as_of`.
    pub async fn moment(&self, as_of: Option<UtcMillis>) -> Result<Moment, EngineError> {
        self.answering.moment(as_of).await
    }

    /// What was in force as of a moment.
    ///
    /// # Errors
    /// [`EngineError::Unreadable`] where it does not fit together.
    pub async fn in_force(&self, moment: Moment) -> Result<Arc<InForce>, EngineError> {
        self.answering.in_force(moment).await
    }

    /// Persons, sessions, orders, ledger, touches and credits as of a moment, by the rules in force then; built once and
    /// kept.
    ///
    /// # Errors
    /// [`EngineError`] where facts are unreadable.
    pub async fn derived(&self, moment: Moment) -> Result<Arc<Derived>, EngineError> {
        let in_force = self.answering.in_force(moment).await?;
        self.answering.derived(moment, &in_force).await
    }
}

impl<'a> Rules<'a> {
    pub(crate) fn definitions(&self) -> &'a Definitions {
        &self.in_force.definitions
    }

    pub(crate) fn settings(&self) -> &'a EngineSettings {
        self.settings
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A runtime may not be waited for inside another.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

impl Answering {
    async fn moment(&self, as_of: Option<UtcMillis>) -> Result<Moment, EngineError> {
        let Some(asked) = as_of else {
            let last = self.lake.last_instant().await?;
            return Ok(last.map_or(Moment { known_at: UtcMillis(0), simulated: false }, |row| Moment {
                known_at: row.known_at,
                simulated: row.simulated,
            }));
        };
        let instants = self.lake.instants().await?;
        let found = instants.iter().rev().find(|row| row.known_at <= asked);
        found.map(|row| Moment { known_at: row.known_at, simulated: row.simulated }).ok_or_else(|| {
            let first = instants
                .first()
                .map_or("nothing was taken in yet".to_owned(), |row| format!("the first instant is {}", row.known_at));
            EngineError::Asked { message: format!("nothing was known as of {asked}: {first}") }
        })
    }

    async fn in_force(&self, moment: Moment) -> Result<Arc<InForce>, EngineError> {
        self.decisions.as_of(&self.lake, moment.known_at).await
    }

    async fn derived(&self, moment: Moment, in_force: &Arc<InForce>) -> Result<Arc<Derived>, EngineError> {
        let mut kept = self.kept.lock().await;
        let same = |kept: &&KeptTables| kept.moment == moment && kept.by.derived_by() == in_force.derived_by();
        if let Some(found) = kept.iter().find(same) {
            return Ok(Arc::clone(&found.derived));
        }
        let built = Derived::build(&self.lake, moment.known_at, &self.settings, in_force, None);
        let derived = Arc::new(built.instrument(info_span!("derive", as_of = %moment.known_at)).await?);
        if kept.len() >= INSTANTS_KEPT {
            kept.remove(0);
        }
        kept.push(KeptTables { moment, by: Arc::clone(in_force), derived: Arc::clone(&derived) });
        Ok(derived)
    }

    /// Events in order and who is who, as of a moment; opened once and kept.
    async fn people(&self, moment: Moment, in_force: &Arc<InForce>) -> Result<Arc<people::Ground>, EngineError> {
        let mut kept = self.people.lock().await;
        let same = |kept: &&KeptPeople| kept.moment == moment && kept.by.channels == in_force.channels;
        if let Some(found) = kept.iter().find(same) {
            return Ok(Arc::clone(&found.ground));
        }
        let persons = Arc::new(self.persons(moment).await?);
        let channels = Arc::clone(&in_force.channels);
        let opened = people::Ground::open(&self.lake, moment.known_at, persons, channels, &self.files);
        let ground = Arc::new(opened.instrument(info_span!("open", as_of = %moment.known_at)).await?);
        if kept.len() >= INSTANTS_KEPT {
            kept.remove(0);
        }
        kept.push(KeptPeople { moment, by: Arc::clone(in_force), ground: Arc::clone(&ground) });
        Ok(ground)
    }

    async fn persons(&self, moment: Moment) -> Result<Persons, EngineError> {
        let once = KeptEdges::default();
        let edges = if self.settings.hot_bytes_max > 0 { &self.edges } else { &once };
        derived::persons(&self.lake, moment.known_at, &self.settings, edges).await
    }

    async fn answer(&self, question: &Question) -> Result<Answer, EngineError> {
        let asked = |message: &str| EngineError::Asked { message: message.to_owned() };
        if self.lake.rebuilding() {
            return Err(asked("facts are being rebuilt from the inbox; ask again when the rebuild is done"));
        }
        let mut statements = DFParser::parse_sql(&question.sql)?;
        let mut statement = statements.pop_front().ok_or_else(|| asked("the question is empty"))?;
        if !statements.is_empty() {
            return Err(asked("one statement at a time, please"));
        }
        let calls = calls::take_calls(&mut statement)?;
        let untouched = calls::only_shows_a_call(&statement);
        let moment = self.moment(question.as_of).await?;
        let mut stamp = Stamp::new(moment.known_at, &self.settings.zone, moment.simulated);
        let references = self.base.resolve_table_references(&statement)?;
        let needs = Needs {
            derived: references.iter().any(|r| is_derived(r) || lists_tables(r)) || !calls.iter().all(asks_people),
            people: references.iter().any(|r| is_events(r) || lists_tables(r)) || calls.iter().any(asks_people),
            events: calls.iter().any(|call| !asks_people(call)),
        };
        // Stored tables can be asked whatever is in force, so that what does not fit together can be found and mended.
        let ground = match needs.derived || needs.people || needs.events {
            true => Some(self.ground(moment, question.definitions_as_of, needs).await?),
            false => None,
        };
        let context = self.context(moment, ground.as_ref())?;
        // Rates are read only for questions that may convert.
        let text = question.sql.to_lowercase();
        let converts = !calls.is_empty() || exchange::FUNCTIONS.iter().any(|name| text.contains(name));
        let rates = if converts { self.rates(moment).await? } else { Ok(Rates::default()) };
        let exchange = Arc::new(Exchange::new(rates));
        exchange::functions(&exchange).into_iter().for_each(|function| context.register_udf(function));
        if let Some(ground) = &ground {
            stamp.notes.extend(ground.notes());
            let asked = Asked { calls: &calls, ground, moment, exchange: &exchange };
            self.answer_calls(&asked, &context, &mut stamp).await?;
        }
        let plan = context.state().statement_to_plan(statement).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|error| EngineError::Asked { message: format!("only questions are answered here: {error}") })?;
        let approved = !stamp.definitions.is_empty() && stamp.definitions.iter().all(|d| d.status == "approved");
        stamp.certified = untouched && approved && !stamp.simulated && stamp.notes.is_empty();
        stamp.definitions.sort();
        stamp.definitions.dedup();
        let mut answer = self.collect(&context, plan, question.rows_max, stamp).await?;
        if exchange.provisional() {
            answer.stamp.note_provisional();
            answer.stamp.certified = false;
        }
        Ok(answer)
    }

    /// The rates known at a moment; or why it is not clear whose count.
    async fn rates(&self, moment: Moment) -> Result<Result<Rates, String>, EngineError> {
        let snapshot = self.lake.snapshot(Table::Rates).await?;
        let mut facts = Vec::new();
        for batch in self.lake.read(&snapshot, &[], Some(moment.known_at)).await? {
            facts.extend(tables::rates::read_rates(&batch)?);
        }
        let mend = "; name one as workspace.rates";
        let publisher = self.settings.rates.as_deref();
        Ok(Rates::new(&facts, publisher).map_err(|error| match error {
            RateError::SeveralPublishers { .. } => format!("{error}{mend}"),
            error => error.to_string(),
        }))
    }

    async fn collect(
        &self,
        context: &SessionContext,
        plan: datafusion::logical_expr::LogicalPlan,
        rows_max: Option<usize>,
        mut stamp: Stamp,
    ) -> Result<Answer, EngineError> {
        let frame = context.execute_logical_plan(plan).await?;
        let task = Arc::new(frame.task_ctx());
        let mut stream = execute_stream(frame.create_physical_plan().await?, task)?;
        let schema = stream.schema();
        let mut batches = Vec::new();
        let mut room = rows_max.unwrap_or(usize::MAX);
        while let Some(batch) = stream.try_next().await? {
            stamp.truncated |= batch.num_rows() > room;
            if batch.num_rows() > room {
                batches.push(batch.slice(0, room));
                break;
            }
            room -= batch.num_rows();
            batches.push(batch);
        }
        Ok(Answer { schema, batches, stamp })
    }

    /// The definitions in force and what is derived by them; under `definitions_as_of`, those of another instant.
    async fn ground(
        &self,
        moment: Moment,
        definitions_as_of: Option<UtcMillis>,
        needs: Needs,
    ) -> Result<Ground, EngineError> {
        let decided = match definitions_as_of {
            Some(asked) => self.moment(Some(asked)).await?,
            None => moment,
        };
        let in_force = self.in_force(decided).await?;
        let derived = if needs.derived { Some(self.derived(moment, &in_force).await?) } else { None };
        let on_events = needs.events && in_force.definitions.rest_on("events");
        let people = if needs.people || on_events { Some(self.people(moment, &in_force).await?) } else { None };
        Ok(Ground { in_force, derived, people, definitions_as_of: definitions_as_of.map(|_| decided.known_at) })
    }

    /// A session that sees every table as of the moment.
    fn context(&self, moment: Moment, ground: Option<&Ground>) -> Result<SessionContext, EngineError> {
        let context = SessionContext::new_with_state(self.base.clone());
        let sources = Sources {
            lake: Arc::clone(&self.lake),
            settings: self.settings.clone(),
            moment,
            derived: ground.and_then(|ground| ground.derived.clone()),
            people: ground.and_then(|ground| ground.people.clone()),
        };
        context.register_catalog("tributary", catalog::catalog(&sources)?);
        Ok(context)
    }

    /// Puts each call's answer in its place.
    async fn answer_calls(
        &self,
        asked: &Asked<'_>,
        context: &SessionContext,
        stamp: &mut Stamp,
    ) -> Result<(), EngineError> {
        let ground = asked.ground;
        let rules = &Rules { settings: &self.settings, in_force: &ground.in_force };
        for (index, call) in asked.calls.iter().enumerate() {
            stamp.definitions.extend(ground.in_force.channels_stamp.clone());
            if let (Some(table), Some(people)) = (PeopleTable::of(call.function), &ground.people) {
                let provider = table.expand(rules, call, (people, &self.base), stamp)?;
                context.register_table(calls::table_name(index), provider)?;
                continue;
            }
            let derived = ground.derived()?;
            let expansion = match call.function {
                "metric" => metric::expand(rules, call, stamp)?,
                "revenue_series" => metric::expand_series(rules, call, stamp)?,
                "compare" => compare::expand(rules, call, context, stamp).await?,
                "compare_orders" => compare::expand_orders(rules, call, context, stamp).await?,
                "bridge" => bridge::expand(rules, call, derived, stamp)?,
                "identity_preview" => {
                    let decision = identity_preview::decision(call, derived)?;
                    let (lake, settings, by) = (&self.lake, &self.settings, &ground.in_force);
                    let after = Derived::build(lake, asked.moment.known_at, settings, by, Some(&decision)).await?;
                    identity_preview::expand(derived, &after, stamp)?
                }
                _ => bridge::expand_orders(rules, call, derived, stamp)?,
            };
            let provider = match expansion {
                Expansion::Table(provider) => provider,
                Expansion::Query { sql, converted: None } => ordered(context.sql(&sql).await?).await?,
                Expansion::Query { sql, converted: Some(to) } => self.converted(asked, to, &sql, stamp).await?,
            };
            context.register_table(calls::table_name(index), provider)?;
        }
        Ok(())
    }
}

impl Answering {
    /// Answers a query over the derived tables in one currency.
    async fn converted(
        &self,
        asked: &Asked<'_>,
        to: Currency,
        sql: &str,
        stamp: &mut Stamp,
    ) -> Result<Arc<dyn TableProvider>, EngineError> {
        let context = self.context(asked.moment, Some(asked.ground))?;
        let zone = model::time::zone(&self.settings.zone)
            .map_err(|error| EngineError::Asked { message: error.to_string() })?;
        for (name, batch) in currency::tables(asked.ground.derived()?, asked.exchange, to, &zone)? {
            context.register_batch(name, batch)?;
        }
        let frame = context.sql(sql).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let rows = currency::checked(&schema, &frame.collect().await?, stamp)?;
        Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
    }
}

impl Ground {
    fn derived(&self) -> Result<&Derived, EngineError> {
        let missing =
            || EngineError::Asked { message: "the derived tables were not made for this question".to_owned() };
        self.derived.as_deref().ok_or_else(missing)
    }

    /// What a reader must know beside the numbers.
    fn notes(&self) -> Vec<String> {
        let elsewhere = self.definitions_as_of.map(|at| format!("the definitions are those in force as of {at}"));
        let set_aside = self.derived.iter().flat_map(|derived| derived.set_aside.iter().cloned());
        set_aside.chain(elsewhere).collect()
    }
}

impl DefinitionStamp {
    /// The stamp of a definition.
    #[must_use]
    pub fn of<T>(kind: &str, name: &str, defined: &definitions::Defined<T>) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            hash: defined.hash.clone(),
            status: defined.status.name().to_owned(),
        }
    }
}

/// Rows in the order that the query gave them: a view would lose its ORDER BY.
async fn ordered(frame: DataFrame) -> Result<Arc<dyn TableProvider>, EngineError> {
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

/// True for the functions that the person engine answers, straight from events.
fn asks_people(call: &Call) -> bool {
    PeopleTable::of(call.function).is_some()
}

/// True for the tables that list the tables.
fn lists_tables(reference: &TableReference) -> bool {
    reference.schema() == Some("information_schema")
}

/// True for `sessions`, `public.orders`, …: what is no stored table.
fn is_derived(reference: &TableReference) -> bool {
    let own = reference.table() == EVENTS || calls::is_call(reference.table());
    matches!(reference.schema(), None | Some("public")) && !own
}

/// True for `events`, which is read and not derived in memory.
fn is_events(reference: &TableReference) -> bool {
    matches!(reference.schema(), None | Some("public")) && reference.table() == EVENTS
}
