//! A log as the rows of a file: who did it in one guise or another, and how its rows arrive.

use end_to_end::house::csv_records;
use fastrand::Rng;
use ingestion::Incoming;
use model::{Node, UtcMillis, money::format_micros};

use super::option_set::{DAY_MS, ORIGIN_MS};
use crate::case::Event;

/// The mapping, and so the source, of all rows.
pub const SOURCE: &str = "trial";
/// What a row of the file means. Device and user of one row are one person.
pub const MAPPING: &str = r#"
mapping: trial
status: approved
format: csv
key: [id]
facts:
  - event:
      name: what
      occurred_at: at
      origin: origin
      device: device
      user: user
      cart_id: cart
      value: value
      currency: "'EUR'"
      properties: { id: id, what: what, held: held, left: left, right: right, breakdown: breakdown }
"#;
const HEADER: &str = "id,what,at,origin,device,user,cart,value,held,left,right,breakdown";

/// When every row was first sent: after all events and horizons, so that each horizon may be asked.
const SENT_AT: UtcMillis = UtcMillis(ORIGIN_MS + 20 * DAY_MS);

/// A log's person and rows.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its user, its cart, its device where it has but one.
    pub name: String,
    /// The least node of the person.
    pub node: Node,
    /// A row an event. Its key is the row's id.
    pub rows: Vec<EventRow>,
}

/// An event and who it says it is of.
#[derive(Debug, Clone)]
pub struct EventRow {
    event: Event,
    device: Option<String>,
    user: Option<String>,
    cart: String,
}

/// How rows name their person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guise {
    OneDevice,
    /// Each row with one of several devices and the same user.
    Devices,
    /// The first rows with the device alone, the others with the user too.
    SignsIn,
    UserAlone,
}

/// A log as one person in one of several guises.
pub fn in_any_guise(rng: &mut Rng, number: usize, log: &[Event]) -> Subject {
    let guise = [Guise::OneDevice, Guise::Devices, Guise::SignsIn, Guise::UserAlone][rng.usize(0..4)];
    let name = format!("log-{number}");
    let devices = if guise == Guise::Devices { rng.usize(2..=3) } else { 1 };
    let anonymous = if guise == Guise::SignsIn { rng.usize(0..log.len().max(1)) } else { 0 };
    let mut by_time = log.to_vec();
    by_time.sort_by_key(Event::place);
    let row = |(position, event): (usize, Event)| EventRow {
        event,
        device: (guise != Guise::UserAlone).then(|| format!("{name}-{}", rng.usize(0..devices))),
        user: (guise != Guise::OneDevice && position >= anonymous).then(|| name.clone()),
        cart: name.clone(),
    };
    let rows = by_time.into_iter().enumerate().map(row).collect();
    let node = match guise {
        Guise::OneDevice => Node::device(SOURCE, &format!("{name}-0")),
        _ => Node::user(&name),
    };
    Subject { name, node, rows }
}

/// A log as one device that nobody is known of, and one cart.
pub fn on_one_device(number: usize, log: &[Event]) -> Subject {
    let name = format!("log-{number}");
    let row = |event: &Event| EventRow { event: *event, device: Some(name.clone()), user: None, cart: name.clone() };
    let rows = log.iter().map(row).collect();
    Subject { node: Node::device(SOURCE, &name), rows, name }
}

impl Subject {
    /// The log as the rows tell it.
    pub fn log(&self) -> Vec<Event> {
        self.rows.iter().map(|row| row.event).collect()
    }

    /// Adds an event that says the same of who it is as one of the other rows; nothing where there is none.
    pub fn add(&mut self, rng: &mut Rng, event: Event) {
        let like = rng.choice(&self.rows).cloned();
        self.rows.extend(like.map(|like| EventRow { event, ..like }));
    }
}

impl EventRow {
    /// The row as a line of the file.
    fn line(&self) -> String {
        let Self { event, device, user, cart } = self;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let [left, right] = held_in_two(event);
        let cells = [
            event.key.to_string(),
            format!("e{}", event.name),
            UtcMillis(event.at).to_string(),
            if event.session_event { "browser" } else { "server" }.to_owned(),
            text(device),
            text(user),
            cart.clone(),
            event.value_micros.map(|micros| format_micros(micros.into())).unwrap_or_default(),
            event.held.map(|value| format!("held-{value}")).unwrap_or_default(),
            text(&left),
            text(&right),
            event.breakdown.map(|value| format!("b{value}")).unwrap_or_default(),
        ];
        cells.join(",")
    }

    fn record(&self, received_at: UtcMillis) -> Incoming {
        let mut records = csv_records(SOURCE, HEADER, received_at, std::iter::once(self.line()));
        records.pop().expect("a record a line")
    }

    /// A copy that tells another story under the same id: of another event, often of a stranger.
    fn worse(&self, rng: &mut Rng, stranger: &Self) -> Self {
        Self {
            event: Event { key: self.event.key, ..stranger.event },
            device: if rng.bool() { self.device.clone() } else { stranger.device.clone() },
            user: if rng.bool() { self.user.clone() } else { stranger.user.clone() },
            cart: stranger.cart.clone(),
        }
    }
}

/// Two texts that are equal together where the held value is: neither says it alone. Where nothing is held one is missing.
fn held_in_two(event: &Event) -> [Option<String>; 2] {
    match event.held {
        Some(value) => [Some(format!("left-{}", value / 2)), Some(format!("right-{}", value % 2))],
        None if event.key.is_multiple_of(2) => [Some("left-0".to_owned()), None],
        None => [None, Some("right-0".to_owned())],
    }
}

/// All rows in batches, as they arrive: in any order, some twice, some with a worse copy that was sent later and may come
/// first, so that the better one supersedes it.
pub fn delivered(rng: &mut Rng, subjects: &[Subject], batches: usize) -> Vec<Vec<Incoming>> {
    let rows: Vec<&EventRow> = subjects.iter().flat_map(|subject| &subject.rows).collect();
    let mut arriving: Vec<Vec<Incoming>> = vec![Vec::new(); batches];
    for row in &rows {
        arriving[rng.usize(0..batches)].push(row.record(SENT_AT));
        if rng.u8(0..100) < 15 {
            let later_ms = rng.i64(0..1_000);
            arriving[rng.usize(0..batches)].push(row.record(SENT_AT.plus_ms(later_ms)));
        }
        if rng.u8(0..100) < 20 {
            let stranger = *rng.choice(&rows).expect("there are rows");
            let (worse, later_ms) = (row.worse(rng, stranger), 1 + rng.i64(0..1_000));
            arriving[rng.usize(0..batches)].push(worse.record(SENT_AT.plus_ms(later_ms)));
        }
    }
    arriving.iter_mut().for_each(|batch| rng.shuffle(batch));
    arriving
}
