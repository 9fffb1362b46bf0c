//! What a recorded trace shows: who ran, who waited for what, who woke whom, and that it is well-formed
//! JSON whatever happens meanwhile.
#![cfg(feature = "trace")]
mod common;
mod timeline;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::{OnDrop, SIZE, spawn, stack, wire};
use timeline::{Timeline, timeline};
use wire_core::trace::{InUse, Trace, mark, write_json};
use wire_core::{Kind, Reason, Stack, WaitQueue, outside, run, scope, suspend, yield_now};

#[test]
fn it_shows_who_ran_who_waited_and_who_woke_whom() {
    static TRACE: Trace<64> = Trace::new();
    TRACE.record(|| {
        run(|| {
            let sleeper = spawn("sleeper", || suspend().unwrap());
            let handle = sleeper.handle();
            spawn("waker", move || {
                yield_now();
                handle.resume();
            })
            .detach();
            sleeper.join().unwrap();
        });
    });
    let t = timeline(&TRACE);
    let runs = ["main", "sleeper", "waker", "waker", "sleeper", "main"];
    assert_eq!(t.names("X", "run"), runs);
    assert_eq!(t.of_wire("main"), "main join main end:end");
    let expected = "spawn:start sleeper suspend sleeper end:end";
    assert_eq!(t.of_wire("sleeper"), expected);
    assert_eq!(t.of_wire("waker"), "spawn:start waker waker end:end");
    assert_eq!(
        t.arrows(),
        "main-spawn->sleeper main-spawn->waker waker-wake->sleeper sleeper-wake->main"
    );
    assert_eq!(t.lost(), 0);
    // A wait is over when its wire is woken, not when that runs.
    assert_eq!(t.wait_ends(), t.woken());
}

#[test]
fn a_wait_tells_the_object_and_one_that_goes_on_lasts_until_now() {
    static TRACE: Trace<64> = Trace::new();
    static WAITS: Kind = Kind::new("waits for \"that\"");
    run(|| {
        let object = [1_u32, 2];
        TRACE.start().unwrap();
        let queue: &WaitQueue = Box::leak(Box::default());
        let on = Reason::on(&WAITS, &raw const object[1]);
        let waiter = spawn("waiter", move || queue.wait(on));
        yield_now();
        yield_now();
        let open = timeline(&TRACE);
        let waits = open.wait_of("waiter");
        assert_eq!(waits["name"], "waits for \"that\"");
        let address = format!("{:p}", &raw const object[1]);
        assert_eq!(waits["args"]["object"], *address);
        assert_eq!(waits["args"]["waits"], true);
        // The slice of the main wire goes on too.
        assert_eq!(open.running(), ["main"]);
        queue.wake_one();
        waiter.join().unwrap().unwrap();
        TRACE.stop();
        let closed = timeline(&TRACE);
        assert_eq!(closed.wait_of("waiter")["args"]["waits"], false);
        assert!(closed.running().is_empty());
    });
}

#[test]
fn names_with_any_bytes_come_back_as_they_were() {
    static TRACE: Trace<256> = Trace::new();
    let all: String = ('\0'..='\u{ff}').collect();
    let all: &'static str = all.leak();
    let names = [
        "",
        "\"",
        "\\",
        "\\\"}],",
        "a\nb\r\tc",
        "nul\0inside",
        "\x1b[31mred\x07\x1b]0;title\x07",
        "\u{7f}\u{80}\u{9b}31m",
        "Größe 漢字 \u{301}",
        "🦀👩\u{200d}🚀",
        "\u{202e}desrever\u{2066}\u{2069}\u{200f}\u{feff}",
        "\u{2028}\u{2029}\u{10ffff}\u{e0041}\u{fffe}",
        "</script>",
        all,
    ];
    TRACE.record(|| {
        run(|| {
            for name in names {
                let body = move || {
                    mark(name);
                    let kind = Box::leak(Box::new(Kind::new(name)));
                    assert!(WaitQueue::new().wait(Reason::new(kind)).is_err());
                };
                let wire = spawn(name, body);
                yield_now();
                wire.cancel();
                wire.join().unwrap();
            }
        });
    });
    let mut text = String::new();
    write_json(&[TRACE.named("\u{202e}\"\n")], &mut text).unwrap();
    let plain = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{2066}\u{feff}".contains(c));
    assert!(text.chars().all(plain), "{text}");
    let t = Timeline::of(&text);
    for name in names {
        assert!(t.wires().any(|wire| wire == name), "{name:?}");
        assert!(t.names("X", "run").contains(&name), "{name:?}");
        assert!(t.names("X", "wait").contains(&name), "{name:?}");
        assert!(t.names("i", "mark").contains(&name), "{name:?}");
    }
    assert_eq!(t.process(1), "\u{202e}\"\n");
}

