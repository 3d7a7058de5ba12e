//! Rebuilds when a migration is added: they are embedded, and no other file changes then. Templates and assets of the
//! console name their files themselves.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
