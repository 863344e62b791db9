//! The demo as a newcomer runs it, on another seed: its screen, its answers, its HTTP door.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use end_to_end::{
    house::House,
    truth::{differences, of_house, of_world},
};
use simulator::{World, WorldConfig};

use crate::process::{free_port, tributary};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_of_seed_2_equals_the_truth_of_seed_2() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let arguments = ["demo", "--seed", "2", "--events", "20000", "--exit"];
    let done = tributary(&data, free_port()).args(arguments).output().unwrap();
    let screen = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{screen}\n{}", String::from_utf8_lossy(&done.stderr));
    for part in [
        "What came in",
        "The checkout funnel",
        "Revenue per session by week",
        "google_ads",
        "meta_ads",
        "Where the data lies",
        "Try next",
    ] {
        assert!(screen.contains(part), "no \"{part}\" in\n{screen}");
    }
    let house = House::open(&data).await;
    let world = |seed| World::new(WorldConfig { seed, events: 20_000, ..WorldConfig::default() }).truth();
    let answers = of_house(&house).await;
    let found = differences(&answers, &of_world(&world(2)));
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found[..found.len().min(20)].join("\n"));
    assert!(!differences(&answers, &of_world(&world(1))).is_empty(), "seed 1 gives the same figures");
    let running = tributary(&data, free_port()).args(arguments).output().unwrap();
    assert!(String::from_utf8_lossy(&running.stderr).contains("a demo is running"), "a demo replaces no open lake");
    drop(house);
    let again = tributary(&data, free_port()).args(arguments).output().unwrap();
    assert!(again.status.success(), "a demo replaces an earlier demo");
    std::fs::remove_file(data.join(".demo")).unwrap();
    let refused = tributary(&data, free_port()).args(arguments).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("holds no demo"), "a demo replaces no other lake");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_serves_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut child = tributary(&folder.path().join("demo"), port)
        .args(["demo", "--seed", "3", "--events", "1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C ends")));
    let asked = serde_json::json!({ "sql": "SELECT count(*) AS steps FROM funnel('checkout')" });
    let answer = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/v1/sql")).json(&asked).send().await;
    let answer: serde_json::Value = answer.unwrap().json().await.unwrap();
    assert_eq!(answer["rows"], serde_json::json!([[4]]));
    assert_eq!(answer["stamp"]["simulated"], true);
    let stamped = |kind: &str, name: &str| {
        answer["stamp"]["definitions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|d| d["kind"] == kind && d["name"] == name))
    };
    assert!(stamped("funnel", "checkout") && stamped("channels", "default"), "{}", answer["stamp"]);
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(move || child.wait()));
    assert!(ended.await.unwrap().unwrap().unwrap().success(), "Ctrl-C ends cleanly");
}
