//! Something done again and again, at equal distances.

use std::time::Duration;

use wire_core::outside::{self, NEVER};
use wire_core::{Interrupt, check_interrupt, shield, yield_now};

use crate::clock;
use crate::timer::sleep;

/// Ticks at equal distances. Who is late for a tick gets it at once; of those missed on the way there is one
/// tick, which says how many it stands for, and the next one comes when it would have come anyway. So the
/// beat stays, and nothing is done twice in a hurry.
///
/// ```
/// use std::time::Duration;
/// use wire_fd::Interval;
///
/// wire_core::run(|| {
///     let mut beat = Interval::new(Duration::from_millis(1));
///     let mut ticks = 0;
///     while ticks < 3 {
///         ticks += beat.tick()?; // 1, unless some were missed
///     }
///     Ok::<_, wire_core::Interrupt>(())
/// })?;
/// # Ok::<_, wire_core::Interrupt>(())
/// ```
#[derive(Debug)]
pub struct Interval {
    period: u64,
    next: u64,
}

impl Interval {
    /// Ticks every `period`, for the first time that long after now. One longer than 584 years never ticks.
    ///
    /// # Panics
    ///
    /// If the period is zero.
    #[track_caller]
    pub fn new(period: Duration) -> Interval {
        assert!(
            !period.is_zero(),
            "an interval needs a period longer than zero"
        );
        let now = clock::now();
        let next = clock::add(now, period);
        Interval {
            period: next - now,
            next,
        }
    }

    /// Waits for the next tick, unless it was due already; says how many periods are over since the tick
    /// before: one, if none was missed. One that is due at once lets others run first.
    ///
    /// # Errors
    ///
    /// The interrupt that came first; the tick is still to come then.
    ///
    /// # Panics
    ///
    /// As [`sleep`] does.
    pub fn tick(&mut self) -> Result<u64, Interrupt> {
        let now = clock::now();
        if self.next == NEVER {
            sleep(Duration::MAX)?;
        } else if now < self.next {
            sleep(Duration::from_nanos(self.next - now))?;
        } else {
            if outside::in_wire() {
                shield(yield_now);
            }
            check_interrupt()?;
        }
        let over = (clock::now().max(self.next) - self.next) / self.period + 1;
        self.next = self.next.saturating_add(over.saturating_mul(self.period));
        Ok(over)
    }
}
