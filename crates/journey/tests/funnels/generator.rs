//! Small cases made to be hard: few instants so that ties abound, few names so that steps overlap, windows that end
//! exactly at an event, and every option beside every other that the law accepts.

use fastrand::Rng;

use crate::case::{Breakdown, Entry, Event, Exclusion, Mode, Options, Step};

/// Names that steps are made of.
const STEP_NAMES: u8 = 6;
/// Names that events have; those from `STEP_NAMES` on match no step.
const NAMES: u8 = 8;
/// Most ticks between the first and the last instant.
const TICKS: i64 = 8;

/// Units and options that the law accepts.
pub fn case(rng: &mut Rng) -> (Vec<Vec<Event>>, Options) {
    case_of(rng, options)
}

/// The same of the commonest kind of funnel: required steps in order under at most a total window, nothing excluded and
/// nothing held. Mostly no event satisfies two steps.
pub fn plain_case(rng: &mut Rng) -> (Vec<Vec<Event>>, Options) {
    case_of(rng, |rng, clock| {
        let mut options = options(rng, clock);
        let mut names: Vec<u32> = (0..u32::from(STEP_NAMES)).collect();
        rng.shuffle(&mut names);
        let overlap = chance(rng, 10);
        for step in &mut options.steps {
            let matches = if overlap { step.matches } else { 1 << names.pop().expect("more names than steps") };
            *step = Step { matches, optional: false, window_ms: None };
        }
        options.mode = Mode::Ordered;
        options.entry = Entry::First;
        options.exclusions.clear();
        options.hold = false;
        if matches!(options.breakdown, Breakdown::Step(_)) {
            options.breakdown = if rng.bool() { Breakdown::First } else { Breakdown::Last };
        }
        options
    })
}

/// A case of such options.
fn case_of(rng: &mut Rng, options: fn(&mut Rng, Clock) -> Options) -> (Vec<Vec<Event>>, Options) {
    // Half a day as a tick spreads entries over days; a start before 1970 makes negative instants.
    let clock = Clock { start: rng.i64(-5..5) * 43_200_000, tick: [1, 1_000, 43_200_000][rng.usize(0..3)] };
    let options = options(rng, clock);
    let mut keys: Vec<u32> = (0..27).collect();
    rng.shuffle(&mut keys);
    let units = (0..rng.usize(1..=3)).map(|_| log(rng, clock, &options, &mut keys)).collect();
    (units, options)
}

/// Where a case's instants lie.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: i64,
    tick: i64,
}

impl Clock {
    fn at(self, tick: i64) -> i64 {
        self.start + self.tick * tick
    }

    /// A whole number of ticks, so that events lie exactly on its end; seldom a millisecond beside.
    fn window_ms(self, rng: &mut Rng, ticks_max: i64) -> i64 {
        let beside = if rng.u8(0..8) == 0 { rng.i64(-1..=1) } else { 0 };
        (rng.i64(0..=ticks_max).max(rng.i64(0..=2)) * self.tick + beside).max(0)
    }
}

/// True `share` times of a hundred.
fn chance(rng: &mut Rng, share: u8) -> bool {
    rng.u8(0..100) < share
}

/// One or few names.
fn mask(rng: &mut Rng) -> u32 {
    let mut mask = 1 << rng.u8(0..STEP_NAMES);
    while chance(rng, 30) {
        mask |= 1 << rng.u8(0..STEP_NAMES);
    }
    mask
}

/// A funnel and how it is asked.
fn options(rng: &mut Rng, clock: Clock) -> Options {
    let mode = [Mode::Ordered, Mode::Ordered, Mode::Strict, Mode::AnyOrder][rng.usize(0..4)];
    let any_order = mode == Mode::AnyOrder;
    let with_step_windows = !any_order && chance(rng, 40);
    let with_optional_steps = !any_order && chance(rng, 50);
    let mut steps: Vec<Step> = Vec::new();
    for index in 0..rng.usize(2..=5) {
        let repeats = index > 0 && chance(rng, 15);
        steps.push(Step {
            matches: if repeats { steps[rng.usize(0..index)].matches } else { mask(rng) },
            optional: index > 0 && with_optional_steps && chance(rng, 45),
            window_ms: (index > 0 && with_step_windows && chance(rng, 80)).then(|| clock.window_ms(rng, 5)),
        });
    }
    let start = if chance(rng, 75) { -1 } else { rng.i64(0..4) };
    let end = if chance(rng, 75) { TICKS + 1 } else { start + rng.i64(0..8) };
    let step_count = steps.len();
    Options {
        mode,
        total_window_ms: chance(rng, 55).then(|| clock.window_ms(rng, TICKS)),
        exclusions: exclusions(rng, &steps, any_order),
        hold: chance(rng, 35),
        entry: if !any_order && chance(rng, 40) { Entry::Every } else { Entry::First },
        range: (clock.at(start), clock.at(end)),
        breakdown: match rng.u8(0..4) {
            0 => Breakdown::None,
            1 => Breakdown::First,
            2 => Breakdown::Last,
            _ if any_order => Breakdown::None,
            _ => Breakdown::Step(rng.usize(0..step_count)),
        },
        // Mostly an instant after all events; seldom one among them.
        horizon: clock.at(if chance(rng, 85) { TICKS + rng.i64(0..=TICKS) } else { rng.i64(0..=TICKS) }),
        steps,
    }
}

