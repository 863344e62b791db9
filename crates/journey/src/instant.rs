//! Events at one instant: which consecutive funnel steps they can satisfy together, each event at most one.

use crate::funnel::StepEvent;

/// An assignment of steps to distinct events of one instant, grown step by step.
struct Matching<'a> {
    instant: &'a [StepEvent],
    /// By event: the step it satisfies so far.
    step_by_event: Vec<Option<usize>>,
}

/// How many consecutive steps, from `from` on and below `to`, distinct events of one instant can satisfy.
pub(crate) fn steps_matched(instant: &[StepEvent], from: usize, to: usize) -> usize {
    // Nearly every instant has one event.
    if let [event] = instant {
        return usize::from(from < to && event.satisfies(from));
    }
    let mut matching = Matching { instant, step_by_event: vec![None; instant.len()] };
    (from..to).take_while(|&step| matching.place(step)).count()
}

/// Positions of the events that satisfy the steps from `from` up to and without `to`, which must be possible: of all
/// ways the one with the least keys in step order.
pub(crate) fn least_match(instant: &[StepEvent], from: usize, to: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(to - from);
    for step in from..to {
        let free = (0..instant.len()).filter(|position| !chosen.contains(position));
        let mut able = free.filter(|&position| instant[position].satisfies(step));
        let leaves_the_rest_possible = |&position: &usize| {
            let rest: Vec<StepEvent> = (0..instant.len())
                .filter(|other| *other != position && !chosen.contains(other))
                .map(|other| instant[other])
                .collect();
            steps_matched(&rest, step + 1, to) == to - step - 1
        };
        let least = able.find(leaves_the_rest_possible).expect("the steps can be matched at this instant");
        chosen.push(least);
    }
    chosen
}

impl Matching<'_> {
    /// Gives `step` an event, moving other steps to other events where needed. On failure nothing has moved.
    fn place(&mut self, step: usize) -> bool {
        let mut tried = vec![false; self.instant.len()];
        self.place_untried(step, &mut tried)
    }

    fn place_untried(&mut self, step: usize, tried: &mut [bool]) -> bool {
        for position in 0..self.instant.len() {
            if tried[position] || !self.instant[position].satisfies(step) {
                continue;
            }
            tried[position] = true;
            if self.step_by_event[position].is_none_or(|holder| self.place_untried(holder, tried)) {
                self.step_by_event[position] = Some(step);
                return true;
            }
        }
        false
    }
}
