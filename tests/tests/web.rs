//! The web example from the outside: the real program, driven over TCP as its users and those who
//! mean it harm would.
//!
//! Each test starts a server of its own, so that none can hide behind another's state, and every
//! wait has an end, so that a server that hangs is a failed test. Left out of a plain run, since it
//! wants the example built for release:
//!
//! ```text
//! cargo test -p wire-tests --test web
//! ```
//!
//! `WIRE_WEB_EXAMPLE` names a program to test instead of building one.

#[path = "web/client.rs"]
mod client;
#[path = "web/files.rs"]
mod files;
#[path = "web/hostile.rs"]
mod hostile;
#[path = "web/limits.rs"]
mod limits;
#[path = "web/options.rs"]
mod options;
#[path = "web/process.rs"]
mod process;
#[path = "web/protocol.rs"]
mod protocol;
#[path = "web/refused.rs"]
mod refused;
#[path = "web/server.rs"]
mod server;
#[path = "web/shutdown.rs"]
mod shutdown;
