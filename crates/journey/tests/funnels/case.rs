//! What the oracle is asked: one unit's log and a funnel's options, in plain types that share nothing with the product.

/// One event of one unit's log. Its place is `(at, key)`; the place in a `Vec` means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Instant, UTC milliseconds.
    pub at: i64,
    /// Unique among all units of a case.
    pub key: u32,
    /// What happened, `0..32`: a bit of the masks below.
    pub name: u8,
    /// Value of the held properties, as one. `None` is null and matches nothing where they are held constant.
    pub held: Option<u8>,
    /// Whether it is an event of a browser or app: only those break a `strict` chain.
    pub session_event: bool,
    /// The claimed value, millionths.
    pub value_micros: Option<i64>,
    /// Value of the breakdown property; `None` is null.
    pub breakdown: Option<u8>,
}

impl Event {
    /// The order in which ties of one instant are broken.
    pub fn place(&self) -> (i64, u32) {
        (self.at, self.key)
    }

    /// Whether `mask` names this event.
    pub fn is_in(&self, mask: u32) -> bool {
        mask & (1 << self.name) != 0
    }
}

/// One step: event and filter, already decided per name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Names that satisfy it. Steps may overlap.
    pub matches: u32,
    /// May be left out. Never the first.
    pub optional: bool,
    /// Longest time from the last matched required step, closed, milliseconds. Never on the first.
    pub window_ms: Option<i64>,
}

/// Events that must not come between two required steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    /// Names that exclude.
    pub matches: u32,
    /// Index of a required step, from 0.
    pub from: usize,
    /// Index of a later required step.
    pub to: usize,
}

/// In what order steps count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Other events may lie between.
    Ordered,
    /// No other session event between matched instants.
    Strict,
    /// As many steps as one window holds.
    AnyOrder,
}

/// How many runs a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// One: the best chain over all entries.
    First,
    /// One for each match of step 1.
    Every,
}

/// Whose breakdown value names a run's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakdown {
    /// No breakdown: one row.
    None,
    /// The first matched event that has a value.
    First,
    /// The last matched event that has a value.
    Last,
    /// The match of the step of this index, from 0.
    Step(usize),
}

/// A funnel and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// In order; the first is required.
    pub steps: Vec<Step>,
    /// In what order they count.
    pub mode: Mode,
    /// Longest time from the first step, closed, milliseconds.
    pub total_window_ms: Option<i64>,
    /// What must not come between.
    pub exclusions: Vec<Exclusion>,
    /// Whether the held properties must be equal all along.
    pub hold: bool,
    /// How many runs a unit has.
    pub entry: Entry,
    /// Bounds the entry, half open, UTC milliseconds.
    pub range: (i64, i64),
    /// What names a run's row.
    pub breakdown: Breakdown,
    /// The instant at which maturity is judged, UTC milliseconds.
    pub horizon: i64,
}

impl Options {
    /// Indexes of the required steps. Under `any_order` all are.
    pub fn required(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|&index| !self.steps[index].optional).collect()
    }

    /// Whether an entry at `at` counts.
    pub fn admits(&self, at: i64) -> bool {
        self.range.0 <= at && at < self.range.1
    }

    /// Whether `event` can match anything: a null held property matches nothing.
    pub fn sees(&self, event: &Event) -> bool {
        !self.hold || event.held.is_some()
    }
}

/// Why the law refuses these options, if it does.
pub fn refused(options: &Options) -> Option<&'static str> {
    let required = options.required();
    let any_order = options.mode == Mode::AnyOrder;
    let rules = [
        (options.steps.is_empty(), "a funnel needs a step"),
        (options.steps.first().is_some_and(|step| step.optional), "the first step cannot be optional"),
        (options.steps.first().is_some_and(|step| step.window_ms.is_some()), "the first step follows nothing"),
        (
            options.exclusions.iter().any(|e| !required.contains(&e.from) || !required.contains(&e.to)),
            "an exclusion lies between two required steps",
        ),
        (options.exclusions.iter().any(|e| e.from >= e.to), "an exclusion goes from a step to a later one"),
        (
            matches!(options.breakdown, Breakdown::Step(index) if index >= options.steps.len()),
            "the breakdown names no step",
        ),
        (any_order && !options.exclusions.is_empty(), "any_order refuses exclusions"),
        (any_order && required.len() < options.steps.len(), "any_order refuses optional steps"),
        (any_order && options.steps.iter().any(|step| step.window_ms.is_some()), "any_order refuses step windows"),
        (any_order && options.entry == Entry::Every, "any_order refuses every"),
        (any_order && matches!(options.breakdown, Breakdown::Step(_)), "any_order refuses a breakdown by a named step"),
    ];
    rules.into_iter().find(|(broken, _)| *broken).map(|(_, why)| why)
}
