//! What becomes of each unit's events: counts that add up, and the runs that a list names.

use std::{collections::BTreeMap, ops::Range};

use journey::{
    BreakdownRow, FunnelColumns, FunnelEvent, FunnelFold, FunnelGroup, FunnelLevels, FunnelOutcome, FunnelOutcomes,
};
use model::UtcMillis;

use crate::{
    error::EngineError,
    funnel::asking::{FunnelAsk, FunnelTable},
    people::{
        Lanes, PersonFold, UnitEvent, UnitId, Units, Who,
        lanes::{NO_AMOUNT, NONE},
        units,
    },
    period::Grain,
};

/// One run behind a count.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) unit: UnitId,
    pub(super) reached: u32,
    pub(super) entered_at: UtcMillis,
    pub(super) last_matched_at: UtcMillis,
    pub(super) row: BreakdownRow,
    pub(super) value_micros: Option<i64>,
    pub(super) mature: bool,
}

/// What everybody's events came to.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// By the period of entry, as the day on which it starts; one at 0 where periods are not asked for.
    pub(super) groups: BTreeMap<i32, FunnelGroup>,
    pub(super) listed: Vec<Listed>,
    /// Units by how many steps they reached, where only that was counted.
    pub(super) reached: Vec<u64>,
    /// Codes of the currencies of values.
    pub(super) currencies: Vec<u32>,
    /// Carts and orders, whose events come from anywhere.
    named: Lanes,
}

/// One thread's fold.
pub(super) struct Folding<'a> {
    ask: &'a FunnelAsk,
    /// Set where only counts are wanted, and the funnel is one that they can be had of in short.
    levels: Option<FunnelLevels>,
    fold: FunnelFold,
    units: Units<FunnelEvent>,
    folded: Folded,
}

impl<'a> Folding<'a> {
    pub(super) fn new(ask: &'a FunnelAsk, levels: Option<FunnelLevels>) -> Self {
        let units = Units::of(ask.definition.unit);
        let fold = FunnelFold::new(ask.funnel.clone());
        Self { ask, levels, fold, units, folded: Folded::default() }
    }

    /// What this thread's events came to.
    pub(super) fn finish(mut self) -> Folded {
        if let Units::Named(lanes) = self.units {
            self.folded.named = *lanes;
        }
        self.folded
    }

    fn note_currencies(&mut self, lanes: &Lanes, range: Range<usize>) {
        for &code in lanes.currency.get(range).unwrap_or_default().iter().filter(|code| **code != NONE) {
            if !self.folded.currencies.contains(&code) {
                self.folded.currencies.push(code);
            }
        }
    }
}

impl PersonFold for Folding<'_> {
    fn events(&mut self, lanes: &Lanes, range: Range<usize>) {
        if let Some(levels) = &mut self.levels {
            levels.events(&lanes.at[range.clone()], &lanes.mask[range], self.ask.range);
            return;
        }
        self.note_currencies(lanes, range.clone());
        match &mut self.units {
            Units::Person(_) => self.fold.take(columns(lanes, range)),
            units => units.take(lanes, range, event),
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Listed>() * self.folded.listed.capacity() + self.units.bytes() + self.fold.bytes()
    }

    fn end(&mut self, who: Who) -> Result<(), EngineError> {
        if let Some(levels) = &mut self.levels {
            self.folded.reached.resize(self.ask.funnel.steps() + 1, 0);
            self.folded.reached[levels.reached()] += 1;
            levels.begin();
            return Ok(());
        }
        let (ask, fold, folded) = (self.ask, &mut self.fold, &mut self.folded);
        if let Units::Person(_) = self.units {
            folded.count(ask, UnitId::Person(who), &fold.end(ask.range, ask.horizon));
            return Ok(());
        }
        self.units.end(who, ask.sessions, |unit, events| folded.run(ask, fold, unit, events));
        Ok(())
    }
}

