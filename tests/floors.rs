//! The floors of `ARCHITECTURE.md`, proven over the resolved dependency graph, transitive edges too.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Crate → floor. A crate uses only what stands on a lower floor.
const FLOORS: [(&str, u32); 16] = [
    ("model", 0),
    ("normalization", 1),
    ("identity", 1),
    ("journey", 1),
    ("reconcile", 1),
    ("definitions", 1),
    ("simulator", 1),
    ("tables", 2),
    ("lake", 3),
    ("ingestion", 3),
    ("query", 4),
    ("pipeline", 5),
    ("server", 6),
    ("tributary", 7),
    ("bench", 7),
    ("end_to_end", 7),
];

/// What pure crates (floors 0 and 1) never reach, directly or through another crate.
const IMPURE: [&str; 10] = [
    "tokio",
    "futures",
    "async-trait",
    "arrow-array",
    "arrow-schema",
    "rand",
    "getrandom",
    "object_store",
    "deltalake",
    "datafusion",
];

/// Heavy crate → the crates of ours that name it: its one owner. Parquet has two: files of our own, and those imported.
const OWNERS: [(&str, &[&str]); 5] = [
    ("deltalake", &["lake"]),
    ("parquet", &["lake", "ingestion"]),
    ("datafusion", &["query"]),
    ("rdkafka", &["ingestion"]),
    ("serde-saphyr", &["definitions"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new().other_options(["--locked".to_owned(), "--offline".to_owned()]).exec().unwrap()
}

/// Normal dependencies by crate, through the resolved graph.
fn graph(metadata: &Metadata) -> BTreeMap<PackageId, Vec<PackageId>> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let normal = |node: &cargo_metadata::Node| {
        let kinds = |d: &cargo_metadata::NodeDep| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
        node.deps.iter().filter(|d| kinds(d)).map(|d| d.pkg.clone()).collect()
    };
    resolve.nodes.iter().map(|node| (node.id.clone(), normal(node))).collect()
}

fn reached(graph: &BTreeMap<PackageId, Vec<PackageId>>, from: &PackageId) -> BTreeSet<PackageId> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.clone()];
    while let Some(id) = open.pop() {
        for next in &graph[&id] {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn a_crate_uses_only_lower_floors_and_pure_crates_stay_pure() {
    let metadata = metadata();
    let graph = graph(&metadata);
    let floors: BTreeMap<&str, u32> = FLOORS.into();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let floor =
            *floors.get(name).unwrap_or_else(|| panic!("{name} has no floor: add it to FLOORS and ARCHITECTURE.md"));
        for id in reached(&graph, &package.id) {
            let used = metadata[&id].name.as_str();
            if let Some(lower) = floors.get(used) {
                let allowed = *lower < floor;
                assert!(allowed, "{name} (floor {floor}) uses {used} (floor {lower})");
            }
            let pure = floor > 1 || !IMPURE.contains(&used);
            assert!(pure, "{name} (floor {floor}) reaches {used}");
        }
    }
}

#[test]
fn each_heavy_dependency_stays_with_its_owner() {
    let metadata = metadata();
    for package in metadata.workspace_packages().iter().filter(|package| package.name.as_str() != "end_to_end") {
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            if let Some((_, owners)) = OWNERS.iter().find(|(heavy, _)| *heavy == dependency.name) {
                let name = package.name.as_str();
                assert!(owners.contains(&name), "{name} names {}, which belongs to {owners:?}", dependency.name);
            }
        }
    }
}

#[test]
fn every_dependency_of_ours_has_one_version() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in metadata.workspace_packages() {
        let resolve = metadata.resolve.as_ref().unwrap();
        let node = resolve.nodes.iter().find(|node| node.id == package.id).unwrap();
        for dependency in &node.deps {
            let used = &metadata[&dependency.pkg];
            versions.entry(used.name.as_str()).or_default().insert(used.version.to_string());
        }
    }
    let several: Vec<_> = versions.into_iter().filter(|(_, versions)| versions.len() > 1).collect();
    assert!(several.is_empty(), "{several:?}");
}
