//! Facts as of an instant, in memory, as the folds read them: strings are codes, translated once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow::array::{RecordBatch, StringArray};
use identity::{Edges, IdentityInput, PersonId, Persons};
use lake::Lake;
use model::{Claim, Cost, Edge, Node, OrderVersion, Pull, Refund, Signals, UtcMillis, Witness, traffic::ChannelRules};
use normalization::{Traffic, classify};
use tables::{Cells, Table, cells::text_at};

use crate::{engine::EngineSettings, error::EngineError};

mod edges;

pub use edges::KeptEdges;

/// No code: the event names nothing of the kind.
pub const NONE: u32 = u32::MAX;

/// One event, as folds read it. Codes point into the lists of [`Facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathEvent {
    /// When it happened.
    pub at: UtcMillis,
    /// Its key; breaks ties of instants.
    pub key: u128,
    /// Device, or [`NONE`].
    pub device: u32,
    /// Person, or [`NONE`] where nothing names one.
    pub person: u32,
    /// Harmonised name.
    pub name: u32,
    /// Its signals, without click id and path.
    pub traffic: u32,
    /// Click id with its kind, or [`NONE`].
    pub click: u32,
    /// Path of the page, or [`NONE`].
    pub path: u32,
    /// Cart, or [`NONE`].
    pub cart: u32,
    /// Session, or [`NONE`].
    pub session: u32,
    /// Position in [`Facts::purchases`], or [`NONE`] where it is no purchase.
    pub purchase: u32,
    /// True where sessions are made of it.
    pub in_session: bool,
}

/// What a purchase event says of the order that it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPurchase {
    /// The configured source of the event.
    pub source: String,
    /// The shop that the source sells for, if any.
    pub shop: Option<String>,
    /// `browser`, `app` or `server`.
    pub origin: String,
    /// The order's id at its shop, where the event names one.
    pub order_id: Option<String>,
    /// Amount stated, micros of `currency`.
    pub value_micros: Option<i64>,
    /// ISO 4217.
    pub currency: Option<String>,
}

/// Texts and their codes, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Codes {
    texts: Vec<String>,
    codes: HashMap<String, u32>,
}

/// Distinct signals with what the channel rules make of them.
#[derive(Debug)]
pub struct KnownTraffic {
    /// Signals without click id and path.
    pub signals: Signals,
    /// Source, medium, campaign, channel, flags.
    pub traffic: Traffic,
}

/// Everything that derived tables are made of.
#[derive(Debug)]
pub struct Facts {
    /// Who is who.
    pub persons: Persons,
    /// Persons by code.
    pub person_ids: Vec<PersonId>,
    /// Codes of persons.
    pub person_codes: HashMap<PersonId, u32>,
    /// Events, by (device, instant, key); those without a device last.
    pub events: Vec<PathEvent>,
    /// Event names.
    pub names: Codes,
    /// Devices as `device:source:id`.
    pub devices: Codes,
    /// Pages.
    pub paths: Codes,
    /// Carts as `shop/cart`, or `source/cart` where the source sells for no shop.
    pub carts: Codes,
    /// Click ids as `kind=value`.
    pub clicks: Codes,
    /// Distinct signals.
    pub traffic: Vec<KnownTraffic>,
    /// Purchases that events saw, in no order.
    pub purchases: Vec<SeenPurchase>,
    /// Orders that a server's event names, as `shop/order`.
    pub server_orders: HashSet<String>,
    /// Order versions.
    pub versions: Vec<OrderVersion>,
    /// Refund documents.
    pub refunds: Vec<Refund>,
    /// Ids seen on devices.
    pub witnesses: Vec<Witness>,
    /// Pulls.
    pub pulls: Vec<Pull>,
    /// Claims of all pulls.
    pub claims: Vec<Claim>,
    /// Costs of all pulls.
    pub costs: Vec<Cost>,
}