impl Folded {
    /// Adds what another thread's events came to.
    pub(super) fn add(&mut self, other: Self) {
        for (period, group) in other.groups {
            match self.groups.get_mut(&period) {
                Some(known) => *known += &group,
                None => drop(self.groups.insert(period, group)),
            }
        }
        self.listed.extend(other.listed);
        self.reached.resize(self.reached.len().max(other.reached.len()), 0);
        self.reached.iter_mut().zip(other.reached).for_each(|(units, more)| *units += more);
        self.named.append(&other.named, 0..other.named.len());
        self.currencies.extend(other.currencies);
    }

    /// Runs the carts or orders, when all their events are together.
    pub(super) fn run_named(&mut self, ask: &FunnelAsk) {
        let lanes = std::mem::take(&mut self.named);
        let mut fold = FunnelFold::new(ask.funnel.clone());
        units::named(&lanes, event, |unit, events| self.run(ask, &mut fold, unit, events));
    }

    /// Runs one unit.
    fn run(&mut self, ask: &FunnelAsk, fold: &mut FunnelFold, unit: UnitId, events: &[FunnelEvent]) {
        self.count(ask, unit, &fold.run(events, ask.range, ask.horizon));
    }

    fn count(&mut self, ask: &FunnelAsk, unit: UnitId, outcomes: &FunnelOutcomes<'_>) {
        for outcome in outcomes.iter() {
            let day = ask.days.of(outcome.entry.at);
            let period = if ask.span.grain == Grain::All { 0 } else { ask.days.period_of(outcome.entry.at) };
            if ask.table == FunnelTable::People {
                self.list(ask, unit, &outcome, period);
                continue;
            }
            let group = self.groups.entry(period).or_insert_with(|| FunnelGroup::new(&ask.funnel));
            group.add(&outcome, day);
        }
    }

    fn list(&mut self, ask: &FunnelAsk, unit: UnitId, outcome: &FunnelOutcome<'_>, period: i32) {
        let chosen = &ask.chosen;
        let here =
            if chosen.dropped { outcome.dropped_at(chosen.step, &ask.funnel) } else { outcome.is_at(chosen.step) };
        let wanted = here && (!chosen.mature || outcome.mature) && chosen.period.is_none_or(|wanted| wanted == period);
        if wanted {
            let last = outcome.matched.iter().flatten().map(|matched| matched.at).max();
            self.listed.push(Listed {
                unit,
                reached: outcome.reached,
                entered_at: outcome.entry.at,
                last_matched_at: last.unwrap_or(outcome.entry.at),
                row: outcome.row,
                value_micros: outcome.value_micros,
                mature: outcome.mature,
            });
        }
    }
}

impl UnitEvent for FunnelEvent {
    fn at(&self) -> UtcMillis {
        self.at
    }
}

fn columns(lanes: &Lanes, range: Range<usize>) -> FunnelColumns<'_> {
    fn of<'a, T>(lane: &'a [T], range: &Range<usize>) -> &'a [T] {
        lane.get(range.clone()).unwrap_or_default()
    }
    FunnelColumns {
        at: of(&lanes.at, &range),
        step_mask: of(&lanes.mask, &range),
        exclusion_mask: of(&lanes.exclusion, &range),
        held: of(&lanes.held, &range),
        in_session: of(&lanes.in_session, &range),
        value_micros: of(&lanes.value, &range),
        breakdown: of(&lanes.code, &range),
    }
}

fn event(lanes: &Lanes, row: usize) -> FunnelEvent {
    let code = |lane: &[u32]| lane.get(row).copied().filter(|code| *code != NONE);
    FunnelEvent {
        at: UtcMillis(lanes.at[row]),
        step_mask: lanes.mask[row],
        exclusion_mask: lanes.exclusion.get(row).copied().unwrap_or(0),
        held: code(&lanes.held),
        in_session: lanes.in_session.get(row).copied().unwrap_or(false),
        value_micros: lanes.value.get(row).copied().filter(|value| *value != NO_AMOUNT),
        breakdown: code(&lanes.code),
    }
}
