//! Who takes part in `cargo xtask bench net`, and at what. What is around it is bench-harness.

pub mod done;
pub mod further;
pub mod generator;
pub mod lateness;
pub mod participant;
pub mod row;
pub mod wake_up;
