//! Stewards' decisions: a merge that is undone leaves no trace, a preview says what then moves, and settings of hubs.

use std::{path::Path, sync::Arc};

use end_to_end::{
    doors,
    house::{House, engine_of, settings, texts},
};
use model::{Node, UtcMillis};
use normalization::PairDecision;
use query::{Engine, EngineSettings, IdentityConfig, Question};
use simulator::{World, WorldConfig};

use crate::{
    process::{Serving, free_port, tributary},
    truth::grouped,
};

/// Questions that identity can change, of folds and of derived tables.
const ASKED: [&str; 9] = [
    "SELECT count(DISTINCT person_id) FROM events",
    "SELECT * FROM sessions ORDER BY session_id, started_at",
    "SELECT step, units FROM funnel('checkout')",
    "SELECT period, breakdown, sessions, events, purchases FROM session_series(by => 'channel')",
    "SELECT * FROM active_people(grain => 'week')",
    "SELECT * FROM retention('view_item', returned => 'purchase', grain => 'week')",
    "SELECT * FROM paths('view_item', steps => 2)",
    "SELECT * FROM metric('revenue_per_session', grain => 'week', by => 'channel')",
    "SELECT * FROM persons ORDER BY node",
];

/// A known id of each of the two people with most sessions who bought something.
const TWO_BUYERS: &str = "SELECT min(p.node) AS node, max(s.sessions) AS sessions FROM persons p \
    JOIN (SELECT person_id, count(*) AS sessions FROM sessions GROUP BY person_id) s ON s.person_id = p.person_id \
    JOIN (SELECT DISTINCT person_id FROM orders WHERE NOT test) o ON o.person_id = p.person_id \
    WHERE NOT p.hub AND p.kind IN ('user', 'customer', 'contact') \
    GROUP BY p.person_id ORDER BY sessions DESC, node LIMIT 2";

type Rows = Vec<Vec<String>>;

/// A house into which a small world came.
async fn filled(folder: &Path) -> House {
    let world = World::new(WorldConfig { seed: 21, events: 3_000, ..WorldConfig::default() });
    let mut house = House::open(folder).await;
    let records = doors::records(&world).await;
    // In several batches, so that there are files to merge.
    for part in records.chunks(records.len() / 10) {
        for (channel, group) in grouped(part.to_vec()) {
            house.append(&channel, group).await;
        }
        house.stage.drain().await.unwrap();
    }
    house
}

/// Engines over the house that have seen nothing yet, of one thread and of eight.
fn engines(house: &House) -> [Engine; 2] {
    [1, 8].map(|threads| engine_of(Arc::clone(&house.lake), EngineSettings { threads: Some(threads), ..settings() }))
}

async fn answers(engine: &Engine, as_of: UtcMillis) -> Vec<Rows> {
    let mut all = Vec::new();
    for sql in ASKED {
        let question = Question { sql: sql.to_owned(), as_of: Some(as_of), ..Question::default() };
        all.push(texts(&engine.answer(&question).await.unwrap_or_else(|error| panic!("{sql}: {error}"))));
    }
    all
}

/// Asks engines old and new, so that nothing kept speaks for what is stored.
async fn assert_answers(house: &House, kept: &[Engine], as_of: UtcMillis, expected: &[Rows], what: &str) {
    for engine in kept.iter().chain(&engines(house)) {
        for ((answer, expected), sql) in answers(engine, as_of).await.iter().zip(expected).zip(ASKED) {
            assert_eq!(answer, expected, "{what}: {sql}");
        }
    }
}

fn last(house: &House) -> UtcMillis {
    house.stage.last().unwrap().known_at
}

/// What of `sql`, rows of a name and a person, has another person at the second instant.
async fn moved(house: &House, sql: &str, instants: [UtcMillis; 2]) -> Vec<String> {
    let [before, after] = [house.sql_as_of(sql, instants[0]).await, house.sql_as_of(sql, instants[1]).await];
    assert_eq!(before.len(), after.len(), "{sql}");
    let pairs = before.into_iter().zip(after).inspect(|(one, other)| assert_eq!(one[0], other[0], "{sql}"));
    pairs.filter(|(one, other)| one[1] != other[1]).map(|(mut one, _)| one.swap_remove(0)).collect()
}

