//! Wake-ups, and waits for the first of several, beside plain models; `common::model` tells how.
#[path = "../common/mod.rs"]
mod common;
mod several;
mod wakeups;

use common::model::check;

#[test]
fn wake_ups() {
    check::<wakeups::Plain>();
}

#[test]
fn the_first_of_several() {
    check::<several::Plain>();
}
