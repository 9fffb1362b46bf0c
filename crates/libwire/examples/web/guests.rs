//! Who is connected, and who of them is idle: what the end of the server has to know.
//!
//! A connection that waits for its next request can be ended at once. One that is being answered
//! goes on until it is, or until time is up. Memory for all is set aside at the start.

use std::cell::{Cell, RefCell};

use libwire::Handle;

/// The connections, by seats.
pub(crate) struct Guests {
    seats: Vec<Seat>,
    free: RefCell<Vec<u32>>,
}

#[derive(Default)]
struct Seat {
    wire: Cell<Option<Handle<'static>>>,
    idle: Cell<bool>,
}

/// A place among the guests, given back when dropped.
pub(crate) struct Guest<'g> {
    guests: &'g Guests,
    seat: u32,
}

impl Guests {
    pub(crate) fn new(most: u32) -> Guests {
        Guests {
            seats: (0..most).map(|_| Seat::default()).collect(),
            free: RefCell::new((0..most).rev().collect()),
        }
    }

    /// A seat; `None` if all are taken, which a pool of as many wires does not let happen.
    pub(crate) fn seat(&self) -> Option<Guest<'_>> {
        let seat = self.free.borrow_mut().pop()?;
        Some(Guest { guests: self, seat })
    }

    /// Ends the connections that wait for a request.
    pub(crate) fn dismiss_idle(&self) {
        self.dismiss(|seat| seat.idle.get());
    }

    /// Ends all connections, whatever they are doing.
    pub(crate) fn dismiss_all(&self) {
        self.dismiss(|_| true);
    }

    fn dismiss(&self, which: impl Fn(&Seat) -> bool) {
        for seat in self.seats.iter().filter(|seat| which(seat)) {
            // The handle of a wire that is over names nobody.
            if let Some(wire) = seat.wire.get() {
                wire.cancel();
            }
        }
    }
}

impl Guest<'_> {
    /// Runs `f`, which waits for a request.
    pub(crate) fn idle<T>(&self, f: impl FnOnce() -> T) -> T {
        let idle = &self.seat().idle;
        idle.set(true);
        let result = f();
        idle.set(false);
        result
    }

    /// Notes the wire that runs here.
    pub(crate) fn sit_down(&self) {
        self.seat().wire.set(Handle::current());
    }

    fn seat(&self) -> &Seat {
        &self.guests.seats[self.seat as usize]
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        let seat = self.seat();
        seat.wire.set(None);
        seat.idle.set(false);
        self.guests.free.borrow_mut().push(self.seat);
    }
}
