//! The project's checks as code.
fn main() {}
