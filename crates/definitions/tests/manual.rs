//! Every example of the stewards' manual is sound beside the shipped semantic models.

use std::{fs, path::Path};

use definitions::Definitions;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).expect("a text")
}

#[test]
fn every_example_of_the_manual_is_sound() {
    let manual = read("docs/definitions.md");
    let blocks = manual.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = |block: &&str| block.lines().any(|line| line.starts_with("status: "));
    let examples: Vec<&str> = blocks.filter(whole).collect();
    for example in &examples {
        let models = ("models.yaml".to_owned(), read("config/definitions/semantic_models.yaml"));
        if let Err(errors) = Definitions::parse(&[models, ("manual".to_owned(), (*example).to_owned())]) {
            panic!("{example}{errors:#?}");
        }
    }
    let kinds = ["semantic_model", "metric", "conversion", "funnel", "policy", "platform_policy"];
    for kind in kinds {
        assert!(examples.iter().any(|example| example.starts_with(&format!("{kind}: "))), "no example of {kind}");
    }
}
