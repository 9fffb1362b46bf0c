//! Locks and their like beside plain models; `common::model` tells how.
mod barriers;
#[path = "../../../wire-wait/tests/common/mod.rs"]
mod common;
mod condvars;
mod locks;
mod once_cells;
mod rwlocks;
mod semaphores;
mod wait_groups;

use common::model::check;

#[test]
fn locks() {
    check::<locks::Plain<locks::Bare>>();
}

#[test]
fn mutexes() {
    check::<locks::Plain<locks::WithData>>();
}

#[test]
fn semaphores() {
    check::<semaphores::Plain>();
}

#[test]
fn rwlocks() {
    check::<rwlocks::Plain>();
}

#[test]
fn condvars() {
    check::<condvars::Plain>();
}

#[test]
fn wait_groups() {
    check::<wait_groups::Plain>();
}

#[test]
fn barriers() {
    check::<barriers::Plain>();
}

#[test]
fn once_cells() {
    check::<once_cells::Plain>();
}
