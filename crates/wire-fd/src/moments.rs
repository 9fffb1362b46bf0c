//! The moments that somebody waits for, earliest first: a heap in memory of its own.
//!
//! ```text
//!   runs    ┌────────────────────┬────────────────────┬─ ─    rings in which moments only grow: of
//!           │ at │ order │ place │ at │ order │ place │       sleeps of equal length, above all
//!           └────────────────────┴────────────────────┴─ ─
//!   heap    ┌────────────────────┬────────────────────┬─ ─    the others; four children each
//!           │ at │ order │ place │ at │ order │ place │
//!           └────────────────────┴────────────────────┴─ ─
//!   places  ┌──────────────┬──────────────┬─ ─                stay, so that an owner can name its own
//!           │ at │ owner ──┼─► a wire, the timer of one, a `Timeout`
//!           └──────────────┴──────────────┴─ ─
//! ```
//!
//! A tree linked through the owners would need no memory. But each owner lies on a page of its own, in
//! the stack of a wire, and with ten thousand of them every step through such a tree misses caches and
//! address translation alike. Here an owner is touched when its moment has come, and no sooner.
//!
//! What is given up is not searched for: the place loses its owner, and the entry stays until it comes
//! to the front, or until such entries are half of all and are swept out.

use std::ptr::{self, NonNull};

use wire_core::outside::NEVER;

use crate::error::RegisterError;
use crate::prefetch::prefetch;
use crate::reserved::Reserved;

/// The name of a place, for its owner to keep; [`NOWHERE`] is none.
pub(crate) type Place = u32;
pub(crate) const NOWHERE: Place = 0;

/// As many moments as a thread can wait for, those given up and not swept out yet included.
const MOST: usize = 1 << 22;
/// Fewer are not worth sweeping.
const FEW: usize = 64;
/// Runs, and room in each: a power of two.
const RUNS: usize = 4;
const RUN: usize = 1 << 20;
const CHILDREN: usize = 4;
/// Where in the mapping the first entry lies: so the four children of each share a cache line.
const FIRST: usize = CHILDREN - 1;

#[derive(Clone, Copy)]
struct Entry {
    at: u64,
    /// Its place, and above it a number that grows with each arming, for equal moments. It may wrap. In one
    /// word, since two halves written and read as one would have to reach the cache in between.
    tag: u64,
}

impl Entry {
    #[inline]
    fn new(at: u64, order: u32, place: Place) -> Entry {
        let tag = u64::from(order) << 32 | u64::from(place);
        Entry { at, tag }
    }

    #[inline]
    fn place(&self) -> Place {
        self.tag as Place
    }

    #[inline]
    fn is_before(&self, other: &Entry) -> bool {
        self.at < other.at || (self.at == other.at && self.came_before(other))
    }

    fn came_before(&self, other: &Entry) -> bool {
        let order = |entry: &Entry| (entry.tag >> 32) as u32;
        (order(self).wrapping_sub(order(other)) as i32) < 0
    }
}

#[derive(Clone, Copy)]
struct Owned {
    /// The moment; in a free place, the next free one.
    at: u64,
    /// Null if it was given up.
    owner: *const (),
}

/// Entries in the order in which they came, if that is the order of their moments, too.
struct Run {
    ring: Reserved<Entry>,
    /// How many were taken out, and how many put in.
    taken: usize,
    put: usize,
}

impl Run {
    #[inline]
    fn slot(&self, count: usize) -> NonNull<Entry> {
        // SAFETY: less than the length, which is a power of two.
        unsafe { self.ring.at(count & (RUN - 1)) }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.taken == self.put
    }

    #[inline]
    fn get(&self, count: usize) -> Entry {
        // SAFETY: the mapping holds zeroes or what was put there, both good values.
        unsafe { self.slot(count).read() }
    }

