//! The world seen from outside: what its payloads say, read back from their bytes, and whether the truth agrees.

mod agreement;
mod assignment;
mod bytes;
mod payloads;
mod truth;

use simulator::{World, WorldConfig};
use std::sync::LazyLock;

/// A world large enough that everything rare happens in it; made once for all tests.
fn world() -> &'static World {
    static WORLD: LazyLock<World> =
        LazyLock::new(|| World::new(WorldConfig { seed: 1, events: 40_000, days: 75, ..WorldConfig::default() }));
    &WORLD
}