impl Codes {
    /// The code of a text; a new one where it was not met yet.
    pub fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = u32::try_from(self.texts.len()).unwrap_or(NONE);
        self.texts.push(text.to_owned());
        self.codes.insert(text.to_owned(), code);
        code
    }

    /// The code of a text that was met.
    #[must_use]
    pub fn known(&self, text: &str) -> Option<u32> {
        self.codes.get(text).copied()
    }

    /// The text of a code.
    #[must_use]
    pub fn text(&self, code: u32) -> Option<&str> {
        self.texts.get(code as usize).map(String::as_str)
    }

    /// How many texts were met.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True where none was met.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn optional(&mut self, texts: &StringArray, row: usize) -> u32 {
        text_at(texts, row).map_or(NONE, |text| self.code(text))
    }
}

impl Facts {
    /// Reads the facts known at `as_of`, and a steward's `decision` as if it were one of them.
    ///
    /// # Errors
    /// [`EngineError`] where a table is unreadable.
    pub async fn read(
        lake: &Lake,
        as_of: UtcMillis,
        settings: &EngineSettings,
        channels: &ChannelRules,
        decision: Option<&Edge>,
    ) -> Result<Self, EngineError> {
        let Known { persons, witnesses, versions } = Known::read(lake, as_of, settings, decision).await?;
        let mut facts = Self {
            persons,
            person_ids: Vec::new(),
            person_codes: HashMap::new(),
            events: Vec::new(),
            names: Codes::default(),
            devices: Codes::default(),
            paths: Codes::default(),
            carts: Codes::default(),
            clicks: Codes::default(),
            traffic: Vec::new(),
            purchases: Vec::new(),
            server_orders: HashSet::new(),
            versions,
            refunds: rows(lake, Table::Refunds, as_of, tables::orders::read_refunds).await?,
            witnesses,
            pulls: rows(lake, Table::Pulls, as_of, tables::claims::read_pulls).await?,
            claims: rows(lake, Table::Claims, as_of, tables::claims::read_claims).await?,
            costs: rows(lake, Table::Costs, as_of, tables::claims::read_costs).await?,
        };
        facts.read_events(lake, as_of, settings, channels).await?;
        Ok(facts)
    }

    /// The code of a person, new where it was not met yet.
    pub fn person_code(&mut self, person: PersonId) -> u32 {
        let next = u32::try_from(self.person_ids.len()).unwrap_or(NONE);
        let code = *self.person_codes.entry(person).or_insert(next);
        if code == next {
            self.person_ids.push(person);
        }
        code
    }

    async fn read_events(
        &mut self,
        lake: &Lake,
        as_of: UtcMillis,
        settings: &EngineSettings,
        channels: &ChannelRules,
    ) -> Result<(), EngineError> {
        let snapshot = lake.snapshot(Table::Events).await?;
        let mut reading = Reading { settings, channels, signals: HashMap::new(), owners: HashMap::new() };
        for entry in snapshot.files.iter().filter(|entry| entry.known_at(as_of)) {
            for batch in lake.read_file(Table::Events, entry.clone(), &EVENT_COLUMNS, Some(as_of)).await? {
                self.take(&batch, &mut reading)?;
            }
        }
        self.events.sort_unstable_by_key(|event| (event.device, event.at, event.key));
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch, reading: &mut Reading<'_>) -> Result<(), EngineError> {
        let cells = Cells::new(batch);
        let (at, key, source) = (cells.instant("occurred_at")?, cells.text("key")?, cells.text("source")?);
        let (name, in_session) = (cells.text("event")?, cells.flag("in_session")?);
        let (device, user) = (cells.text("device")?, cells.text("user")?);
        let (cart, path) = (cells.text("cart_id")?, cells.text("page_path")?);
        let (order, origin) = (cells.text("order_id")?, cells.text("origin")?);
        let (click_kind, click) = (cells.text("click_id_kind")?, cells.text("click_id")?);
        let (value, currency) = (cells.amount("value")?, cells.text("currency")?);
        let mut columns = Vec::with_capacity(SIGNAL_COLUMNS.len());
        for column in SIGNAL_COLUMNS {
            columns.push(cells.text(column)?);
        }
        for row in 0..cells.rows() {
            let click = match (text_at(click_kind, row), text_at(click, row)) {
                (Some(kind), Some(value)) => self.clicks.code(&format!("{kind}={value}")),
                _ => NONE,
            };
            let cart = match text_at(cart, row) {
                Some(cart) => {
                    let shop = reading.settings.shop_by_web_source.get(source.value(row));
                    self.carts.code(&format!("{}/{cart}", shop.map_or(source.value(row), String::as_str)))
                }
                None => NONE,
            };
            if let Some(order) = text_at(order, row).filter(|_| origin.value(row) == "server") {
                let shop = reading.settings.shop_by_web_source.get(source.value(row));
                self.server_orders.insert(format!("{}/{order}", shop.map_or("", String::as_str)));
            }
            let purchase = match name.value(row) {
                PURCHASE => self.purchase(SeenPurchase {
                    source: source.value(row).to_owned(),
                    shop: reading.settings.shop_by_web_source.get(source.value(row)).cloned(),
                    origin: origin.value(row).to_owned(),
                    order_id: text_at(order, row).map(str::to_owned),
                    value_micros: value.get_opt(row),
                    currency: text_at(currency, row).map(str::to_owned),
                }),
                _ => NONE,
            };
            let person = self.owner(text_at(device, row), text_at(user, row), reading);
            let event = PathEvent {
                at: at.get(row),
                key: pipeline_key(key.value(row)),
                device: self.devices.optional(device, row),
                person,
                name: self.names.code(name.value(row)),
                traffic: self.traffic_code(&columns, row, reading),
                click,
                path: self.paths.optional(path, row),
                cart,
                session: NONE,
                purchase,
                in_session: in_session.value(row),
            };
            self.events.push(event);
        }
        Ok(())
    }