    #[inline]
    fn push(&mut self, entry: Entry) -> bool {
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

pub(crate) struct Moments {
    heap: Reserved<Entry>,
    /// Entries in the heap.
    len: usize,
    runs: [Run; RUNS],
    /// The earliest moment in each run, and behind them that in the heap; [`NEVER`] if it is empty.
    fronts: [u64; RUNS + 1],
    places: Reserved<Owned>,
    order: u32,
    /// The first free place, if one was used before.
    free: Place,
    /// Places used so far, and the one that is none.
    used: usize,
    /// Entries in heap and runs.
    waiting: usize,
    /// Places without owner.
    given_up: usize,
}

impl Moments {
    pub(crate) fn map() -> Result<Moments, RegisterError> {
        let run = || -> Result<Run, RegisterError> {
            Ok(Run {
                ring: Reserved::map(RUN)?,
                taken: 0,
                put: 0,
            })
        };
        Ok(Moments {
            heap: Reserved::map(MOST + FIRST)?,
            len: 0,
            runs: [run()?, run()?, run()?, run()?],
            fronts: [NEVER; RUNS + 1],
            places: Reserved::map(MOST + 1)?,
            order: 0,
            free: NOWHERE,
            used: 1,
            waiting: 0,
            given_up: 0,
        })
    }

    #[inline]
    fn entry(&self, index: usize) -> Entry {
        assert!(index < self.len);
        // SAFETY: inside the mapping, which zeroes or earlier writes have filled with good values.
        unsafe { self.heap.at(FIRST + index).read() }
    }

    #[inline]
    fn put(&mut self, index: usize, entry: Entry) {
        assert!(index < self.len);
        // SAFETY: inside the mapping.
        unsafe { self.heap.at(FIRST + index).write(entry) }
    }

    #[inline]
    fn owned(&mut self, place: Place) -> &mut Owned {
        assert!(place != NOWHERE && (place as usize) < self.used);
        // SAFETY: inside the mapping, as for entries; borrowed as long as `self`.
        unsafe { self.places.at(place as usize).as_mut() }
    }

    /// Adds the moment `at`, as seen from `now`. Equal ones come in the order in which they were added.
    pub(crate) fn add(
        &mut self,
        at: u64,
        now: u64,
        owner: *const (),
    ) -> Result<Place, RegisterError> {
        self.make_room()?;
        Ok(self.add_prepared(at, now, owner))
    }

    /// [`add`](Moments::add), if it takes no preparations; else [`NOWHERE`].
    #[inline]
    pub(crate) fn add_at_once(&mut self, at: u64, now: u64, owner: *const ()) -> Place {
        if self.free == NOWHERE || self.given_up > FEW {
            return NOWHERE;
        }
        self.add_prepared(at, now, owner)
    }

    #[inline]
    fn add_prepared(&mut self, at: u64, now: u64, owner: *const ()) -> Place {
        let place = self.free;
        let owned = self.owned(place);
        let next = owned.at as Place;
        *owned = Owned { at, owner };
        self.free = next;
        // For the next to come.
        prefetch(self.places.address(next as usize));
        self.order = self.order.wrapping_add(1);
        self.waiting += 1;
        let entry = Entry::new(at, self.order, place);
        // How far off it is, roughly, says which run.
        let run = (at.saturating_sub(now) | 1).ilog2() as usize % RUNS;
        if self.runs[run].push(entry) {
            self.fronts[run] = self.fronts[run].min(at);
        } else {
            self.len += 1;
            self.move_up(self.len - 1, entry);
            self.fronts[RUNS] = self.fronts[RUNS].min(at);
        }
        place
    }

    /// Sees to it that there is a free place.
    fn make_room(&mut self) -> Result<(), RegisterError> {
        if self.given_up > FEW && self.given_up > self.waiting / 2 {
            self.sweep();
        }
        if self.free == NOWHERE {
            if self.used > MOST {
                return Err(RegisterError::TooManyTimers { limit: MOST });
            }
            let place = self.used as Place;
            self.used += 1;
            self.owned(place).at = u64::from(NOWHERE);
            self.free = place;
        }
        Ok(())
    }

    #[inline(never)]
    fn move_up(&mut self, mut index: usize, entry: Entry) {
        while index > 0 {
            let parent = (index - 1) / CHILDREN;
            let above = self.entry(parent);
            if !entry.is_before(&above) {
                break;
            }
            self.put(index, above);
            index = parent;
        }
        self.put(index, entry);
    }

    #[inline(never)]
    fn move_down(&mut self, mut index: usize, entry: Entry) {
        loop {
            let first = index * CHILDREN + 1;
            if first >= self.len {
                break;
            }
            let below = first * CHILDREN + 1;
            for line in 0..CHILDREN {
                prefetch(self.heap.address(FIRST + below + line * CHILDREN));
            }
            let mut child = (first, self.entry(first));
            for other in first + 1..(first + CHILDREN).min(self.len) {
                let there = self.entry(other);
                if there.is_before(&child.1) {
                    child = (other, there);
                }
            }
            if !child.1.is_before(&entry) {
                break;
            }
            self.put(index, child.1);
            index = child.0;
        }
        self.put(index, entry);
    }

    /// The moment that `place` has.
    #[inline]
    pub(crate) fn moment(&mut self, place: Place) -> u64 {
        self.owned(place).at
    }

    /// Who has `place`: null if it was given up.
    #[inline]
    pub(crate) fn owner(&mut self, place: Place) -> *const () {
        self.owned(place).owner
    }

    /// Nobody waits for this moment any more. The place is gone for its owner.
    pub(crate) fn give_up(&mut self, place: Place) {
        self.owned(place).owner = ptr::null();
        self.given_up += 1;
    }

    /// Where the earliest entry is: in which run, or the heap.
    #[inline]
    fn front(&self) -> usize {
        let mut first = RUNS;
        for run in 0..RUNS {
            let earlier = self.fronts[run] < self.fronts[first]
                || (self.fronts[run] == self.fronts[first]
                    && self.fronts[run] != NEVER
                    && self.at_front(run).is_before(&self.at_front(first)));
            if earlier {
                first = run;
            }
        }
        first
    }

    fn at_front(&self, of: usize) -> Entry {
        match self.runs.get(of) {
            Some(run) => run.get(run.taken),
            None => self.entry(0),
        }
    }

    /// The earliest moment.
    #[inline]
    pub(crate) fn first(&self) -> Option<u64> {
        (self.waiting > 0).then(|| self.fronts[self.front()])
    }

    /// Who waits for the earliest moment: null if nobody does any more.
    pub(crate) fn first_owner(&mut self) -> Option<*const ()> {
        (self.waiting > 0).then(|| {
            let place = self.at_front(self.front()).place();
            self.owned(place).owner
        })
    }

    /// Takes the earliest moment out, if it is no later than `now`, and says who waits for it. The
    /// place still belongs to that one, until it is [taken](Moments::take): meanwhile it may be given
    /// up like any other.
    #[inline]
    pub(crate) fn pop(&mut self, now: u64) -> Option<(Place, *const ())> {
        let front = self.front();
        if self.waiting == 0 || self.fronts[front] > now {
            return None;
        }
        self.waiting -= 1;
        let place = match self.runs.get_mut(front) {
            Some(run) => {
                let place = run.get(run.taken).place();
                run.taken += 1;
                self.fronts[front] = if run.is_empty() {
                    NEVER
                } else {
                    run.get(run.taken).at
                };
                place
            }
            None => self.pop_heap(),
        };
        Some((place, self.owned(place).owner))
    }

    fn pop_heap(&mut self) -> Place {
        let place = self.entry(0).place();
        let last = self.entry(self.len - 1);
        self.len -= 1;
        if self.len > 0 {
            self.move_down(0, last);
        }
        self.fronts[RUNS] = if self.len > 0 {
            self.entry(0).at
        } else {
            NEVER
        };
        place
    }

    /// Says whose a place is whose moment was popped, null if it was given up; from now on it is nobody's.
    #[inline]
    pub(crate) fn take(&mut self, place: Place) -> *const () {
        let owner = std::mem::replace(&mut self.owned(place).owner, ptr::null());
        if owner.is_null() {
            self.given_up -= 1;
        }
        owner
    }

    /// Frees a place that was taken, for others.
    #[inline]
    pub(crate) fn free(&mut self, place: Place) {
        let free = u64::from(self.free);
        self.owned(place).at = free;
        self.free = place;
    }

    /// Takes out all that were given up.
    #[cold]
    fn sweep(&mut self) {
        let mut kept = 0;
        for index in 0..self.len {
            let entry = self.entry(index);
            if self.owned(entry.place()).owner.is_null() {
                self.take(entry.place());
                self.free(entry.place());
            } else {
                self.put(kept, entry);
                kept += 1;
            }
        }
        self.len = kept;
        for index in (0..kept.div_ceil(CHILDREN)).rev() {
            let entry = self.entry(index);
            self.move_down(index, entry);
        }
        self.fronts[RUNS] = if kept > 0 { self.entry(0).at } else { NEVER };
        self.waiting = kept;
        for run in 0..RUNS {
            let (taken, put) = (self.runs[run].taken, self.runs[run].put);
            let mut kept = taken;
            for count in taken..put {
                let entry = self.runs[run].get(count);
                if self.owned(entry.place()).owner.is_null() {
                    self.take(entry.place());
                    self.free(entry.place());
                } else {
                    // SAFETY: inside the mapping.
                    unsafe { self.runs[run].slot(kept).write(entry) };
                    kept += 1;
                }
            }
            self.runs[run].put = kept;
            self.waiting += kept - taken;
            self.fronts[run] = if kept > taken {
                self.runs[run].get(taken).at
            } else {
                NEVER
            };
        }
    }
}

impl Drop for Moments {
    fn drop(&mut self) {
        // SAFETY: nothing refers into them; owners keep names only.
        unsafe {
            self.heap.unmap();
            self.places.unmap();
            self.runs.iter().for_each(|run| run.ring.unmap());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random armings, givings up and pops, beside a plain sorted list.
    #[test]
    fn it_is_a_sorted_list_in_which_equal_moments_keep_their_order() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut moments = Moments::map().unwrap();
        moments.order = u32::MAX - 5_000; // so that it wraps on the way
        let mut plain: Vec<(u64, usize, Place)> = Vec::new();
        for round in 1..40_000_usize {
            match random(4) {
                0 | 1 => {
                    let at = random(500);
                    let owner = ptr::without_provenance(round);
                    let place = moments.add(at, random(3) * 100, owner).unwrap();
                    assert_eq!(moments.moment(place), at);
                    let most = FEW.max(moments.waiting / 2) + 1;
                    assert!(moments.given_up <= most, "they are swept out");
                    plain.push((at, round, place));
                }
                2 if !plain.is_empty() => {
                    let (.., place) = plain.swap_remove(random(plain.len() as u64) as usize);
                    moments.give_up(place);
                }
                _ => {
                    let now = random(400);
                    plain.sort_unstable();
                    let mut due = plain.iter().take_while(|(at, ..)| *at <= now);
                    let mut count = 0;
                    while count < 3
                        && let Some((place, seen)) = moments.pop(now)
                    {
                        let owner = moments.take(place);
                        moments.free(place);
                        assert_eq!(owner, seen);
                        if !owner.is_null() {
                            assert_eq!(due.next().map(|due| due.1), Some(owner.addr()));
                            count += 1;
                        }
                    }
                    assert!(
                        count == 3 || due.next().is_none(),
                        "one that is due was not given"
                    );
                    plain.drain(..count);
                }
            }
        }
        assert!(moments.used < 40_000 / 2, "places are used again");
    }

    #[test]
    fn one_given_up_after_it_was_popped_is_nobodys() {
        let mut moments = Moments::map().unwrap();
        let place = moments.add(1, 0, ptr::without_provenance(8)).unwrap();
        assert_eq!(moments.pop(0), None);
        assert!(moments.pop(1).is_some());
        moments.give_up(place);
        assert!(moments.take(place).is_null());
        assert_eq!((moments.given_up, moments.first()), (0, None));
    }
}
