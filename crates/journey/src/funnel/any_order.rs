//! `any_order`: the best window that starts at a step event. Starts × n² to n³: of each step only the first n events of a
//! window can be needed, as the others take at most n − 1 of them.

use super::{
    matching::{Matching, Raising, bits},
    passes::Course,
};

/// Scratch buffers.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// By step: numbers of the candidates that satisfy it, ascending.
    lists: Vec<Vec<u32>>,
    /// By step: the first of them that is not before the window.
    heads: Vec<usize>,
    matching: Matching,
}

impl Windows {
    /// Writes the positions of the events that raise the count in the best window, in order; nothing where none starts.
    pub(super) fn best_window(&mut self, course: &Course<'_>, out: &mut Vec<u32>) {
        let (funnel, track) = (course.funnel, course.track);
        self.list(course);
        let overlap = track.all_candidates().iter().any(|candidate| candidate.mask.count_ones() > 1);
        let (mut best, mut found) = (0, 0..0);
        let mut behind = 0;
        for (index, instant) in track.instants.iter().enumerate() {
            if instant.mask == 0 || !course.admits(instant.at) {
                continue;
            }
            let limit = funnel.terms().total_window_ms.map_or(i64::MAX, |window| instant.at.saturating_add(window));
            behind = behind.max(index);
            while track.instants.get(behind + 1).is_some_and(|later| later.at <= limit) {
                behind += 1;
            }
            let window = track.span(index).start..track.span(behind).end;
            let open = self.open(&window);
            if open.count_ones() <= best {
                continue;
            }
            let count = if overlap { self.rank(open, window.end) } else { open.count_ones() };
            if count > best {
                (best, found) = (count, window);
            }
            if best as usize == funnel.steps() {
                break;
            }
        }
        let mut raising = Raising::default();
        out.clear();
        for candidate in &track.all_candidates()[found.start as usize..found.end as usize] {
            if out.len() < best as usize && raising.raise(candidate.mask) {
                out.push(candidate.position);
            }
        }
    }

    fn list(&mut self, course: &Course<'_>) {
        let steps = course.funnel.steps();
        self.lists.resize(steps, Vec::new());
        self.lists.iter_mut().for_each(Vec::clear);
        self.heads.clear();
        self.heads.resize(steps, 0);
        for (number, candidate) in course.track.all_candidates().iter().enumerate() {
            bits(candidate.mask).for_each(|step| self.lists[step].push(number as u32));
        }
    }

    /// Steps that have a candidate in this window, which starts no earlier than the one before.
    fn open(&mut self, window: &std::ops::Range<u32>) -> u32 {
        let mut open = 0;
        for (step, (list, head)) in self.lists.iter().zip(&mut self.heads).enumerate() {
            while list.get(*head).is_some_and(|number| *number < window.start) {
                *head += 1;
            }
            open |= u32::from(list.get(*head).is_some_and(|number| *number < window.end)) << step;
        }
        open
    }

    /// How many of these steps distinct candidates before `end` satisfy.
    fn rank(&mut self, open: u32, end: u32) -> u32 {
        let (lists, heads) = (&self.lists, &self.heads);
        let able = |step: usize| {
            let list = lists[step][heads[step]..].iter().take(lists.len());
            list.copied().take_while(move |number| *number < end)
        };
        self.matching.clear();
        bits(open).map(|step| u32::from(self.matching.place(step, able))).sum()
    }
}