/// Up to two, between required steps.
fn exclusions(rng: &mut Rng, steps: &[Step], any_order: bool) -> Vec<Exclusion> {
    let required: Vec<usize> = (0..steps.len()).filter(|&index| !steps[index].optional).collect();
    if any_order || required.len() < 2 || chance(rng, 40) {
        return Vec::new();
    }
    let one = |rng: &mut Rng| {
        let from = rng.usize(0..required.len() - 1);
        let to = rng.usize(from + 1..required.len());
        // Often the name of a bystander, sometimes one that steps match as well.
        let matches = if chance(rng, 70) { 1 << STEP_NAMES } else { mask(rng) };
        Exclusion { matches, from: required[from], to: required[to] }
    };
    (0..rng.usize(1..=2)).map(|_| one(rng)).collect()
}

/// How a log's names and instants are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// The steps one after another, at growing instants, with bystanders between: one plausible chain, which any rule
    /// can break.
    Walk,
    /// The steps in order and events at random, sorted: many chains.
    Crowd,
    /// The same, not sorted: ties and detours.
    Tangle,
}

/// Up to nine events in no order.
fn log(rng: &mut Rng, clock: Clock, options: &Options, keys: &mut Vec<u32>) -> Vec<Event> {
    let style = [Style::Walk, Style::Crowd, Style::Tangle][rng.usize(0..3)];
    let count = if chance(rng, 8) { rng.usize(0..3) } else { rng.usize(3..=9).max(rng.usize(3..=9)) };
    let mut ticks: Vec<i64> = (0..count).map(|_| rng.i64(0..=TICKS)).collect();
    // Chains of two held values that start and end at the same instants.
    let twins = options.hold && chance(rng, 40);
    if twins || (style != Style::Walk && chance(rng, 30)) {
        ticks.iter_mut().for_each(|tick| *tick /= 3);
    }
    if style != Style::Tangle {
        ticks.sort_unstable();
    }
    let one_value = !twins && chance(rng, 60);
    let mut next = 0;
    let mut events: Vec<Event> = Vec::new();
    for tick in ticks {
        events.push(Event {
            at: clock.at(tick),
            key: keys.pop().expect("27 keys are enough for three units of nine events"),
            name: name(rng, style, options, &mut next),
            held: if one_value && chance(rng, 85) { Some(0) } else { (!chance(rng, 20)).then(|| rng.u8(0..2)) },
            session_event: chance(rng, 65),
            value_micros: chance(rng, 40).then(|| rng.i64(-2..6) * 1_000_000),
            breakdown: chance(rng, 60).then(|| rng.u8(0..3)),
        });
    }
    rng.shuffle(&mut events);
    events
}

/// The name of the next event: of the next step, of any step, of an exclusion, or any.
fn name(rng: &mut Rng, style: Style, options: &Options, next: &mut usize) -> u8 {
    let steps = &options.steps;
    match rng.u8(0..10) {
        0..5 => {
            *next += 1;
            name_of(rng, steps[(*next - 1) % steps.len()].matches)
        }
        5..7 if style != Style::Walk => {
            let any = rng.usize(0..steps.len());
            name_of(rng, steps[any].matches)
        }
        7..9 if !options.exclusions.is_empty() => {
            let any = rng.usize(0..options.exclusions.len());
            name_of(rng, options.exclusions[any].matches)
        }
        _ if style == Style::Walk => rng.u8(STEP_NAMES..NAMES),
        _ => rng.u8(0..NAMES),
    }
}

/// One of the names of a mask.
fn name_of(rng: &mut Rng, mask: u32) -> u8 {
    let names: Vec<u8> = (0..NAMES).filter(|name| mask & (1 << name) != 0).collect();
    names[rng.usize(0..names.len())]
}
