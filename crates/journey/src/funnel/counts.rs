//! A multiset of numbers that adds and subtracts exactly, in any order.

/// How often each number occurs. A count may be negative while a subtraction waits for its addition.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// (number, count), ascending by number, no count of 0.
    settled: Vec<(i64, i64)>,
    /// What came since, in order of arrival.
    pending: Vec<(i64, i64)>,
}

impl Counts {
    /// Fewest waiting pairs that are worth a merge.
    const PENDING_MAX: usize = 1_024;

    /// Adds `count` times `number`.
    pub(super) fn add(&mut self, number: i64, count: i64) {
        match self.pending.last_mut() {
            Some(last) if last.0 == number => last.1 += count,
            _ => self.pending.push((number, count)),
        }
        self.settle_seldom();
    }

    /// Adds all of `other`, `sign` times.
    pub(super) fn add_all(&mut self, other: &Self, sign: i64) {
        self.pending.extend(other.settled.iter().chain(&other.pending).map(|&(number, count)| (number, sign * count)));
        self.settle_seldom();
    }

    /// Settles where as much waits as is settled: that costs a logarithm a number, and no more than twice the memory.
    fn settle_seldom(&mut self) {
        if self.pending.len() > self.settled.len().max(Self::PENDING_MAX) {
            self.settle();
        }
    }

    /// Brings the pairs in order, so that equal multisets are equal.
    pub(super) fn settle(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        // What is settled, here or in a sum added, is a sorted run, and the stable sort merges runs.
        self.settled.append(&mut self.pending);
        self.settled.sort_by_key(|(number, _)| *number);
        self.settled.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            kept.1 += if same { later.1 } else { 0 };
            same
        });
        self.settled.retain(|(_, count)| *count != 0);
    }

    /// (number, count), ascending; whoever asks has settled it.
    pub(super) fn pairs(&self) -> &[(i64, i64)] {
        debug_assert!(self.pending.is_empty(), "a multiset is settled before it is read");
        &self.settled
    }
}
