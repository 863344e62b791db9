//! Builds the binary anew when the shipped configuration changes: it holds a copy of that folder.

fn main() {
    println!("cargo::rerun-if-changed=../../config");
}
