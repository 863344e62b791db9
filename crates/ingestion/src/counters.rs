//! What came to each door and what became of it, as plain counts since the start.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

/// An HTTP door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// `/v1/{batch,track,…}`.
    Segment,
    /// `/webhooks/shopify/{source}`.
    Shopify,
}

/// Counts of one door since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoorCounts {
    /// Records made durable while their sender waited.
    pub accepted: u64,
    /// Requests refused for good: malformed, too large, unknown source.
    pub refused: u64,
    /// Requests without a known write key or a right signature. Nothing of them is stored.
    pub unauthenticated: u64,
    /// Requests asked to come again: queue full, store unavailable, too slow.
    pub deferred: u64,
}

/// Counts of all doors at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CounterSnapshot {
    /// `/v1/{batch,track,…}`.
    pub segment: DoorCounts,
    /// `/webhooks/shopify/{source}`.
    pub shopify: DoorCounts,
}

/// The running counts of all doors.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    segment: DoorCounters,
    shopify: DoorCounters,
}

/// The running counts of one door.
#[derive(Debug, Default)]
pub(crate) struct DoorCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unauthenticated: AtomicU64,
    pub(crate) deferred: AtomicU64,
}

impl Door {
    /// The door's name in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Shopify => "shopify",
        }
    }
}

impl CounterSnapshot {
    /// The counts in Prometheus' text format.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let doors = [(Door::Segment, &self.segment), (Door::Shopify, &self.shopify)];
        let mut text = String::new();
        family(&mut text, "records_accepted", "Records made durable.", doors.map(|(d, c)| (d, c.accepted)));
        family(&mut text, "requests_refused", "Requests refused for good.", doors.map(|(d, c)| (d, c.refused)));
        let counts = doors.map(|(d, c)| (d, c.unauthenticated));
        family(&mut text, "requests_unauthenticated", "Requests without a known key or a right signature.", counts);
        family(&mut text, "requests_deferred", "Requests asked to come again.", doors.map(|(d, c)| (d, c.deferred)));
        text
    }
}

fn family(text: &mut String, name: &str, help: &str, counts: [(Door, u64); 2]) {
    let metric = format!("tributary_collector_{name}_total");
    let _ = write!(text, "# HELP {metric} {help}\n# TYPE {metric} counter\n");
    for (door, count) in counts {
        let _ = writeln!(text, "{metric}{{door=\"{}\"}} {count}", door.name());
    }
}

impl Counters {
    pub(crate) fn of(&self, door: Door) -> &DoorCounters {
        match door {
            Door::Segment => &self.segment,
            Door::Shopify => &self.shopify,
        }
    }

    pub(crate) fn snapshot(&self) -> CounterSnapshot {
        CounterSnapshot { segment: self.segment.snapshot(), shopify: self.shopify.snapshot() }
    }
}

impl DoorCounters {
    fn snapshot(&self) -> DoorCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DoorCounts {
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            unauthenticated: read(&self.unauthenticated),
            deferred: read(&self.deferred),
        }
    }
}

/// Adds to a count. Counts are read by people, one by one, so no order between them is kept.
pub(crate) fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(more as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_as_prometheus_text() {
        let counters = Counters::default();
        add(&counters.of(Door::Segment).accepted, 3);
        add(&counters.of(Door::Shopify).unauthenticated, 1);
        let text = counters.snapshot().to_prometheus();
        let expected = "# TYPE tributary_collector_records_accepted_total counter\n\
            tributary_collector_records_accepted_total{door=\"segment\"} 3\n\
            tributary_collector_records_accepted_total{door=\"shopify\"} 0\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("tributary_collector_requests_unauthenticated_total{door=\"shopify\"} 1\n"), "{text}");
    }
}
