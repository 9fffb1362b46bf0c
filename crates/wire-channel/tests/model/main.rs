//! Channels beside plain models; `common::model` tells how.
#[path = "../../../wire-wait/tests/common/mod.rs"]
mod common;
mod message;
mod rendezvous;

use common::model::check;

#[test]
fn rendezvous() {
    check::<rendezvous::Plain>();
}
