//! What one layer promises must hold when another one does the waiting.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use libwire as wire;
use wire::{Channel, Interrupt, JoinError, Mutex, Semaphore, Watch};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_deadline_ends_waits_of_every_layer() {
    wire::run(|| {
        let ch = Channel::<u32>::new();
        let mutex = Mutex::new(());
        let permits = Semaphore::new(0);
        let (a, _b) = UnixStream::pair().unwrap();
        let a = Watch::new(a).unwrap();
        let pool = wire::pool::MappedPool::builder().max(1).build().unwrap();
        wire::scope(|s| {
            let hold = || {
                let _held = mutex.lock()?;
                wire::suspend()
            };
            let busy = pool.spawn_wait_in(s.inner(), "busy", hold).unwrap();
            wire::yield_now();

            assert!(wire::timeout(MS, || ch.recv()).unwrap().is_err());
            assert!(wire::timeout(MS, || ch.send(1)).unwrap().is_err());
            assert!(wire::timeout(MS, || mutex.lock().is_err()).unwrap());
            assert!(wire::timeout(MS, || permits.acquire().is_err()).unwrap());
            assert!(wire::timeout(MS, || a.readable()).unwrap().is_err());
            assert!(wire::timeout(MS, || busy.wait()).unwrap().is_err());
            let full = || pool.spawn_wait_in(s.inner(), "late", || ()).is_err();
            assert!(wire::timeout(MS, full).unwrap());
            assert_eq!(
                wire::timeout(MS, || wire::sleep(Duration::from_secs(60))),
                Err(wire::Elapsed)
            );

            busy.cancel();
            assert_eq!(busy.join().unwrap(), Err(Interrupt::Cancelled));
            assert_eq!(wire::check_interrupt(), Ok(()));
        });
    });
}

#[test]
fn a_scope_that_is_timed_out_takes_its_wires_along() {
    wire::run(|| {
        let start = Instant::now();
        let ended = Cell::new(0);
        let result = wire::timeout(5 * MS, || {
            wire::scope(|s| {
                for _ in 0..10 {
                    s.spawn(|| {
                        struct Count<'a>(&'a Cell<u32>);
                        impl Drop for Count<'_> {
                            fn drop(&mut self) {
                                self.0.set(self.0.get() + 1);
                            }
                        }
                        let _count = Count(&ended);
                        wire::sleep(Duration::from_secs(60));
                    });
                }
                wire::sleep(Duration::from_secs(60));
            });
        });
        assert_eq!(result, Err(wire::Elapsed));
        assert_eq!(ended.get(), 10);
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_pipeline_over_all_layers_keeps_its_order() {
    let path = std::env::temp_dir().join(format!("libwire-pipeline-{}", std::process::id()));
    wire::run(|| {
        let (to_socket, from_socket) = (Channel::new(), Channel::new());
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let written = wire::scope(|s| {
            s.spawn(|| {
                for n in 0..200_u32 {
                    to_socket.send(n).unwrap();
                }
                to_socket.close();
            });
            s.spawn(|| {
                while let Ok(n) = to_socket.recv() {
                    (&a).write_all(&n.to_be_bytes()).unwrap();
                }
                a.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
            });
            s.spawn(|| {
                let mut number = [0; 4];
                while (&b).read_exact(&mut number).is_ok() {
                    from_socket.send(u32::from_be_bytes(number)).unwrap();
                }
                from_socket.close();
            });
            let mut file = wire::File::create(&path).unwrap();
            let mut count = 0;
            while let Ok(n) = from_socket.recv() {
                let line = wire::offload(move || format!("{n}\n"));
                file.write_all(line.as_bytes()).unwrap();
                count += 1;
            }
            count
        });
        assert_eq!(written, 200);
        let mut text = String::new();
        wire::File::open(&path)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(
            text.lines()
                .map(|line| line.parse::<u32>().unwrap())
                .eq(0..200)
        );
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_panic_in_one_wire_leaves_the_others_alone() {
    wire::run(|| {
        let order: Rc<RefCell<Vec<&str>>> = Rc::default();
        let note = |what| {
            let order = Rc::clone(&order);
            move || order.borrow_mut().push(what)
        };
        let bad = wire::spawn(|| panic!("meant"));
        let good = wire::spawn(note("good"));
        assert!(matches!(bad.join(), Err::<(), _>(JoinError::Panicked(_))));
        good.join().unwrap();
        wire::spawn(note("later")).join().unwrap();
        assert_eq!(*order.borrow(), ["good", "later"]);
    });
}

#[test]
fn two_threads_have_schedulers_of_their_own() {
    let threads: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(|| {
                wire::run(|| {
                    let ch = Rc::new(Channel::new());
                    let sender = wire::spawn({
                        let ch = Rc::clone(&ch);
                        move || (0..1000).try_for_each(|n| ch.send(n).map_err(drop))
                    });
                    let mut sum = 0;
                    for _ in 0..1000 {
                        sum += ch.recv().unwrap();
                    }
                    sender.join().unwrap().unwrap();
                    sum
                })
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 499_500);
    }
}

#[test]
fn ten_thousand_wires_wait_and_go_on() {
    wire::run(|| {
        let start = wire::wait::Wakeup::new();
        let count = Cell::new(0);
        wire::scope(|s| {
            for _ in 0..10_000 {
                s.spawn(|| {
                    start.wait().unwrap();
                    count.set(count.get() + 1);
                });
            }
            wire::yield_now();
            assert_eq!(count.get(), 0);
            start.resume();
        });
        assert_eq!(count.get(), 10_000);
    });
}

#[test]
fn the_first_of_a_channel_a_socket_and_a_wake_up() {
    use wire::wait::{Wakeup, on, wait_any};
    wire::run(|| {
        let (ch, stop) = (Channel::new(), Wakeup::new());
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        wire::scope(|s| {
            s.spawn(|| {
                ch.send(5).unwrap();
                (&a).write_all(b"x").unwrap();
                wire::sleep(MS);
                stop.resume();
            });
            let next = || {
                let ready = b.to_read().unwrap();
                let message = on(&ch, |n| n.map_or("closed", |_| "message"));
                let (bytes, stopped) = (on(&ready, |()| "bytes"), on(&stop, |()| "stop"));
                wait_any(&[&message, &bytes, &stopped]).unwrap()
            };
            assert_eq!(next(), "message");
            assert_eq!(next(), "bytes");
            assert!(!stop.is_triggered());
            let (message, stopped) = (on(&ch, |_| "message"), on(&stop, |()| "stop"));
            assert_eq!(wait_any(&[&message, &stopped]).unwrap(), "stop");
        });
    });
}
