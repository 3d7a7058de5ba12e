//! Rebuilds when a migration is added: they are embedded, and no other file changes then.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