    fn purchase(&mut self, purchase: SeenPurchase) -> u32 {
        self.purchases.push(purchase);
        u32::try_from(self.purchases.len() - 1).unwrap_or(NONE)
    }

    fn owner(&mut self, device: Option<&str>, user: Option<&str>, reading: &mut Reading<'_>) -> u32 {
        let pair = (device.map(str::to_owned), user.map(str::to_owned));
        if let Some(code) = reading.owners.get(&pair) {
            return *code;
        }
        let node = |text: Option<&str>| text.and_then(Node::from_text);
        let person = self.persons.belongs(node(device).as_ref(), node(user).as_ref());
        let code = person.map_or(NONE, |person| self.person_code(person));
        reading.owners.insert(pair, code);
        code
    }

    fn traffic_code(&mut self, columns: &[&StringArray], row: usize, reading: &mut Reading<'_>) -> u32 {
        let texts: [Option<&str>; 10] = std::array::from_fn(|index| text_at(columns[index], row));
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&texts, &mut hasher);
        let hash = std::hash::Hasher::finish(&hasher);
        let candidates = reading.signals.entry(hash).or_default();
        let signals = signals_of(&texts);
        if let Some(code) = candidates.iter().find(|code| self.traffic[**code as usize].signals == signals) {
            return *code;
        }
        let code = u32::try_from(self.traffic.len()).unwrap_or(NONE);
        candidates.push(code);
        self.traffic.push(KnownTraffic { traffic: classify(reading.channels, &signals), signals });
        code
    }
}

/// The harmonised name of the event that says that somebody bought.
pub const PURCHASE: &str = "purchase";

struct Reading<'a> {
    settings: &'a EngineSettings,
    channels: &'a ChannelRules,
    signals: HashMap<u64, Vec<u32>>,
    owners: HashMap<(Option<String>, Option<String>), u32>,
}

const SIGNAL_COLUMNS: [&str; 10] = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_id",
    "utm_term",
    "utm_content",
    "click_id_kind",
    "referrer_host",
    "page_host",
    "user_agent",
];

const EVENT_COLUMNS: [&str; 24] = [
    "occurred_at",
    "key",
    "source",
    "event",
    "in_session",
    "origin",
    "order_id",
    "value",
    "currency",
    "device",
    "user",
    "cart_id",
    "page_path",
    "click_id",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_id",
    "utm_term",
    "utm_content",
    "click_id_kind",
    "referrer_host",
    "page_host",
    "user_agent",
];

