//! How ClickHouse counts the level of `windowFunnel`: the algorithm of `AggregateFunctionWindowFunnel.cpp` at its commit
//! 0215c755, told anew.
//!
//! A row that meets several conditions becomes as many entries. Entries are sorted by (instant, condition), and a scan
//! keeps for each condition the entry to the funnel that led there last. Under `strict_once` it keeps every way that led
//! there, with the rows that it used.

/// Its modes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClickHouseModes {
    pub strict_order: bool,
    pub strict_increase: bool,
    pub strict_deduplication: bool,
    pub strict_once: bool,
    pub allow_reentry: bool,
}

/// One condition that a row meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: i64,
    /// From 1; 0 for a row that meets none, which `strict_order` alone keeps.
    condition: usize,
    row: usize,
}

/// One way to a condition.
#[derive(Debug, Clone)]
struct Way {
    entered_at: i64,
    last_at: i64,
    /// Rows in the order of the conditions; only `strict_once` reads them.
    rows: Vec<usize>,
}

/// What the scan does with an entry.
enum Turn {
    /// The scan ends with the level reached.
    Stop,
    /// The entry changes nothing.
    Skip,
    /// The entry begins a way.
    Enter,
    /// The entry may prolong a way.
    GoOn,
}

/// The level of rows (instant, mask) within `window`; instants are not negative.
pub fn clickhouse_level(rows: &[(i64, u32)], conditions: usize, window: i64, modes: ClickHouseModes) -> usize {
    let mut entries = Vec::new();
    for (row, &(at, mask)) in rows.iter().enumerate() {
        let met: Vec<usize> = (1..=conditions).filter(|condition| mask >> (condition - 1) & 1 == 1).collect();
        if met.is_empty() && modes.strict_order {
            entries.push(Entry { at, condition: 0, row });
        }
        entries.extend(met.into_iter().map(|condition| Entry { at, condition, row }));
    }
    if conditions == 1 && !modes.strict_order {
        return usize::from(!entries.is_empty());
    }
    entries.sort_unstable();
    let mut ways: Vec<Vec<Way>> = vec![Vec::new(); conditions];
    for entry in entries {
        match turn(&ways, entry, modes) {
            Turn::Stop => break,
            Turn::Skip => {}
            Turn::Enter => {
                let way = Way { entered_at: entry.at, last_at: entry.at, rows: vec![entry.row] };
                keep(&mut ways[0], vec![way], modes);
            }
            Turn::GoOn => {
                let before = &mut ways[entry.condition - 2];
                let longer = before.iter().filter_map(|way| prolong(way, entry, window, modes)).collect();
                keep(&mut ways[entry.condition - 1], longer, modes);
            }
        }
    }
    // Under `strict_order` it returns the first condition without a way: conditions are reached one after another, so
    // that this is the same.
    ways.iter().rposition(|ways| !ways.is_empty()).map_or(0, |last| last + 1)
}

fn turn(ways: &[Vec<Way>], entry: Entry, modes: ClickHouseModes) -> Turn {
    let entered = !ways[0].is_empty();
    match entry.condition {
        0 if entered => Turn::Stop,
        0 => Turn::Skip,
        1 => Turn::Enter,
        condition if modes.strict_deduplication && !ways[condition - 1].is_empty() => Turn::Stop,
        condition if ways[condition - 2].is_empty() => {
            let stops = modes.strict_order && entered && !modes.allow_reentry;
            if stops { Turn::Stop } else { Turn::Skip }
        }
        _ => Turn::GoOn,
    }
}

fn prolong(way: &Way, entry: Entry, window: i64, modes: ClickHouseModes) -> Option<Way> {
    let in_time = entry.at <= way.entered_at + window;
    let grows = !modes.strict_increase || way.last_at < entry.at;
    let is_new = !modes.strict_once || !way.rows.contains(&entry.row);
    let rows = || way.rows.iter().copied().chain([entry.row]).collect();
    (in_time && grows && is_new).then(|| Way { entered_at: way.entered_at, last_at: entry.at, rows: rows() })
}

/// Adds to the ways that led to a condition; without `strict_once` the last one is all it knows.
fn keep(ways: &mut Vec<Way>, new: Vec<Way>, modes: ClickHouseModes) {
    if !modes.strict_once && !new.is_empty() {
        ways.clear();
    }
    ways.extend(new);
}
