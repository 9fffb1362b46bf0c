//! What safe code can do to channels and waits at its worst: sources that panic, wait or reach for others, and wakings
//! for nothing.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{leak, run_stuck, settle, spawn};
use wire_channel::{Channel, RecvError, Sending};
use wire_core::{Reason, WaitQueue, run, yield_now};
use wire_wait::{Source, Wakeup, on, try_any, wait, wait_any};

/// Panics that are asked for need no report.
fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// A source that makes its message only when there is room.
struct Lazy<'a, const N: usize> {
    ch: &'a Channel<String, N>,
    at: Sending<'a, String, N>,
}
impl<const N: usize> Source for Lazy<'_, N> {
    type Item = ();
    fn try_take(&self) -> Option<()> {
        self.ch.try_send("lazy".into()).ok()
    }
    fn queue(&self) -> &WaitQueue {
        self.at.queue()
    }
}
#[test]
fn lazy_sender_in_front_of_a_plain_one() {
    let ch: &'static Channel<String, 1> = leak(Channel::bounded());
    run(|| {
        ch.try_send("first".into()).unwrap();
        let lazy = leak(Lazy {
            ch,
            at: ch.sending(String::new()),
        });
        let l = spawn("lazy", || wait(lazy));
        let p = spawn("plain", || ch.send("plain".into()));
        settle();
        let got: Vec<_> = (0..3)
            .map(|_| catch_unwind(AssertUnwindSafe(|| ch.try_recv())).map_err(|_| "panicked"))
            .collect();
        settle();
        drop((l, p));
        let want: Vec<_> = ["first", "lazy", "plain"]
            .map(|s| Ok(Ok(s.to_string())))
            .into();
        assert_eq!(got, want);
    });
}

/// Closing, with an arm in the way whose source panics.
struct Bad<'a>(&'a WaitQueue, Cell<bool>);
impl Source for Bad<'_> {
    type Item = ();
    fn try_take(&self) -> Option<()> {
        assert!(!self.1.get(), "bad source");
        None
    }
    fn queue(&self) -> &WaitQueue {
        self.0
    }
}
#[test]
fn close_wakes_all_whatever_panics() {
    quiet();
    let ch: &'static Channel<u32> = leak(Channel::new());
    let (_, stuck) = run_stuck(|| {
        let bad = leak(Bad(ch.queue(), Cell::new(false)));
        spawn("bad", || {
            let _ = catch_unwind(AssertUnwindSafe(|| wait(bad)));
        })
        .detach();
        spawn("plain", || assert_eq!(ch.recv(), Err(RecvError::Closed))).detach();
        settle();
        bad.1.set(true);
        let _ = catch_unwind(AssertUnwindSafe(|| ch.close()));
        bad.1.set(false);
        settle();
    });
    assert!(!stuck.iter().any(|s| s.contains("plain")), "{stuck:?}");
}
#[test]
fn wakeup_wakes_all_whatever_panics() {
    quiet();
    let w = leak(Wakeup::new());
    let (_, stuck) = run_stuck(|| {
        let bad = leak(Bad(w.queue(), Cell::new(false)));
        spawn("bad", || {
            let _ = catch_unwind(AssertUnwindSafe(|| wait(bad)));
        })
        .detach();
        spawn("plain", || {
            let _ = w.wait();
        })
        .detach();
        settle();
        bad.1.set(true);
        let _ = catch_unwind(AssertUnwindSafe(|| w.resume()));
        bad.1.set(false);
        settle();
    });
    assert!(!stuck.iter().any(|s| s.contains("plain")), "{stuck:?}");
}

/// A message popped before a panic of somebody else's arm.
#[test]
fn recv_loses_nothing_when_an_arm_panics() {
    quiet();
    let ch: &'static Channel<u32, 1> = leak(Channel::bounded());
    let _ = run_stuck(|| {
        ch.try_send(1).unwrap();
        let at = leak(ch.sending(0));
        let bad = leak(Bad(at.queue(), Cell::new(false)));
        spawn("bad", || {
            let _ = catch_unwind(AssertUnwindSafe(|| wait(bad)));
        })
        .detach();
        settle();
        bad.1.set(true);
        let r = catch_unwind(AssertUnwindSafe(|| ch.recv()));
        bad.1.set(false);
        assert!(r.is_ok() || ch.try_recv() == Ok(1), "the message is gone");
    });
}

