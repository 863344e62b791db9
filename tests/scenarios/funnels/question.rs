//! The statements that ask a funnel everything.

/// Rows of an answer as texts.
pub type Rows = Vec<Vec<String>>;

/// What is asked of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `funnel`: a row a step.
    Steps,
    /// `funnel_trend`: a row a day and step.
    Trend,
    /// `funnel_survival`: a row for each time at which somebody converted.
    Survival,
    /// `funnel_times` of every step.
    Times,
    /// `funnel_people` of every step, on both sides.
    People,
}

/// A funnel with the arguments of its calls.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its name.
    pub funnel: String,
    /// Days of entry, and the breakdown where the definition names none.
    pub span: Vec<String>,
    /// The instant at which maturity is judged.
    pub horizon: String,
    /// How many steps it has.
    pub steps: usize,
    /// Indexes of the steps at which a run can drop off.
    pub falling: Vec<usize>,
}

/// Columns of `funnel`, in the order in which [`super::expected`] writes them.
const STEPS: &str = "breakdown, step, optional, units, drop_off, from_entry, from_previous, p50_ms, p90_ms, \
                     mature_entrants, mature_units, mature_rate, survival_rate, drop_off_value";
const TREND: &str = "period, breakdown, step, units, from_entry, mature_entrants, mature_units, mature_rate";
const PEOPLE: &str = "unit_id, reached, entered_at, last_matched_at, breakdown, value, mature";

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Steps, Self::Trend, Self::Survival, Self::Times, Self::People];
}

impl Question {
    /// The statement that asks a kind.
    pub fn statement(&self, kind: Kind) -> String {
        match kind {
            Kind::Steps => format!("SELECT {STEPS} FROM {}", self.call("funnel", &[&self.horizon])),
            Kind::Trend => {
                format!("SELECT {TREND} FROM {}", self.call("funnel_trend", &["grain => 'day'", &self.horizon]))
            }
            Kind::Survival => {
                let call = self.call("funnel_survival", &[&self.horizon]);
                format!("SELECT breakdown, after_ms, at_risk, converted, rate FROM {call}")
            }
            Kind::Times => {
                let of_step = |step: usize| {
                    let call = self.call("funnel_times", &[&format!("step => {step}")]);
                    format!("SELECT {step} AS step, breakdown, after_ms, units FROM {call}")
                };
                (1..=self.steps).map(of_step).collect::<Vec<_>>().join(" UNION ALL ")
            }
            Kind::People => {
                let reached = (0..self.steps).map(|index| ("reached", index));
                let dropped = self.falling.iter().map(|index| ("dropped", *index));
                let of_list = |(side, index): (&str, usize)| {
                    let more = [&format!("step => {}", index + 1), &format!("side => '{side}'"), &self.horizon];
                    let call = self.call("funnel_people", &more.map(String::as_str));
                    format!("SELECT '{side}' AS side, {} AS step, {PEOPLE} FROM {call}", index + 1)
                };
                reached.chain(dropped).map(of_list).collect::<Vec<_>>().join(" UNION ALL ")
            }
        }
    }

    /// The call of a function with its arguments.
    fn call(&self, function: &str, more: &[&str]) -> String {
        let arguments: Vec<&str> = self.span.iter().map(String::as_str).chain(more.iter().copied()).collect();
        format!("{function}('{}', {})", self.funnel, arguments.join(", "))
    }
}

/// Rows in one order: that of answers says nothing here.
pub fn sorted(mut rows: Rows) -> Rows {
    rows.sort();
    rows
}
