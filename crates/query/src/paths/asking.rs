//! A call becomes a question about people.

use std::{fmt, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{catalog::TableProvider, execution::session_state::SessionState, physical_expr::PhysicalExpr};
use definitions::ColumnRef;
use journey::{AnchorRule, EntryRange, PathDirection, PathTerms, Paths, SessionRule};
use model::FunnelUnit;

use crate::{
    calls::Call,
    engine::Rules,
    error::EngineError,
    paths::{answers, folding::Folding},
    people::{
        Ask, AskTable, Condition, Ground, LanePlan, Run, Units,
        columns::{Compiler, EventColumns},
        lanes::Kept,
        units,
    },
    people_table,
    period::{Grain, Span},
};

/// Names after the anchor's where the call says none.
const STEPS: usize = 5;
/// Sequences, or edges of a position, where the call says none.
const TOP: usize = 20;
/// Most of them that can be asked.
const TOP_MAX: usize = 10_000;
/// Longest gap that can be asked, in minutes: a year.
const GAP_MINUTES_MAX: usize = 366 * 24 * 60;
const MINUTE_MS: i64 = 60_000;

/// Whose events can be followed.
const UNITS: [(&str, FunnelUnit); 3] =
    [("person", FunnelUnit::Person), ("device", FunnelUnit::Device), ("session", FunnelUnit::Session)];
const DIRECTIONS: [(&str, PathDirection); 2] = [("after", PathDirection::After), ("before", PathDirection::Before)];
const ANCHORS: [(&str, AnchorRule); 3] =
    [("first", AnchorRule::First), ("last", AnchorRule::Last), ("every", AnchorRule::Every)];

/// Which table is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathsTable {
    /// A row a sequence of names.
    Sequences,
    /// A row an edge from one position to the next.
    Steps,
}

/// Paths, asked.
pub(super) struct PathsAsk {
    pub(super) paths: Paths,
    pub(super) table: PathsTable,
    /// Most sequences, or edges of a position.
    pub(super) top: usize,
    pub(super) range: EntryRange,
    pub(super) sessions: SessionRule,
    /// True where the second mark says which events count; otherwise those do that sessions are made of.
    pub(super) counts_marked: bool,
    ground: Arc<Ground>,
    unit: FunnelUnit,
    marks: Vec<Condition>,
    name: Arc<dyn PhysicalExpr>,
    columns: EventColumns,
}

/// Reads a call of one of the functions about paths.
///
/// # Errors
/// [`EngineError::Asked`] for an argument that is wrong.
pub(crate) fn expand(
    rules: &Rules<'_>,
    call: &Call,
    table: PathsTable,
    (ground, state): (&Arc<Ground>, &SessionState),
) -> Result<Arc<dyn TableProvider>, EngineError> {
    let counts_marked = call.arguments.contains_key("events");
    let mut marks = vec![people_table::events(call, "anchor")?];
    if counts_marked {
        marks.push(people_table::events(call, "events")?);
    }
    let event = ColumnRef { relation: "events".to_owned(), column: "event".to_owned(), property: None };
    let compiler = Compiler::new(state, [&event], &rules.settings().shop_by_web_source)?;
    let (from, to) = Span::of(call, &rules.settings().zone, Grain::All)?.instants();
    let ask = PathsAsk {
        paths: Paths::new(terms(call)?).map_err(people_table::refused)?,
        table,
        top: call.number("top", 1..=TOP_MAX)?.unwrap_or(TOP),
        range: EntryRange { from, to },
        sessions: SessionRule::default(),
        counts_marked,
        ground: Arc::clone(ground),
        unit: people_table::unit(call, &UNITS)?,
        marks,
        name: compiler.text(&event)?,
        columns: compiler.finish(),
    };
    Ok(Arc::new(AskTable::new(Arc::new(ask))))
}

fn terms(call: &Call) -> Result<PathTerms, EngineError> {
    let gap = call.number("gap_minutes", 0..=GAP_MINUTES_MAX)?;
    Ok(PathTerms {
        anchor: call.word("which", &ANCHORS)?.unwrap_or_default(),
        direction: call.word("direction", &DIRECTIONS)?.unwrap_or_default(),
        steps: call.number("steps", 1..=Paths::STEPS_MAX)?.unwrap_or(STEPS),
        collapsed: call.flag("collapse")?.unwrap_or(true),
        gap_ms_max: gap.map(|minutes| minutes as i64 * MINUTE_MS),
        until_next_anchor: call.flag("until_next_anchor")?.unwrap_or(false),
    })
}

impl PathsAsk {
    fn plan(&self) -> LanePlan {
        // A session ends by all that it is made of, whatever counts.
        let in_session = !self.counts_marked || self.unit == FunnelUnit::Session;
        LanePlan {
            marks: self.marks.clone(),
            code: Some(Arc::clone(&self.name)),
            device: matches!(self.unit, FunnelUnit::Device | FunnelUnit::Session),
            in_session,
            kept: if in_session { Kept::MarkedAndSession } else { Kept::Marked },
            columns: self.columns.clone(),
            ..LanePlan::default()
        }
    }
}

impl Ask for PathsAsk {
    fn describe(&self) -> String {
        let (files, places) = (self.ground.files.len(), self.ground.spread.exceptions().len());
        format!("paths, table={:?}, files={files}, scattered places={places}", self.table)
    }

    fn schema(&self) -> SchemaRef {
        answers::schema(self.table)
    }

    fn answer(&self, run: &Run, _wanted: &[usize]) -> Result<RecordBatch, EngineError> {
        let plan = self.plan();
        let texts = self.ground.texts(&plan);
        let make = || Folding::new(self, Units::of(self.unit));
        let folds = run.fold(&self.ground, &plan, &texts, units::gathered(self.unit), make)?;
        answers::table(self, folds, &texts)
    }
}

impl fmt::Debug for PathsAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathsAsk").field("paths", &self.paths).field("table", &self.table).finish_non_exhaustive()
    }
}