/// A waking for nothing costs the sender a frame each.
#[test]
fn wakings_for_nothing_do_not_pile_up() {
    let ch: &'static Channel<[u64; 64]> = leak(Channel::new());
    run(|| {
        let at = leak(ch.sending([0; 64]));
        spawn("sender", || {
            let _ = ch.send([1; 64]);
        })
        .detach();
        settle();
        let mut lowest = usize::MAX;
        let mut first = 0;
        for n in 0..5 {
            at.queue().wake_one();
            settle();
            // where the node lies now
            let node = at.queue().peek().unwrap().as_ptr() as usize;
            if n == 0 {
                first = node;
            }
            lowest = lowest.min(node);
        }
        ch.close();
        settle();
        assert_eq!(first, lowest);
    });
}

/// JoinHandle::wait says Ok of a wire that is not over.
#[test]
fn a_wait_for_the_end_ends_with_it() {
    let (_, _) = run_stuck(|| {
        let h = leak(spawn("long", || {
            for _ in 0..1000 {
                yield_now();
            }
        }));
        let w = spawn("waiter", || {
            let r = h.wait();
            (r, h.is_finished())
        });
        for _ in 0..3 {
            yield_now();
        }
        h.joiners().wake_one();
        let (r, finished) = w.join().unwrap();
        assert!(r.is_err() || finished, "{r:?} but not over");
    });
}

/// An arm whose function panicked once takes a message and drops it.
#[test]
fn an_arm_whose_function_panicked_takes_nothing() {
    quiet();
    let ch: &'static Channel<u32, 2> = leak(Channel::bounded());
    ch.try_send(1).unwrap();
    ch.try_send(2).unwrap();
    let arm = on(ch, |r: Result<u32, _>| {
        if r == Ok(1) {
            panic!()
        }
    });
    let _ = catch_unwind(AssertUnwindSafe(|| try_any(&[&arm])));
    let r = catch_unwind(AssertUnwindSafe(|| try_any(&[&arm])));
    assert!(r.is_ok() || ch.try_recv() == Ok(2), "message 2 is gone");
}

/// The same Sending asked again while it hands over.
#[test]
fn one_message_one_success() {
    struct Fwd<'a> {
        s: &'a Sending<'a, u32>,
        q: &'a WaitQueue,
        hits: &'a Cell<u32>,
    }
    impl Source for Fwd<'_> {
        type Item = ();
        fn try_take(&self) -> Option<()> {
            if let Some(Ok(())) = self.s.try_take() {
                self.hits.set(self.hits.get() + 1);
                return Some(());
            }
            None
        }
        fn queue(&self) -> &WaitQueue {
            self.q
        }
    }
    let ch: &'static Channel<u32> = leak(Channel::new());
    let hits = leak(Cell::new(0));
    let _ = run_stuck(|| {
        let s = leak(ch.sending(1));
        let f = leak(Fwd {
            s,
            q: ch.queue(),
            hits,
        });
        spawn("fwd", || {
            let _ = wait(f);
        })
        .detach();
        spawn("r", || {
            let _ = ch.recv();
        })
        .detach();
        settle();
        if let Some(Some(Ok(()))) = try_any(&[&on(s, |r| Some(r))]) {
            hits.set(hits.get() + 1);
        }
        settle();
        ch.close();
    });
    assert_eq!(hits.get(), 1);
}

