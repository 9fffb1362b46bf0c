//! Who takes part in `cargo xtask bench sync`, and at what. What is around it is bench-harness.

pub mod participant;
pub mod row;
pub mod waits;
