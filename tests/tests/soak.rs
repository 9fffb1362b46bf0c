//! Everything at once, for long: wires come, wait for each other, sockets, timers and threads, are
//! cancelled and timed out at any moment, and in the end nothing is left over.
//!
//! Run by `cargo xtask deep soak`; `WIRE_SOAK_SECONDS` says for how long (30), `WIRE_SOAK_SEED` from
//! which seed, which is printed.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use libwire as wire;
use tokio::sync::oneshot;
use wire::{Channel, JoinError, Mutex, Semaphore, Watch};

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// xorshift64*: enough to choose by, and repeatable.
struct Dice(Cell<u64>);

impl Dice {
    fn below(&self, n: u64) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }

    fn micros(&self, most: u64) -> Duration {
        Duration::from_micros(self.below(most))
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

struct World {
    dice: Dice,
    numbers: Channel<u64>,
    mutex: Mutex<u64>,
    permits: Semaphore,
    letters: (Sender<u64>, Receiver<u64>),
    ask: mpsc::Sender<(Duration, oneshot::Sender<()>)>,
    done: Cell<u64>,
}

/// One of the things a wire does. Interruptions come at any wait; they end it and no more.
fn task(world: &World) {
    let _ = wire::timeout(
        world.dice.micros(3000) + Duration::from_micros(50),
        || match world.dice.below(11) {
            0 => drop(world.numbers.send(1)),
            1 => drop(world.numbers.recv()),
            2 => {
                if let Ok(mut total) = world.mutex.lock() {
                    *total += 1;
                    wire::yield_now();
                }
            }
            3 => {
                if let Ok(_permit) = world.permits.acquire() {
                    wire::sleep(world.dice.micros(200));
                }
            }
            4 => {
                let (a, b) = UnixStream::pair().unwrap();
                let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
                wire::scope(|s| {
                    s.spawn(|| drop((&b).write_all(&[1; 100])));
                    let _ = (&a).read_exact(&mut [0; 100]);
                });
            }
            5 => {
                let micros = world.dice.micros(100);
                wire::offload(move || std::thread::sleep(micros));
            }
            6 => {
                wire::scope(|s| {
                    let inner = s.spawn(|| wire::sleep(world.dice.micros(2000)));
                    wire::sleep(world.dice.micros(500));
                    inner.cancel();
                    assert!(matches!(
                        inner.join(),
                        Ok(()) | Err(JoinError::Cancelled | JoinError::Interrupted(_))
                    ));
                });
            }
            7 => drop(wire::block_on(world.letters.0.send(1))),
            8 => drop(wire::block_on(world.letters.1.recv())),
            9 => {
                let (answer, answered) = oneshot::channel();
                world.ask.send((world.dice.micros(300), answer)).unwrap();
                let _ = wire::block_on(answered);
            }
            _ => wire::sleep(world.dice.micros(1000)),
        },
    );
    world.done.set(world.done.get() + 1);
}

fn wave(world: &World) {
    wire::scope(|s| {
        for _ in 0..200 {
            let wire = s.spawn(|| task(world));
            if world.dice.below(4) == 0 {
                wire.cancel();
            }
            if world.dice.below(4) == 0 {
                wire::yield_now();
            }
        }
    });
}

/// A thread that answers each after its time, though those who asked may be gone by then.
fn answerer() -> mpsc::Sender<(Duration, oneshot::Sender<()>)> {
    let (ask, asked) = mpsc::channel::<(Duration, oneshot::Sender<()>)>();
    std::thread::spawn(move || {
        for (time, answer) in asked {
            std::thread::sleep(time / 8);
            let _ = answer.send(());
        }
    });
    ask
}

#[test]
fn nothing_is_left_over() {
    let seconds = from_env("WIRE_SOAK_SECONDS", 30);
    let seed = from_env("WIRE_SOAK_SEED", 0x5eed_0001);
    println!("seed {seed}, {seconds} s");
    wire::run(|| {
        let world = World {
            dice: Dice(Cell::new(seed)),
            numbers: Channel::new(),
            mutex: Mutex::new(0),
            permits: Semaphore::new(3),
            letters: async_channel::bounded(1),
            ask: answerer(),
            done: Cell::new(0),
        };
        (0..20).for_each(|_| wave(&world));
        let (descriptors, resident) = (open_descriptors(), resident_kib());
        let start = Instant::now();
        let mut waves = 0;
        while start.elapsed() < Duration::from_secs(seconds) {
            wave(&world);
            waves += 1;
        }
        println!(
            "{waves} waves, {} tasks done, {} KiB resident",
            world.done.get(),
            resident_kib()
        );
        assert!(waves > 0 && world.done.get() > 0);
        assert_eq!(open_descriptors(), descriptors);
        assert!(
            resident_kib() < resident + 8 * 1024,
            "from {resident} to {} KiB",
            resident_kib()
        );
        assert_eq!(world.permits.available(), 3);
        assert!(world.mutex.try_lock().is_some());
        assert!(world.numbers.try_recv().is_err());
    });
}
