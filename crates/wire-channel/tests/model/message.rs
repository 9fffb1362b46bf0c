//! Messages that know how many of them there are.

use std::cell::Cell;
use std::rc::Rc;

/// How many messages there are.
#[derive(Debug, Default)]
pub(crate) struct Count(Rc<Cell<usize>>);

impl Count {
    pub(crate) fn message(&self, number: u32) -> Message {
        self.0.set(self.0.get() + 1);
        Message {
            number,
            count: self.0.clone(),
        }
    }

    pub(crate) fn left(&self) -> usize {
        self.0.get()
    }
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) number: u32,
    count: Rc<Cell<usize>>,
}

impl Drop for Message {
    fn drop(&mut self) {
        let left = self.count.get().checked_sub(1);
        self.count.set(left.expect("a message is dropped once"));
    }
}
