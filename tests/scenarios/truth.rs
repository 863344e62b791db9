//! Sessions, orders, funnel, revenue per session and claims equal the simulator's truth exactly.

use end_to_end::{
    doors,
    house::House,
    laws,
    truth::{Answers, differences, of_house, of_world},
};
use simulator::{World, WorldConfig};

#[tokio::test(flavor = "multi_thread")]
async fn answers_equal_the_truth_for_five_seeds() {
    for seed in 1..=5 {
        let world = World::new(WorldConfig { seed, events: 8_000, ..WorldConfig::default() });
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::open(folder.path()).await;
        for (channel, record) in grouped(doors::records(&world).await) {
            house.append(&channel, record).await;
        }
        house.stage.drain().await.unwrap();
        let found = differences(&of_house(&house).await, &of_world(&world.truth()));
        assert!(
            found.is_empty(),
            "seed {seed}: {} differences:\n{}",
            found.len(),
            found[..found.len().min(20)].join("\n")
        );
        let broken = laws::all(&house).await;
        assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    }
}

#[tokio::test]
async fn falsified_answers_are_named() {
    let world = World::new(WorldConfig { seed: 1, events: 1_000, ..WorldConfig::default() });
    let truth = of_world(&world.truth());
    let falsify = |prefix: &str, change: &dyn Fn(&str) -> Option<String>| {
        let mut answers: Answers = truth.clone();
        let name = answers.keys().find(|name| name.starts_with(prefix)).unwrap().clone();
        let old = answers.remove(&name).unwrap();
        if let Some(new) = change(&old) {
            answers.insert(name.clone(), new);
        }
        let found = differences(&answers, &truth);
        assert_eq!(found.len(), 1, "{prefix}");
        assert!(found[0].starts_with(&name), "{found:?}");
    };
    falsify("order", &|_| None);
    falsify("session", &|old| Some(old.replace("events ", "events 1")));
    falsify("week", &|old| Some(old.replacen('0', "1", 1)));
    falsify("funnel step 4", &|old| Some(format!("{old}0")));
    falsify("claim", &|old| Some(old.replace(" for ", " for 1")));
    assert!(differences(&truth, &truth).is_empty());
}

/// Records of one channel in one append, in the order of arrival within it.
pub fn grouped<T>(records: Vec<(String, T)>) -> Vec<(String, Vec<T>)> {
    let mut groups: Vec<(String, Vec<T>)> = Vec::new();
    for (channel, record) in records {
        match groups.iter_mut().find(|(known, _)| *known == channel) {
            Some((_, list)) => list.push(record),
            None => groups.push((channel, vec![record])),
        }
    }
    groups
}
