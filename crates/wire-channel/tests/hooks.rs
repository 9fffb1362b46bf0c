//! A panic hook runs where a wait outside of wires is refused, and may use what was to be waited for. Hooks belong to the
//! process, so this is a program of its own with one test.

use std::cell::Cell;
use std::panic::{catch_unwind, set_hook};

use wire_channel::Channel;
use wire_core::Local;
use wire_wait::{Wakeup, on, wait_any};

static WAKEUP: Local<Wakeup> = Local::new(Wakeup::new());
static CHANNEL: Local<Channel<u32>> = Local::new(Channel::new());
static SENT: Local<Cell<bool>> = Local::new(Cell::new(false));

#[test]
fn a_hook_finds_nobody_who_could_not_wait() {
    set_hook(Box::new(|_| {
        WAKEUP.resume();
    }));
    assert!(catch_unwind(|| wait_any(&[&on(&*WAKEUP, |()| ())])).is_err());
    assert!(WAKEUP.is_triggered());

    set_hook(Box::new(|_| SENT.set(CHANNEL.try_send(7).is_ok())));
    assert!(catch_unwind(|| CHANNEL.recv()).is_err());
    assert!(!SENT.get(), "nobody has it");

    set_hook(Box::new(|_| SENT.set(CHANNEL.try_recv().is_ok())));
    for message in 0..2 {
        assert!(catch_unwind(|| CHANNEL.send(message)).is_err());
        assert!(!SENT.get(), "nobody received what is an error to send");
    }
}
