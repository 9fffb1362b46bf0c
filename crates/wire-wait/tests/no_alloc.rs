//! Nothing in this crate allocates, contended and cancelled waits included.
mod common;
mod counting;

use common::{leak, settle, spawn};
use wire_core::run;
use wire_wait::{Wakeup, on, try_any, wait_any, wait_two};

#[test]
fn waiting_does_not_allocate() {
    let (a, b): (&Wakeup, &Wakeup) = (leak(Wakeup::new()), leak(Wakeup::new()));
    run(|| {
        let waiting = [0, 1, 2].map(|_| {
            spawn("waiting", || {
                let mut count = 0;
                while wait_two(a, b).is_ok() {
                    a.reset();
                    count += 1;
                }
                count
            })
        });
        settle();
        let before = counting::allocations();
        for _ in 0..1000 {
            a.resume();
            settle();
            assert_eq!(try_any(&[&on(a, |()| ())]), None);
        }
        for waiting in &waiting {
            waiting.cancel();
        }
        settle();
        b.resume();
        assert_eq!(wait_any(&[&on(a, |()| 1), &on(b, |()| 2)]), Ok(2));
        assert_eq!(counting::allocations(), before);
        assert_eq!(waiting.map(|waiting| waiting.join().unwrap()), [1000; 3]);
    });
}