/// Zero-sized, over-aligned and large messages, by every path.
#[test]
fn sizes() {
    fn check<T: 'static + PartialEq + std::fmt::Debug, const N: usize>(make: fn() -> T) {
        let ch: &'static Channel<T, N> = leak(Channel::bounded());
        run(|| {
            let s = spawn("s", move || {
                for i in 0..20 {
                    if i % 2 == 0 {
                        ch.send(make()).unwrap()
                    } else {
                        wait(&ch.sending(make())).unwrap().unwrap()
                    }
                }
            });
            for i in 0..20 {
                let m = if i % 3 == 0 {
                    wait(ch).unwrap().unwrap()
                } else {
                    ch.recv().unwrap()
                };
                assert_eq!(m, make());
            }
            s.join().unwrap();
            let r = spawn("r", move || {
                for i in 0..20 {
                    let m = if i % 3 == 0 {
                        wait(ch).unwrap().unwrap()
                    } else {
                        ch.recv().unwrap()
                    };
                    assert_eq!(m, make());
                }
            });
            settle();
            for i in 0..20 {
                if i % 2 == 0 {
                    ch.send(make()).unwrap()
                } else {
                    wait(&ch.sending(make())).unwrap().unwrap()
                }
            }
            r.join().unwrap();
        });
    }
    #[derive(PartialEq, Debug)]
    #[repr(align(256))]
    struct A(u8);
    fn all<const N: usize>() {
        check::<(), N>(|| ());
        check::<A, N>(|| A(7));
        check::<Option<Box<u32>>, N>(|| None);
        check::<Box<u32>, N>(|| Box::new(1));
        check::<[u64; 20], N>(|| [5; 20]);
    }
    all::<0>();
    all::<1>();
    all::<2>();
    all::<3>();
    all::<64>();
}

/// The callback for stuck wires uses what the main wire waits for.
#[test]
fn the_stuck_callback_uses_channels() {
    for how in 0..6 {
        let ch: &'static Channel<Box<u32>> = leak(Channel::new());
        let w: &'static Wakeup = leak(Wakeup::new());
        let got = leak(Cell::new(0));
        let mut told = |_: wire_core::WireInfo| {
            let _ = catch_unwind(AssertUnwindSafe(|| match how {
                0 => {
                    let _ = ch.try_send(Box::new(1));
                }
                1 => {
                    let _ = ch.try_recv();
                }
                2 => {
                    let _ = ch.recv_with(|m| **m += 1);
                }
                3 => {
                    w.resume();
                }
                4 => {
                    ch.close();
                }
                _ => {
                    let _ = try_any(&[&on(&ch.sending(Box::new(3)), |_| ()), &on(ch, |_| ())]);
                }
            }));
        };
        let r = wire_core::Runtime::new().on_stuck(&mut told).run(|| {
            let s = ch.sending(Box::new(5));
            let r = if how % 2 == 0 {
                wait_any(&[&on(ch, |m| m.map_or(0, |m| *m)), &on(w, |()| 77)])
            } else {
                wait_any(&[&on(&s, |_| 55), &on(w, |()| 77)])
            };
            got.set(r.unwrap_or(99));
            let _ = ch.send(Box::new(4));
            let _ = ch.recv();
            let _ = ch.recv_with(|_| ());
        });
        assert!(r.is_ok() || got.get() != 0, "{how}: it went on, {r:?}");
    }
}

/// `reason` lets others run between the look and the links.
#[test]
fn a_reason_that_yields_loses_no_waking() {
    struct Slow {
        q: WaitQueue,
        ready: Cell<bool>,
    }
    impl Source for Slow {
        type Item = ();
        fn try_take(&self) -> Option<()> {
            self.ready.get().then_some(())
        }
        fn queue(&self) -> &WaitQueue {
            &self.q
        }
        fn reason(&self) -> Reason {
            static K: wire_core::Kind = wire_core::Kind::new("slow");
            yield_now();
            Reason::new(&K)
        }
    }
    let f = leak(Slow {
        q: WaitQueue::new(),
        ready: Cell::new(false),
    });
    let (_, stuck) = run_stuck(|| {
        let w = spawn("waiter", || wait(f));
        spawn("maker", || {
            f.ready.set(true);
            f.q.wake_all();
        })
        .detach();
        let _ = w.join();
    });
    assert!(stuck.is_empty(), "ready, and waited for: {stuck:?}");
}