/// The figures of a preview, counted from the answers before and after: nodes, sessions, orders, net revenue.
async fn counted(house: &House, instants: [UtcMillis; 2]) -> Rows {
    let nodes = moved(house, "SELECT node, person_id FROM persons ORDER BY node", instants).await;
    let sessions = "SELECT concat(session_id, ' ', device), person_id FROM sessions ORDER BY 1";
    let sessions = moved(house, sessions, instants).await;
    let orders = "SELECT order_key, person_id FROM orders WHERE NOT test ORDER BY order_key";
    let orders = moved(house, orders, instants).await;
    let line = |name: &str, count: usize| [name, &count.to_string(), "", ""].map(str::to_owned).to_vec();
    let mut lines = vec![line("nodes", nodes.len()), line("sessions", sessions.len()), line("orders", orders.len())];
    let keys: Vec<String> = orders.iter().map(|key| format!("'{key}'")).collect();
    let sums = format!(
        "SELECT 'net_revenue', count(*), currency, sum(net_revenue) FROM orders WHERE order_key IN ({}) \
         GROUP BY currency ORDER BY currency",
        keys.join(", ")
    );
    lines.extend(house.sql_as_of(&sums, instants[0]).await);
    lines
}

async fn previewed(house: &House, decision: &str, [a, b]: [&str; 2]) -> Rows {
    let lines = "'nodes', 'sessions', 'orders', 'net_revenue'";
    house
        .sql(&format!(
            "SELECT line, count, currency, value FROM identity_preview('{decision}', '{a}', '{b}') WHERE line IN ({lines})"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_is_undone_leaves_every_answer_as_if_it_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = filled(folder.path()).await;
    let two = house.sql(TWO_BUYERS).await;
    let [a, b] = [two[0][0].clone(), two[1][0].clone()];
    let (kept, then) = (engines(&house), last(&house));
    let before = answers(&kept[0], then).await;
    assert!(before.iter().all(|rows| !rows.is_empty()), "every question has an answer worth comparing");
    assert_answers(&house, &kept, then, &before, "before").await;
    let unlink =
        Question { sql: format!("SELECT * FROM identity_preview('unlink', '{a}', '{b}')"), ..Question::default() };
    let refused = house.engine.answer(&unlink).await.expect_err("nothing joins the two").to_string();
    assert!(refused.contains("they are not one person"), "{refused}");

    let preview = previewed(&house, "link", [&a, &b]).await;
    house.decide(PairDecision::Link, &a, &b).await;
    let linked_at = last(&house);
    let linked = answers(&kept[0], linked_at).await;
    let people = |rows: &[Rows]| rows[0][0][0].parse::<i64>().unwrap();
    assert_eq!(people(&linked), people(&before) - 1, "two became one");
    assert_ne!(linked[1], before[1], "sessions have another person");
    assert_answers(&house, &kept, linked_at, &linked, "linked").await;
    assert_answers(&house, &kept, then, &before, "as of before, linked").await;
    assert_eq!(preview, counted(&house, [then, linked_at]).await, "the preview of the link");
    assert!(preview.len() > 3 && preview[..3].iter().all(|line| line[1] != "0"), "something moves: {preview:?}");

    let back = previewed(&house, "unlink", [&b, &a]).await;
    assert_eq!(back, preview, "the same moves back");
    house.decide(PairDecision::Unlink, &b, &a).await;
    let parted_at = last(&house);
    assert_answers(&house, &kept, parted_at, &before, "unlinked").await;

    let all = [(then, &before, "before"), (linked_at, &linked, "linked"), (parted_at, &before, "unlinked")];
    let mut merged = 0;
    while house.stage.compact().await.unwrap() {
        merged += 1;
    }
    assert!(merged > 0, "files were merged");
    for (as_of, expected, what) in all {
        assert_answers(&house, &kept, as_of, expected, &format!("{what}, compacted")).await;
    }
    house.stage.rebuild(|_| ()).await.unwrap();
    for (as_of, expected, what) in all {
        assert_answers(&house, &[], as_of, expected, &format!("{what}, rebuilt")).await;
    }
    let rules = "SELECT rule, count(*) FROM facts.edges WHERE rule LIKE 'steward%' GROUP BY rule ORDER BY rule";
    assert_eq!(house.sql(rules).await, [["steward_link", "1"], ["steward_unlink", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_the_settings_reject_owns_nothing_in_tables_and_folds() {
    let folder = tempfile::tempdir().unwrap();
    let house = filled(folder.path()).await;
    // The only user id of its person, whose name it gives.
    let user = "SELECT min(p.node) AS node FROM persons p JOIN sessions s ON s.person_id = p.person_id \
        WHERE p.kind = 'user' AND NOT p.hub GROUP BY p.person_id HAVING count(DISTINCT p.node) = 1 \
        ORDER BY node LIMIT 1";
    let user = house.sql(user).await[0][0].clone();
    let node = Node::from_text(&user).unwrap();
    let identity =
        IdentityConfig { rejected_ids: vec![format!(" {} ", node.id.to_uppercase())], ..IdentityConfig::default() };
    let engine = engine_of(Arc::clone(&house.lake), EngineSettings { identity, ..settings() });
    let ask = async |sql: String| {
        let question = Question { sql, ..Question::default() };
        texts(&engine.answer(&question).await.unwrap_or_else(|error| panic!("{error}")))
    };
    let reason = ask(format!("SELECT hub, hub_reason FROM persons WHERE node = '{user}'")).await;
    assert_eq!(reason, [["true", "its id is in the reject list"]]);
    for table in ["events", "sessions", "orders"] {
        let of_user = format!("SELECT count(*) FROM {table} WHERE person_id = '{}'", node.person_id());
        assert_eq!(ask(of_user.clone()).await, [["0"]], "{table}");
        assert!(table == "orders" || house.sql(&of_user).await != [["0"]], "by the shipped settings: {table}");
    }
    let folded = ask("SELECT sum(people) FROM active_people(grain => 'all')".to_owned()).await;
    let people = "SELECT count(DISTINCT person_id) FROM events WHERE NOT is_bot AND NOT is_internal";
    assert_eq!(folded, ask(people.to_owned()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_known_ids_decides_what_a_hub_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = filled(folder.path()).await;
    let device = "SELECT node FROM persons WHERE kind = 'device' AND NOT hub ORDER BY node LIMIT 1";
    let device = house.sql(device).await[0][0].clone();
    for user in ["user::guest-1", "user::guest-2"] {
        house.decide(PairDecision::Link, &device, user).await;
    }
    let hub = format!("SELECT hub FROM persons WHERE node = '{device}'");
    assert_eq!(house.sql(&hub).await, [["false"]]);
    let identity = IdentityConfig { known_ids_per_device_max: 1, ..IdentityConfig::default() };
    let strict = engine_of(Arc::clone(&house.lake), EngineSettings { identity, ..settings() });
    let answer = strict.answer(&Question { sql: hub, ..Question::default() }).await.unwrap();
    assert_eq!(texts(&answer), [["true"]]);
}

/// `tributary identity` with arguments: whether it succeeded, and what it said.
fn command(data: &Path, arguments: &[&str]) -> (bool, String) {
    let done = tributary(data, free_port()).arg("identity").args(arguments).output().unwrap();
    let said = if done.status.success() { done.stdout } else { done.stderr };
    (done.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_decides_by_the_command_line_beside_a_running_server() {
    let data = tempfile::tempdir().unwrap();
    let serving = Serving::start(data.path(), "system").await;
    let decide = |words: &[&str]| command(data.path(), &[words, &["--by", "Kim", "--reason", "ticket 7"]].concat());
    let shown = || {
        let (done, said) = command(data.path(), &["show", "user::u2", "--format", "csv"]);
        assert!(done, "{said}");
        said.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (previewed, said) = command(data.path(), &["preview", "link", "user::u1", "user::u2", "--format", "csv"]);
    assert!(previewed && said.contains("joined"), "{said}");
    let (linked, said) = decide(&["link", "user::u1", "user::u2"]);
    assert!(linked && said.starts_with("known as of "), "{said}");
    assert_eq!(shown(), ["user::u1", "user::u2"]);
    let (refused, said) = decide(&["unlink", "user::u1", "device:web:d1"]);
    assert!(!refused && said.contains("no edge joins"), "{said}");
    let (unlinked, said) = decide(&["unlink", "user::u2", "user::u1"]);
    assert!(unlinked, "{said}");
    assert_eq!(shown(), ["user::u2"]);
    let (refused, said) = decide(&["link", "user::u1", "contact::ann@example.com"]);
    assert!(!refused && said.contains("never an address") && !said.contains("ann@"), "{said}");
    drop(serving);
}
