//! Rebuilds when a migration is added: they are embedded, and no other file changes then.

#[expect(clippy::print_stdout, reason = "how a build script speaks to Cargo")]
fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
