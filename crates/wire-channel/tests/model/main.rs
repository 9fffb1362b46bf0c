//! Channels beside plain models; `common::model` tells how.
mod channels;
#[path = "../../../wire-wait/tests/common/mod.rs"]
mod common;
mod message;
mod oneshots;
mod ops;
mod real;

use common::model::check;

#[test]
fn rendezvous() {
    check::<channels::Plain<0>>();
}

#[test]
fn room_for_one() {
    check::<channels::Plain<1>>();
}

#[test]
fn room_for_two() {
    check::<channels::Plain<2>>();
}

#[test]
fn room_for_three() {
    check::<channels::Plain<3>>();
}

#[test]
fn oneshots() {
    check::<oneshots::Plain>();
}