fn signals_of(texts: &[Option<&str>; 10]) -> Signals {
    let owned = |index: usize| texts[index].map(str::to_owned);
    Signals {
        utm_source: owned(0),
        utm_medium: owned(1),
        utm_campaign: owned(2),
        utm_id: owned(3),
        utm_term: owned(4),
        utm_content: owned(5),
        click_id_kind: owned(6),
        click_id: texts[6].map(|_| String::new()),
        referrer_host: owned(7),
        page_host: owned(8),
        page_path: None,
        user_agent: owned(9),
    }
}

/// A key's digest as a number; keys are written by us, so an unreadable one sorts first and harms nothing.
fn pipeline_key(hex: &str) -> u128 {
    u128::from_str_radix(hex, 16).unwrap_or(0)
}

/// Who is who, and what that was read from.
struct Known {
    persons: Persons,
    witnesses: Vec<Witness>,
    versions: Vec<OrderVersion>,
}

impl Known {
    async fn read(
        lake: &Lake,
        as_of: UtcMillis,
        settings: &EngineSettings,
        decision: Option<&Edge>,
    ) -> Result<Self, EngineError> {
        let mut edges = KeptEdges::default().read(lake, as_of).await?;
        if let Some(decision) = decision {
            Arc::make_mut(&mut edges).add(decision);
        }
        let witnesses = rows(lake, Table::Witnesses, as_of, tables::identity::read_witnesses).await?;
        let versions = rows(lake, Table::OrderVersions, as_of, tables::orders::read_versions).await?;
        let settings = settings.clone();
        let known = tokio::task::spawn_blocking(move || {
            let devices = versions.iter().filter_map(|v| Some((Node::order(&v.shop, &v.order_id), v.device.clone()?)));
            let persons = who_is_who(&edges, &witnesses, devices.collect(), &settings);
            Self { persons, witnesses, versions }
        });
        Ok(known.await?)
    }
}

fn who_is_who(
    edges: &Edges,
    witnesses: &[Witness],
    mut order_devices: Vec<(Node, Node)>,
    settings: &EngineSettings,
) -> Persons {
    order_devices.sort();
    order_devices.dedup();
    Persons::build(&IdentityInput {
        edges,
        witnesses,
        order_devices: &order_devices,
        shop_by_web_source: &settings.shop_by_web_source,
        limits: settings.identity.hub_limits(),
        rejected_ids: &settings.identity.all_rejected_ids(),
    })
}

/// Who is who as of an instant. Of orders no more is read than their devices.
///
/// # Errors
/// [`EngineError`] where a table is unreadable.
pub async fn persons(
    lake: &Lake,
    as_of: UtcMillis,
    settings: &EngineSettings,
    edges: &KeptEdges,
) -> Result<Persons, EngineError> {
    let edges = edges.read(lake, as_of).await?;
    let witnesses = rows(lake, Table::Witnesses, as_of, tables::identity::read_witnesses).await?;
    let (snapshot, mut devices) = (lake.snapshot(Table::OrderVersions).await?, Vec::new());
    for entry in snapshot.files.iter().filter(|entry| entry.known_at(as_of)) {
        let columns = ["shop", "order_id", "device"];
        for batch in lake.read_file(Table::OrderVersions, entry.clone(), &columns, Some(as_of)).await? {
            devices.extend(tables::orders::read_devices(&batch)?);
        }
    }
    let settings = settings.clone();
    Ok(tokio::task::spawn_blocking(move || who_is_who(&edges, &witnesses, devices, &settings)).await?)
}

async fn rows<T>(
    lake: &Lake,
    table: Table,
    as_of: UtcMillis,
    read: fn(&RecordBatch) -> Result<Vec<T>, tables::TableError>,
) -> Result<Vec<T>, EngineError> {
    let snapshot = lake.snapshot(table).await?;
    let mut all = Vec::new();
    // File by file: what they hold as text is larger than what is kept of it.
    for entry in snapshot.files.iter().filter(|entry| entry.known_at(as_of)) {
        for batch in lake.read_file(table, entry.clone(), &[], Some(as_of)).await? {
            all.extend(read(&batch)?);
        }
    }
    Ok(all)
}
