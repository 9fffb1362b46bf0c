//! More waits at once than there are wakers for: they poll at each turn. In a program of its own, since
//! it uses up what all threads share.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use wire_core::{block_on, run};

/// Waits within waits, so many; what the innermost does, given a waker that wakes.
fn nested(depth: u32, innermost: &mut dyn FnMut(&Waker)) {
    let once = poll_fn(|cx| {
        match depth {
            1 => innermost(cx.waker()),
            _ => nested(depth - 1, innermost),
        }
        Poll::Ready(())
    });
    block_on(once).unwrap();
}

/// All waits with wakers of their own.
const MOST: u32 = 1 << 16;

#[test]
fn a_wait_without_a_waker_of_its_own_polls_at_each_turn() {
    let thread = std::thread::Builder::new().stack_size(1 << 30);
    let all = || {
        run(|| {
            let mut polls = 0;
            nested(MOST, &mut |outer| {
                let patient = poll_fn(|cx| {
                    let same_kind = std::ptr::eq(cx.waker().vtable(), outer.vtable());
                    assert!(!same_kind, "one more waker than there can be");
                    polls += 1;
                    if polls < 10 {
                        Poll::Pending
                    } else {
                        Poll::Ready(())
                    }
                });
                block_on(patient).unwrap();
            });
            assert_eq!(polls, 10);
            // All are free again, for waits that block.
            nested(MOST - 1, &mut |outer| {
                let wakes = poll_fn(|cx| {
                    assert!(std::ptr::eq(cx.waker().vtable(), outer.vtable()));
                    polls += 1;
                    if polls == 12 {
                        return Poll::Ready(());
                    }
                    let waker = cx.waker().clone();
                    std::thread::spawn(move || waker.wake());
                    Poll::Pending
                });
                block_on(wakes).unwrap();
            });
            assert_eq!(polls, 12);
        });
    };
    thread.spawn(all).unwrap().join().unwrap();
}
