//! Moments that came in their order, in a ring: a push and a pop touch its ends and nothing else.

use std::ptr::NonNull;

use super::Place;
use crate::error::RegisterError;
use crate::reserved::Reserved;

/// Room in a ring: a power of two.
const RUN: usize = 1 << 20;

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) at: u64,
    /// Its place, and above it a number that grows with each arming, for equal moments. It may wrap. In one
    /// word, since two halves written and read as one would have to reach the cache in between.
    tag: u64,
}

impl Entry {
    #[inline]
    pub(super) fn new(at: u64, order: u32, place: Place) -> Entry {
        let tag = u64::from(order) << 32 | u64::from(place);
        Entry { at, tag }
    }

    #[inline]
    pub(super) fn place(&self) -> Place {
        self.tag as Place
    }

    #[inline]
    pub(super) fn is_before(&self, other: &Entry) -> bool {
        self.at < other.at || (self.at == other.at && self.came_before(other))
    }

    fn came_before(&self, other: &Entry) -> bool {
        let order = |entry: &Entry| (entry.tag >> 32) as u32;
        (order(self).wrapping_sub(order(other)) as i32) < 0
    }
}

/// Entries in the order in which they came, if that is the order of their moments, too.
pub(super) struct Run {
    ring: Reserved<Entry>,
    /// How many were taken out, and how many put in.
    pub(super) taken: usize,
    pub(super) put: usize,
}

impl Run {
    pub(super) fn map() -> Result<Run, RegisterError> {
        Ok(Run {
            ring: Reserved::map(RUN)?,
            taken: 0,
            put: 0,
        })
    }

    /// # Safety
    ///
    /// It is not used any more.
    pub(super) unsafe fn unmap(&self) {
        // SAFETY: passed on.
        unsafe { self.ring.unmap() };
    }

    #[inline]
    pub(super) fn slot(&self, count: usize) -> NonNull<Entry> {
        // SAFETY: less than the length, which is a power of two.
        unsafe { self.ring.at(count & (RUN - 1)) }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.put
    }

    #[inline]
    pub(super) fn get(&self, count: usize) -> Entry {
        // SAFETY: the mapping holds zeroes or what was put there, both good values.
        unsafe { self.slot(count).read() }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        let fits = self.is_empty()
            || (self.put - self.taken < RUN && self.get(self.put - 1).at <= entry.at);
        if fits {
            // SAFETY: inside the mapping.
            unsafe { self.slot(self.put).write(entry) };
            self.put += 1;
        }
        fits
    }
}
