//! The words of a funnel: whose path is followed, in what order steps come, and how many runs a unit has.

/// Whose path a funnel follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FunnelUnit {
    /// A person, as known at the instant of the question.
    Person,
    /// A device.
    Device,
    /// A session; an order belongs to the one that it is assigned to.
    Session,
    /// A cart, by its token.
    Cart,
    /// An order, by its id.
    Order,
}

/// In what order the steps of a chain come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FunnelMode {
    /// One after another; other events may lie between.
    #[default]
    Ordered,
    /// One after another, and no other session event of the unit strictly between matched instants.
    Strict,
    /// As many steps as one window holds. Step k then means "at least k steps".
    AnyOrder,
}

/// How many runs a unit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryRule {
    /// One: the best chain over all entries.
    #[default]
    First,
    /// One for each match of step 1.
    Every,
}
