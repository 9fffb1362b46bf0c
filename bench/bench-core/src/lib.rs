//! Who takes part in `cargo xtask bench core`, and at what. What is around it is bench-harness; another
//! benchmark can have its yields from here.

pub mod participant;
pub mod row;
