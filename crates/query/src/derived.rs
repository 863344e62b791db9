//! Persons, sessions, orders, ledger, touches, credits, carts: pure functions of the facts known at an instant.
//!
//! Nothing here is truth: it may be dropped at any time and comes out the same again. In reading order: what is read
//! ([`load`]), what the folds make of it ([`visits`], [`purchases`], [`seen`], [`attribution`]), what SQL sees ([`rows`]).

pub mod load;

pub mod attribution;
pub mod purchases;
pub mod seen;
pub mod visits;

pub mod rows;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use arrow::array::RecordBatch;
use lake::Lake;
use model::{Edge, UtcMillis};

use crate::{engine::EngineSettings, error::EngineError, in_force::InForce};

pub use attribution::{CreditRow, TouchRow};
pub use load::{Facts, KeptEdges, persons};
pub use purchases::OrderRow;
pub use visits::{CartRow, SessionRow};

/// Everything derived, as of one instant.
#[derive(Debug)]
pub struct Derived {
    /// The instant.
    pub as_of: UtcMillis,
    /// Facts as the folds read them.
    pub facts: Facts,
    /// Positions in `facts.events`, by (person, instant, key); events that belong to nobody are left out.
    pub by_person: Vec<u32>,
    /// Sessions, by (device, start).
    pub sessions: Vec<SessionRow>,
    /// Orders, by (shop, order id).
    pub orders: Vec<OrderRow>,
    /// Orders whose documents contradict each other, in words; every answer's stamp says so.
    pub set_aside: Vec<String>,
    /// Carts, by their first add.
    pub carts: Vec<CartRow>,
    /// Touches, by (person, instant, key).
    pub touches: Vec<TouchRow>,
    /// Credits of every house policy, by (policy, shop, order id, touch).
    pub credits: Vec<CreditRow>,
    /// Tables that were asked for, by name.
    made: Mutex<HashMap<String, RecordBatch>>,
}

/// The names of the derived tables.
pub const TABLES: [&str; 10] =
    ["carts", "claims", "costs", "credits", "ledger", "orders", "persons", "purchases", "sessions", "touches"];

impl Derived {
    /// Derives everything from the facts known at `as_of`, by the channel rules and policies in force; with a steward's
    /// `decision` as everything would be if it were known too.
    ///
    /// # Errors
    /// [`EngineError`] where facts are unreadable or contradict each other.
    pub async fn build(
        lake: &Lake,
        as_of: UtcMillis,
        settings: &EngineSettings,
        in_force: &InForce,
        decision: Option<&Edge>,
    ) -> Result<Self, EngineError> {
        let facts = Facts::read(lake, as_of, settings, &in_force.channels, decision).await?;
        let definitions = &in_force.definitions;
        let policies: Vec<model::HousePolicy> =
            definitions.house_policies.values().map(|defined| defined.value.clone()).collect();
        let platforms: Vec<model::PlatformPolicy> =
            definitions.platform_policies.values().map(|defined| defined.value.clone()).collect();
        let settings = settings.clone();
        Ok(tokio::task::spawn_blocking(move || Self::fold(facts, as_of, &settings, &policies, &platforms)).await?)
    }

    fn fold(
        mut facts: Facts,
        as_of: UtcMillis,
        settings: &EngineSettings,
        policies: &[model::HousePolicy],
        platforms: &[model::PlatformPolicy],
    ) -> Self {
        let mut sessions = visits::sessions(&mut facts, settings);
        let (orders, set_aside) = purchases::orders(&mut facts, &mut sessions, settings);
        let carts = visits::carts(&facts, &sessions, &orders, as_of, settings);
        let by_person = visits::by_person(&facts);
        let touches = attribution::touches(&facts, &sessions, &by_person, platforms);
        let credits = attribution::credits(&touches, &orders, policies);
        Self { as_of, facts, by_person, sessions, orders, set_aside, carts, touches, credits, made: Mutex::default() }
    }

    /// A derived table as SQL sees it; none where none has the name. Made once, when it is first asked for.
    ///
    /// # Errors
    /// [`EngineError::Table`] where rows cannot be arranged.
    pub fn table(&self, name: &str) -> Result<Option<RecordBatch>, EngineError> {
        if let Some(made) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Some(made.clone()));
        }
        let table = match name {
            "persons" => rows::persons(self)?,
            "sessions" => rows::sessions(self)?,
            "orders" => rows::orders(self)?,
            "ledger" => rows::ledger(self)?,
            "carts" => rows::carts(self)?,
            "purchases" => seen::purchases(self)?,
            "touches" => rows::touches(self)?,
            "credits" => rows::credits(self)?,
            "claims" => rows::claims(self)?,
            "costs" => rows::costs(self)?,
            _ => return Ok(None),
        };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), table.clone());
        Ok(Some(table))
    }

    /// A person's id as shown; none for [`load::NONE`].
    #[must_use]
    pub fn person_id(&self, code: u32) -> Option<String> {
        self.facts.person_ids.get(code as usize).map(ToString::to_string)
    }
}
