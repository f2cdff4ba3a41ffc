//! Rebuilds the crate when a migration is added: the compiler sees only changes to those it embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/postgres");
}
