//! Bad input through the real doors: the answer that its sender expects, and a row in `facts.rejects` where the sender
//! is known.

use std::collections::BTreeSet;

use end_to_end::doors;
use simulator::{BrokenOutcome, World, WorldConfig};

use crate::serving::{Doors, post};

#[tokio::test(flavor = "multi_thread")]
async fn broken_payloads_get_their_answer_and_nothing_is_lost() {
    let world = World::new(WorldConfig { seed: 1, events: 1, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let doors = Doors::open(folder.path()).await;
    let client = reqwest::Client::new();
    let mut expected = BTreeSet::new();
    for broken in world.broken_payloads() {
        if doors::path(&broken.payload).is_none() {
            doors.send(std::slice::from_ref(&broken.payload)).await;
        } else {
            let status = post(&client, &doors.base, &broken.payload).await.unwrap();
            match &broken.outcome {
                BrokenOutcome::Refused { status: refused } => assert_eq!(status, *refused, "{}", broken.label),
                _ => assert!(status == 200 || status == 400, "{}: {status}", broken.label),
            }
        }
        match &broken.outcome {
            BrokenOutcome::Quarantined { reason } => {
                expected.insert(("quarantined".to_owned(), reason.to_string()));
            }
            BrokenOutcome::Ignored { reason } => {
                expected.insert(("ignored".to_owned(), reason.to_string()));
            }
            BrokenOutcome::Refused { .. } => {}
        }
    }
    doors.normalise().await;
    let house = doors.close().await;
    let rows = house.sql("SELECT DISTINCT outcome, reason FROM facts.outcomes WHERE reason <> ''").await;
    let found: BTreeSet<(String, String)> = rows.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(found, expected);
    let rejects = house.sql("SELECT source, reason, message, fix, channel FROM facts.rejects").await;
    assert!(!rejects.is_empty() && rejects.iter().all(|row| row.iter().all(|cell| !cell.is_empty())));
    assert!(!format!("{rejects:?}").contains("@example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_messages_say_what_where_and_how_to_mend_it() {
    let world = World::new(WorldConfig { seed: 1, events: 1, ..WorldConfig::default() });
    let folder = tempfile::tempdir().unwrap();
    let doors = Doors::open(folder.path()).await;
    let client = reqwest::Client::new();
    let mut shown = Vec::new();
    for broken in world.broken_payloads() {
        let Some(path) = doors::path(&broken.payload) else {
            doors.send(std::slice::from_ref(&broken.payload)).await;
            continue;
        };
        let mut request = client.post(format!("{}{path}", doors.base)).body(broken.payload.body.clone());
        for (name, value) in &broken.payload.headers {
            request = request.header(name, value);
        }
        let received_at = model::UtcMillis(broken.payload.received_at_ms).to_string();
        let answer = request.header("tributary-received-at", received_at).send().await.unwrap();
        if answer.status() != 200 {
            shown.push(format!("{}: {} {}", broken.label, answer.status().as_u16(), answer.text().await.unwrap()));
        }
    }
    doors.normalise().await;
    let house = doors.close().await;
    let rows = house.sql("SELECT DISTINCT reason, message, fix FROM facts.rejects ORDER BY reason, message").await;
    shown.extend(rows.into_iter().map(|row| format!("{}: {}\n    {}", row[0], row[1], row[2])));
    for sql in [
        "SELECT * FROM metric('revenue_per_sesion')",
        "SELECT * FROM metric('revenue_per_session', by => 'chanel')",
        "SELECT * FROM metric('conversion_rate', currency => 'EUR')",
        "SELECT * FROM funnel('checkout', frm => '2026-01-01')",
        "SELECT * FROM funnel('checkout', from => 'January')",
        "SELECT * FROM revenue_series(grain => 'weak')",
        "SELECT * FROM revenue_series(currency => 'EUX')",
        "SELECT * FROM bridge('google')",
        "DROP TABLE orders",
        "COPY orders TO '/tmp/x.csv'",
        "SELECT * FROM '/etc/passwd'",
        "SELECT 1; SELECT 2",
    ] {
        let question = query::Question { sql: sql.to_owned(), ..query::Question::default() };
        let error = house.engine.answer(&question).await.unwrap_err();
        shown.push(format!("{sql}\n    {error}"));
    }
    let path = end_to_end::house::repository().join("tests/scenarios/bad_input.messages");
    let text = shown.join("\n") + "\n";
    if std::env::var("UPDATE_MESSAGES").is_ok() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "UPDATE_MESSAGES=1 rewrites the file");
}
