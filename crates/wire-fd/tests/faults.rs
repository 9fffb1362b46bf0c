//! What goes wrong with descriptors, and what is seen of it.
mod common;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::go;
use wire_core::{run, yield_now};
use wire_fd::{Watch, sleep, timeout};

const MS: Duration = Duration::from_millis(1);
/// Long enough for any machine; only a fault takes it.
const LONG: Duration = Duration::from_secs(20);

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (a, listener.accept().unwrap().0)
}

/// Ends a connection by a reset.
fn reset(stream: TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let size = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: an open socket, and a value of the size given.
    let set = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        )
    };
    assert_eq!(set, 0);
    drop(stream);
}

#[test]
fn a_reset_is_an_error_whenever_it_comes() {
    run(|| {
        let error = |result: io::Result<usize>| result.unwrap_err().raw_os_error().unwrap();
        // Before anybody waits, with data on its way.
        let (mut a, b) = tcp();
        let b = Watch::new(b).unwrap();
        a.write_all(b"last").unwrap();
        reset(a);
        sleep(MS).unwrap();
        assert_eq!((&b).read(&mut [0; 8]).unwrap(), 4, "what came before");
        let told = timeout(LONG, || error((&b).read(&mut [0; 8])));
        assert_eq!(told, Ok(libc::ECONNRESET), "in the same edge");
        assert_eq!(
            (&b).read(&mut [0; 8]).unwrap(),
            0,
            "told once, then the end"
        );
        assert_eq!(error((&b).write(b"x")), libc::EPIPE);
        // While somebody waits to read.
        let (a, b) = tcp();
        let b = Watch::new(b).unwrap();
        let reader = go(move || error((&b).read(&mut [0; 8])));
        yield_now();
        reset(a);
        let told = timeout(LONG, || reader.join()).unwrap();
        assert_eq!(told.unwrap(), libc::ECONNRESET);
        // While somebody waits to write, and somebody else to read.
        let (a, b) = tcp();
        let b = Rc::new(Watch::new(b).unwrap());
        let both = Rc::clone(&b);
        let writer = go(move || {
            let chunk = [0; 65536];
            loop {
                if let Err(error) = (&*both).write(&chunk) {
                    return error.raw_os_error().unwrap();
                }
            }
        });
        let reader = go(move || {
            (&*b)
                .read(&mut [0; 8])
                .map_err(|e| e.raw_os_error().unwrap())
        });
        sleep(5 * MS).unwrap();
        assert!(!writer.is_finished() && !reader.is_finished());
        reset(a);
        // The error is told to one of them; the other sees what it left.
        let wrote = timeout(LONG, || writer.join()).unwrap().unwrap();
        let read = timeout(LONG, || reader.join()).unwrap().unwrap();
        assert!(matches!(wrote, libc::ECONNRESET | libc::EPIPE), "{wrote}");
        assert!(matches!(read, Err(libc::ECONNRESET) | Ok(0)), "{read:?}");
    });
}

#[test]
fn a_half_closed_connection_still_goes_the_other_way() {
    run(|| {
        let (a, b) = tcp();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let server = go(move || {
            let mut all = Vec::new();
            (&b).read_to_end(&mut all).unwrap();
            // More than fits at once: it has to wait with the other side done.
            for _ in 0..64 {
                (&b).write_all(&[all[0]; 65536]).unwrap();
            }
        });
        (&a).write_all(b"question").unwrap();
        a.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
        sleep(5 * MS).unwrap();
        let mut answer = Vec::new();
        timeout(LONG, || (&a).read_to_end(&mut answer))
            .unwrap()
            .unwrap();
        assert_eq!(answer.len(), 64 * 65536);
        server.join().unwrap();
    });
}

#[test]
fn who_waits_for_one_that_was_closed_and_its_number_used_again_is_told() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let number = {
            // SAFETY: duplicates an open descriptor to a number that other tests here do not use.
            let fd = unsafe { libc::fcntl(a.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 950) };
            assert!(fd >= 950);
            fd
        };
        // SAFETY: just made.
        let old = Watch::new(unsafe { OwnedFd::from_raw_fd(number) }).unwrap();
        let waiting = go(move || {
            let error = old.readable().unwrap_err().raw_os_error();
            let later = old.readable().unwrap_err().raw_os_error();
            old.close(); // is no business of the new one
            // It is not its own any more.
            std::mem::forget(old.into_inner());
            (error, later)
        });
        yield_now();
        // Closed behind its back, by other code, and in the same moment opened as something else.
        let (mut c, d) = UnixStream::pair().unwrap();
        // SAFETY: open descriptors; closing `number` is the fault that is tried.
        assert_eq!(unsafe { libc::dup2(d.as_raw_fd(), number) }, number);
        // SAFETY: it is ours now: the other owner forgets it.
        let new = Watch::new(unsafe { OwnedFd::from_raw_fd(number) }).unwrap();
        let told = timeout(LONG, || waiting.join()).unwrap().unwrap();
        assert_eq!(told, (Some(libc::EBADF), Some(libc::EBADF)));
        // The new one works, and is registered still.
        let waiting = go(move || new.readable().map(|()| new));
        yield_now();
        c.write_all(b"x").unwrap();
        let new = timeout(LONG, || waiting.join()).unwrap().unwrap().unwrap();
        drop((new, b));
    });
}