#[test]
fn the_oldest_make_room_and_how_many_is_told() {
    static TRACE: Trace<16> = Trace::new();
    TRACE.record(|| {
        run(|| {
            spawn("other", || (0..500).for_each(|_| yield_now())).detach();
            (0..500).for_each(|_| yield_now());
        });
    });
    let t = timeline(&TRACE);
    assert_eq!(t.names("X", "run").len(), 16);
    // 501 slices of either, one more of the main wire, which waits for the end.
    assert_eq!(t.lost(), 1003 - 16);
    // Both are named, though their first slices are gone.
    assert_eq!(t.wires().collect::<Vec<_>>(), ["other", "main"]);
}

#[test]
fn a_wire_that_never_yields_is_named_by_the_watchdog() {
    static TRACE: Trace<64> = Trace::new();
    static FOUND: AtomicBool = AtomicBool::new(false);
    TRACE.set_limit(Duration::from_millis(1));
    let looks = std::thread::spawn(|| {
        let _found = OnDrop(|| FOUND.store(true, Ordering::Relaxed));
        loop {
            let t = timeline(&TRACE);
            if t.overlong().contains(&"spins") {
                return t.running().join(" ");
            }
        }
    });
    TRACE.record(|| {
        run(|| {
            spawn("spins", || {
                while !FOUND.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        });
    });
    assert_eq!(looks.join().unwrap(), "spins");
}

#[test]
fn a_slice_over_the_limit_counts_for_as_long_as_it_lasted() {
    static TRACE: Trace<64> = Trace::new();
    TRACE.set_limit(Duration::from_micros(500));
    TRACE.record(|| {
        run(|| {
            let slow = || {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(1) {}
            };
            spawn("slow", slow).detach();
        });
    });
    let t = timeline(&TRACE);
    let slice = t.find("X", "run", "slow");
    let counts = t.counts("slow");
    let duration = slice["dur"].as_f64().unwrap();
    assert!(duration >= 1000.0);
    let (start, end) = (slice["ts"].as_f64().unwrap(), counts[1].0);
    assert!((counts[0].0 - start).abs() < 0.01);
    assert!((counts[0].1 * 1000.0 - duration).abs() < 0.01);
    assert!((end - start - duration).abs() < 0.01);
    assert_eq!((counts.len(), counts[1].1), (2, 0.0));
    assert_eq!(counts[0].2, "run slices over 0.5 ms");
}

#[test]
fn sleeping_for_want_of_work_is_neither_running_nor_overlong() {
    static TRACE: Trace<64> = Trace::new();
    TRACE.set_limit(Duration::ZERO); // each slice is longer
    TRACE.record(|| {
        run(|| {
            mark("before");
            outside::asleep(|| std::thread::sleep(Duration::from_millis(2)));
            mark("after");
        });
    });
    let t = timeline(&TRACE);
    assert_eq!(t.names("X", "run"), ["main", "main"]);
    let asleep = t.find("X", "idle", "asleep")["dur"].as_f64().unwrap();
    assert!(asleep >= 2000.0);
    assert_eq!(
        t.of_wire("main"),
        "main mark:before asleep main mark:after end:end"
    );
    assert_eq!(t.counts("main").len(), 4);
}

#[test]
fn a_control_block_used_again_is_another_wire() {
    static TRACE: Trace<64> = Trace::new();
    TRACE.record(|| {
        for _ in 0..2 {
            run(|| {
                let (wire, low) = (wire(), stack().low());
                for name in ["first", "second"] {
                    // SAFETY: leaked, and the wire before is over.
                    let stack = unsafe { Stack::from_raw(low, SIZE) };
                    wire.spawn(stack, name, yield_now).unwrap().join().unwrap();
                }
            });
        }
    });
    let t = timeline(&TRACE);
    let mut names: Vec<_> = t.wires().collect();
    names.sort();
    assert_eq!(
        names,
        ["first", "first", "main", "main", "second", "second"]
    );
}

#[test]
fn stuck_and_interrupted_wires_are_shown_as_what_they_are() {
    static TRACE: Trace<64> = Trace::new();
    TRACE.record(|| {
        let ended = wire_core::Runtime::new()
            .on_stuck(&mut |_| mark("told"))
            .run(|| {
                spawn("stuck", || suspend().is_err()).detach();
                suspend().unwrap_err();
            });
        assert_eq!(ended, Ok(()));
    });
    let t = timeline(&TRACE);
    // Continued to see to the stuck ones, still waiting afterwards; then both were cancelled.
    assert_eq!(
        t.of_wire("stuck"),
        "spawn:start stuck suspend stuck end:end"
    );
    let told = "main suspend main mark:told mark:told end of all wires main end:end";
    assert_eq!(t.of_wire("main"), told);
    assert!(t.arrows().contains("main-wake->stuck"), "{}", t.arrows());
}

#[test]
fn recording_may_start_and_stop_anywhere() {
    static ONE: Trace<64> = Trace::new();
    static TWO: Trace<64> = Trace::new();
    mark("nowhere");
    run(|| {
        let sleeper = spawn("sleeper", || {
            for _ in 0..3 {
                suspend().unwrap();
            }
        });
        yield_now();
        for trace in [&ONE, &TWO, &ONE] {
            trace.start().unwrap();
            assert_eq!(trace.start(), Err(InUse::ThisThread));
            sleeper.handle().resume();
            yield_now();
            trace.stop();
            trace.stop();
            mark("unheard");
        }
        sleeper.join().unwrap();
    });
    let (one, two) = (timeline(&ONE), timeline(&TWO));
    assert_eq!(two.of_wire("sleeper"), "sleeper suspend");
    assert_eq!(two.of_wire("main"), "main main");
    assert_eq!(one.of_wire("sleeper"), "sleeper suspend sleeper end:end");
    assert_eq!(one.arrows(), "main-wake->sleeper main-wake->sleeper");
    assert!(!one.text().contains("unheard") && !one.text().contains("nowhere"));
}

#[test]
fn one_thread_at_a_time_records_into_it() {
    static TRACE: Trace<64> = Trace::new();
    static OTHER: Trace<64> = Trace::new();
    let elsewhere = || std::thread::spawn(|| TRACE.start().map(|()| TRACE.stop())).join();
    TRACE.record(|| {
        assert_eq!(elsewhere().unwrap(), Err(InUse::AnotherThread));
        std::thread::spawn(|| TRACE.stop()).join().unwrap(); // not its to stop
        assert_eq!(TRACE.start(), Err(InUse::ThisThread));
        assert_eq!(OTHER.start(), Err(InUse::ThisThread));
        assert!(std::panic::catch_unwind(|| OTHER.record(|| ())).is_err());
    });
    assert_eq!(elsewhere().unwrap(), Ok(()));
    // Unwinding stops it too.
    assert!(std::panic::catch_unwind(|| TRACE.record(|| panic!("out"))).is_err());
    assert_eq!(elsewhere().unwrap(), Ok(()));
}

#[test]
fn several_threads_are_written_side_by_side() {
    static TRACES: [Trace<64>; 3] = [const { Trace::new() }; 3];
    std::thread::scope(|s| {
        for trace in &TRACES {
            s.spawn(|| trace.record(|| run(|| spawn("wire", yield_now).join().unwrap())));
        }
    });
    let mut text = String::new();
    let [a, b, c] = &TRACES;
    write_json(&[a.named("a"), b.named("b"), c.named("c")], &mut text).unwrap();
    let t = Timeline::of(&text);
    for (pid, name) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(t.process(pid), name);
    }
    assert_eq!(t.wires().filter(|name| *name == "wire").count(), 3);
    assert_eq!(t.arrows().matches("main-spawn->wire").count(), 3);
}

#[test]
fn marks_without_end_do_not_hide_the_wire_that_makes_them() {
    static TRACE: Trace<8> = Trace::new();
    TRACE.record(|| {
        run(|| {
            (0..20).for_each(|_| mark("here"));
            let t = timeline(&TRACE);
            assert_eq!(t.running(), ["main"]);
            assert_eq!((t.names("i", "mark").len(), t.lost()), (7, 13));
        });
    });
}

#[test]
fn what_is_written_while_wires_run_is_always_whole() {
    static TRACE: Trace<8> = Trace::new();
    static DONE: AtomicBool = AtomicBool::new(false);
    static SWITCHED: AtomicU32 = AtomicU32::new(0);
    let looks = std::thread::spawn(|| {
        let _done = OnDrop(|| DONE.store(true, Ordering::Relaxed));
        let mut overtaken = 0;
        // Until that many were written while wires ran once around the ring.
        while overtaken < 500 {
            let before = SWITCHED.load(Ordering::Relaxed);
            let t = timeline(&TRACE);
            let known = ["main", "a", "the second", ""];
            assert!(t.wires().all(|wire| known.contains(&wire)), "{}", t.text());
            let during = SWITCHED.load(Ordering::Relaxed).wrapping_sub(before);
            overtaken += u32::from(during > 8);
        }
    });
    TRACE.record(|| {
        run(|| {
            let go_on = || !DONE.load(Ordering::Relaxed);
            let count = || SWITCHED.fetch_add(1, Ordering::Relaxed);
            for name in ["a", "the second"] {
                spawn(name, move || {
                    while go_on() {
                        count();
                        yield_now();
                    }
                })
                .detach();
            }
            let short = wire();
            while go_on() {
                count();
                scope(|s| {
                    s.spawn(short, stack_again(), "", yield_now).unwrap();
                });
            }
        });
    });
    looks.join().unwrap();
}

/// One stack for one wire after the other.
fn stack_again() -> Stack<'static> {
    use std::ptr::NonNull;
    thread_local!(static LOW: NonNull<u8> = stack().low());
    // SAFETY: leaked; the scope that the wire before was in is over.
    LOW.with(|low| unsafe { Stack::from_raw(*low, SIZE) })
}
