//! The devices of the person at hand, each with its open session. Most persons have few.

use std::collections::HashMap;

use model::UtcMillis;

/// Devices that are looked for one by one; later ones by their id.
const FEW: usize = 16;

/// One device.
#[derive(Debug)]
pub(super) struct Device {
    id: i64,
    /// Its last session event; before the first the beginning of time.
    pub(super) at: UtcMillis,
    /// Campaigns met in its session.
    pub(super) campaigns: Vec<u32>,
}

/// Those of one person, in room that is kept for the next.
#[derive(Debug, Default)]
pub(super) struct Devices {
    all: Vec<Device>,
    /// How many of them are this person's.
    used: usize,
    /// The one met last.
    current: usize,
    /// Positions of those after the first [`FEW`].
    others: HashMap<i64, usize>,
}

impl Devices {
    /// A device by its id.
    #[inline]
    pub(super) fn of(&mut self, id: i64) -> &mut Device {
        if self.current >= self.used || self.all[self.current].id != id {
            self.current = self.position(id);
        }
        &mut self.all[self.current]
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.used = 0;
        if !self.others.is_empty() {
            self.others.clear();
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let campaigns: usize = self.all.iter().map(|device| device.campaigns.capacity()).sum();
        size_of::<Device>() * self.all.capacity()
            + size_of::<u32>() * campaigns
            + size_of::<(i64, usize)>() * self.others.capacity()
    }

    fn position(&mut self, id: i64) -> usize {
        let few = self.all.iter().take(self.used.min(FEW)).position(|device| device.id == id);
        if let Some(known) = few.or_else(|| self.others.get(&id).copied()) {
            return known;
        }
        let position = self.used;
        self.used += 1;
        match self.all.get_mut(position) {
            Some(room) => {
                (room.id, room.at) = (id, UtcMillis(i64::MIN));
                room.campaigns.clear();
            }
            None => self.all.push(Device { id, at: UtcMillis(i64::MIN), campaigns: Vec::new() }),
        }
        if position >= FEW {
            self.others.insert(id, position);
        }
        position
    }
}