#[test]
fn duplicates_are_watched_apart() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let copy = b.try_clone().unwrap();
        let (b, copy) = (Watch::new(b).unwrap(), Rc::new(Watch::new(copy).unwrap()));
        let waiting = go({
            let copy = Rc::clone(&copy);
            move || copy.readable()
        });
        let other = go(move || b.readable().map(|()| b));
        yield_now();
        (&a).write_all(b"x").unwrap();
        timeout(LONG, || waiting.join()).unwrap().unwrap().unwrap();
        let b = timeout(LONG, || other.join()).unwrap().unwrap().unwrap();
        // One goes; its file stays open under the other number, and so would its registration.
        let number = b.get_ref().as_raw_fd();
        drop(b);
        assert_eq!((&*copy).read(&mut [0; 8]).unwrap(), 1);
        let (_c, d) = UnixStream::pair().unwrap();
        let fresh = Watch::new(d).unwrap();
        (&a).write_all(b"y").unwrap();
        let ready = timeout(5 * MS, || fresh.readable());
        assert!(ready.unwrap().is_err(), "number {number} was another's");
        assert_eq!((&*copy).read(&mut [0; 8]).unwrap(), 1);
    });
}

#[test]
fn a_handler_that_interrupts_the_sleep_in_the_kernel_does_no_harm() {
    extern "C" fn nothing(_: libc::c_int) {}
    run(|| {
        // SAFETY: a handler that does nothing, without restarting calls.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as *const () as usize;
            assert_eq!(
                libc::sigaction(libc::SIGVTALRM, &action, std::ptr::null_mut()),
                0
            );
        }
        // SAFETY: the calling thread.
        let me = unsafe { libc::pthread_self() };
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|s| {
            s.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    // SAFETY: that thread waits for this one.
                    unsafe { libc::pthread_kill(me, libc::SIGVTALRM) };
                    std::thread::sleep(MS);
                }
            });
            let (_a, b) = UnixStream::pair().unwrap();
            let b = Watch::new(b).unwrap();
            let start = Instant::now();
            let late = timeout(30 * MS, || b.readable()).unwrap().unwrap_err();
            assert_eq!(late.kind(), io::ErrorKind::TimedOut);
            assert!(start.elapsed() >= 30 * MS);
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn a_scheduler_that_ends_in_a_panic_leaves_no_wait_behind() {
    let ended = Rc::new(Cell::new(0));
    struct Ends(Rc<Cell<u32>>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (mut a, b) = UnixStream::pair().unwrap();
    let b = Rc::new(Watch::new(b).unwrap());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(|| {
            for _ in 0..3 {
                let (b, ends) = (Rc::clone(&b), Ends(Rc::clone(&ended)));
                go(move || (b.readable().is_ok(), ends).0).detach();
            }
            let ends = Ends(Rc::clone(&ended));
            go(move || (sleep(Duration::from_secs(3600)), ends).0.is_ok()).detach();
            sleep(MS).unwrap();
            panic!("with waits in flight");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(ended.get(), 4);
    run(|| {
        a.write_all(b"x").unwrap();
        b.readable().unwrap();
    });
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// `WIRE_CHURN` says how many: 50,000 by `cargo xtask deep soak`.
#[test]
fn connections_come_and_go_and_nothing_is_left() {
    let count = std::env::var("WIRE_CHURN").map_or(1500, |text| text.parse().unwrap());
    const AT_ONCE: usize = 50;
    run(|| {
        let round = |connections: usize| {
            let listener = Watch::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
            let addr = listener.get_ref().local_addr().unwrap();
            let server = go(move || {
                for _ in 0..connections {
                    let (stream, _) = listener.read_with(TcpListener::accept).unwrap();
                    let stream = Watch::new(stream).unwrap();
                    let mut byte = [0];
                    if (&stream).read(&mut byte).unwrap_or(0) == 1 {
                        let _ = (&stream).write_all(&byte);
                    }
                }
            });
            for n in 0..connections {
                let client = Watch::new(TcpStream::connect(addr).unwrap()).unwrap();
                (&client).write_all(b"x").unwrap();
                match n % 3 {
                    0 => assert_eq!((&client).read(&mut [0; 2]).unwrap(), 1),
                    1 => reset(client.into_inner()),
                    _ => drop(client),
                }
            }
            server.join().unwrap();
        };
        round(AT_ONCE);
        // Other tests of this program open some meanwhile.
        let before = open_descriptors();
        for _ in 0..count / AT_ONCE {
            round(AT_ONCE);
        }
        assert!(open_descriptors() < before + AT_ONCE);
    });
}
