//! Other OS threads and signals: rule 8 of the contract.
mod common;

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::go;
use wire_core::{Kind, Reason, WaitQueue, run};
use wire_fd::{Post, Signal, Signals, expect_post, waker};

static KIND: Kind = Kind::new("post");

/// A message with room for who waits for it.
#[repr(C)]
struct Letter {
    post: UnsafeCell<Post>,
    number: u32,
    arrived: AtomicU32,
    readers: WaitQueue,
}

static ORDER: Mutex<Vec<u32>> = Mutex::new(Vec::new());

unsafe fn deliver(post: NonNull<Post>) {
    // SAFETY: the post is the first field of a letter that its wire keeps until now.
    let letter = unsafe { post.cast::<Letter>().as_ref() };
    ORDER.lock().unwrap().push(letter.number);
    letter.arrived.fetch_add(1, Ordering::Relaxed);
    letter.readers.wake_all();
}

fn letter(number: u32) -> &'static Letter {
    Box::leak(Box::new(Letter {
        post: UnsafeCell::new(Post::new(deliver)),
        number,
        arrived: AtomicU32::new(0),
        readers: WaitQueue::new(),
    }))
}

struct Address(NonNull<Post>);
// SAFETY: letters are leaked, and their post part is made for other threads.
unsafe impl Send for Address {}

impl Address {
    fn of(letter: &'static Letter) -> Address {
        Address(NonNull::new(letter.post.get()).unwrap())
    }
    fn get(&self) -> NonNull<Post> {
        self.0
    }
}

#[test]
fn posts_arrive_in_order() {
    run(|| {
        let letters: Vec<_> = (0..200).map(letter).collect();
        let addresses: Vec<_> = letters.iter().map(|letter| Address::of(letter)).collect();
        let waker = waker().unwrap();
        let poster = thread::spawn(move || {
            for (index, address) in addresses.iter().enumerate() {
                if index % 50 == 0 {
                    thread::sleep(Duration::from_millis(3)); // so that the wires are asleep
                }
                // SAFETY: each letter is posted once, and leaked.
                unsafe { waker.post(address.get()) };
            }
        });
        let last = *letters.last().unwrap();
        expect_post(|| last.readers.wait(Reason::new(&KIND)))
            .unwrap()
            .unwrap();
        poster.join().unwrap();
        assert!(
            letters
                .iter()
                .all(|letter| letter.arrived.load(Ordering::Relaxed) == 1)
        );
        assert_eq!(*ORDER.lock().unwrap(), (0..200).collect::<Vec<_>>());
    });
}

#[test]
fn a_signal_wakes_the_wire_that_waits_for_it() {
    run(|| {
        let signals = Signals::new(&[Signal::SIGUSR2, Signal::SIGHUP]).unwrap();
        let waiting = go(move || (signals.wait().unwrap(), signals.wait().unwrap()));
        wire_core::yield_now();
        // SAFETY: sends a signal, which is blocked, to this thread.
        unsafe { libc::raise(libc::SIGUSR2) };
        wire_fd::sleep(Duration::from_millis(1)).unwrap();
        assert!(!waiting.is_finished());
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGHUP) };
        assert_eq!(waiting.join().unwrap(), (Signal::SIGUSR2, Signal::SIGHUP));
    });
}

#[test]
fn each_thread_has_wires_of_its_own() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                run(|| {
                    let wires: Vec<_> = (0..10)
                        .map(|n| go(move || wire_fd::sleep(Duration::from_millis(n))))
                        .collect();
                    wires
                        .into_iter()
                        .for_each(|wire| wire.join().unwrap().unwrap());
                });
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn sets_of_signals_may_go_in_any_order() {
    run(|| {
        let first = Signals::new(&[Signal::SIGUSR1]).unwrap();
        let second = Signals::new(&[Signal::SIGUSR1, Signal::SIGALRM]).unwrap();
        drop(first);
        for signal in [Signal::SIGUSR1, Signal::SIGALRM] {
            // SAFETY: sends a signal, which the second set still wants, to this thread.
            unsafe { libc::raise(signal as libc::c_int) };
            assert_eq!(second.wait().unwrap(), signal);
        }
    });
}

#[test]
fn signals_are_blocked_as_long_as_a_set_wants_them() {
    let blocked = |signal| {
        nix::sys::signal::SigSet::thread_get_mask()
            .unwrap()
            .contains(signal)
    };
    let first = Signals::new(&[Signal::SIGURG]).unwrap();
    let second = Signals::new(&[Signal::SIGURG, Signal::SIGWINCH]).unwrap();
    drop(first);
    assert!(
        blocked(Signal::SIGURG) && blocked(Signal::SIGWINCH),
        "the second set still wants both"
    );
    drop(second);
    assert!(!blocked(Signal::SIGURG) && !blocked(Signal::SIGWINCH));
}

#[test]
fn the_destructors_of_an_ending_thread_may_use_descriptors() {
    use std::cell::RefCell;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use wire_fd::Watch;

    struct Farewell(Watch<UnixStream>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            (&self.0).write_all(b"farewell").unwrap();
        }
    }
    thread_local! {
        static KEPT: RefCell<Option<Farewell>> = const { RefCell::new(None) };
    }
    let (a, mut b) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        // Its destructor is registered before that of anything of this crate, so it runs after.
        KEPT.with_borrow_mut(|kept| {
            run(|| {
                wire_fd::sleep(Duration::from_micros(1)).unwrap();
                *kept = Some(Farewell(Watch::new(a).unwrap()));
            });
        });
    })
    .join()
    .unwrap();
    let mut said = String::new();
    b.read_to_string(&mut said).unwrap();
    assert_eq!(said, "farewell");
}
