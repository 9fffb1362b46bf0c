//! Every wait, by many at once, with each of its ends: served, cancelled while it lasts, and too late.
//!
//! The waits are calls that can fail, so nobody unwinds; an unwinding costs std's one record.

use std::array;
use std::cell::Cell;
use std::time::Duration;

use bench_core::participant::wires::pool;
use bench_harness::counting::More;
use bench_harness::{Cost, stamp};
use clap::ValueEnum;
use wire_channel::{Channel, RecvError, Refusal, SendError};
use wire_core::{Interrupt, JoinHandle};
use wire_fd::timeout;
use wire_lock::{Barrier, Condvar, Mutex, RwLock, Semaphore, WaitGroup};
use wire_pool::{MappedPool, run, yield_now};
use wire_wait::{Wakeup, on, wait_any};

/// Wires that wait at once.
const CROWD: usize = 16;
/// So soon that it takes no time, and yet after the wait has begun: only the monitor tells, another wire.
const SOON: Duration = Duration::from_nanos(1);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    Send,
    Receive,
    ReceiveInPlace,
    SendBounded,
    ReceiveBounded,
    Select,
    SelectToSend,
    Wakeup,
    Mutex,
    Condvar,
    Read,
    Write,
    Semaphore,
    Barrier,
    WaitGroup,
}

impl Wait {
    pub const ALL: [Wait; 15] = [
        Wait::Send,
        Wait::Receive,
        Wait::ReceiveInPlace,
        Wait::SendBounded,
        Wait::ReceiveBounded,
        Wait::Select,
        Wait::SelectToSend,
        Wait::Wakeup,
        Wait::Mutex,
        Wait::Condvar,
        Wait::Read,
        Wait::Write,
        Wait::Semaphore,
        Wait::Barrier,
        Wait::WaitGroup,
    ];

    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Wait::Send => "send",
            Wait::Receive => "receive",
            Wait::ReceiveInPlace => "receive-in-place",
            Wait::SendBounded => "send-bounded",
            Wait::ReceiveBounded => "receive-bounded",
            Wait::Select => "select",
            Wait::SelectToSend => "select-to-send",
            Wait::Wakeup => "wakeup",
            Wait::Mutex => "mutex",
            Wait::Condvar => "condvar",
            Wait::Read => "read",
            Wait::Write => "write",
            Wait::Semaphore => "semaphore",
            Wait::Barrier => "barrier",
            Wait::WaitGroup => "wait-group",
        }
    }

    /// As the report has it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Wait::Send => "16 send: served, cancelled, late",
            Wait::Receive => "16 receive: served, cancelled, late",
            Wait::ReceiveInPlace => "16 receive in place: served, cancelled, late",
            Wait::SendBounded => "16 send, 64 slots: served, cancelled, late",
            Wait::ReceiveBounded => "16 receive, 64 slots: served, cancelled, late",
            Wait::SelectToSend => "16 select of 4 to send: served, cancelled, late",
            Wait::Select => "16 select of 4: served, cancelled, late",
            Wait::Wakeup => "16 wait for a wake-up: served, cancelled, late",
            Wait::Mutex => "16 lock a mutex: served, cancelled, late",
            Wait::Condvar => "16 wait for a condition: served, cancelled, late",
            Wait::Read => "16 want to read: served, cancelled, late",
            Wait::Write => "16 want to write: served, cancelled, late",
            Wait::Semaphore => "16 want a permit: served, cancelled, late",
            Wait::Barrier => "16 at a barrier: served, cancelled, late",
            Wait::WaitGroup => "16 wait for a group: served, cancelled, late",
        }
    }
}

impl More for Wait {
    fn measure(self, operations: u64) -> Result<Cost, String> {
        run(|| match self {
            Wait::Send => send::<0>(operations),
            Wait::Receive => receive::<0>(operations, |channel| channel.recv().map(|_| ())),
            Wait::ReceiveInPlace => receive::<0>(operations, |channel| channel.recv_with(|_| ())),
            Wait::SendBounded => send::<64>(operations),
            Wait::ReceiveBounded => receive::<64>(operations, |channel| channel.recv().map(|_| ())),
            Wait::Select => select(operations),
            Wait::SelectToSend => select_to_send(operations),
            Wait::Wakeup => wakeup(operations),
            Wait::Mutex => mutex(operations),
            Wait::Condvar => condvar(operations),
            Wait::Read => read(operations),
            Wait::Write => write(operations),
            Wait::Semaphore => semaphore(operations),
            Wait::Barrier => barrier(operations),
            Wait::WaitGroup => wait_group(operations),
        })
    }
}

type Waited = Result<(), Interrupt>;

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn of_sending(result: Result<(), SendError<u64>>) -> Waited {
    result.map_err(|error| match error.why {
        Refusal::Interrupted(interrupt) => interrupt,
        other => panic!("{other}"),
    })
}

fn of_receiving(result: Result<(), RecvError>) -> Waited {
    result.map_err(|error| match error {
        RecvError::Interrupted(interrupt) => interrupt,
        other => panic!("{other}"),
    })
}

fn send<const ROOM: usize>(operations: u64) -> Result<Cost, String> {
    let channel = leak(Channel::<_, ROOM>::bounded());
    (0..ROOM).for_each(|_| channel.try_send(1).expect("there is room"));
    let serve = || (0..CROWD).for_each(|_| assert_eq!(channel.try_recv(), Ok(1)));
    all_ends(operations, || of_sending(channel.send(1)), serve)
}

fn receive<const ROOM: usize>(
    operations: u64,
    receive: impl Fn(&Channel<u64, ROOM>) -> Result<(), RecvError> + Copy + 'static,
) -> Result<Cost, String> {
    let channel = leak(Channel::bounded());
    let serve = || (0..CROWD).for_each(|_| channel.send(1).expect("it is open"));
    all_ends(operations, move || of_receiving(receive(channel)), serve)
}

fn select(operations: u64) -> Result<Cost, String> {
    let channels = leak([const { Channel::new() }; 4]);
    let wait = || {
        let [a, b, c, d] = channels;
        let first = wait_any(&[
            &on(a, |message| message),
            &on(b, |message| message),
            &on(c, |message| message),
            &on(d, |message| message),
        ]);
        first.map(|message| assert_eq!(message, Ok(1)))
    };
    let serve = || {
        for channel in channels.iter().cycle().take(CROWD) {
            channel.send(1).expect("it is open");
        }
    };
    all_ends(operations, wait, serve)
}

fn select_to_send(operations: u64) -> Result<Cost, String> {
    let channels = leak([const { Channel::new() }; 4]);
    let wait = || {
        let [a, b, c, d] = channels.each_ref().map(|channel| channel.sending(1));
        let first = wait_any(&[
            &on(&a, |sent| sent),
            &on(&b, |sent| sent),
            &on(&c, |sent| sent),
            &on(&d, |sent| sent),
        ]);
        first.map(|sent| sent.expect("it is open"))
    };
    let serve = || {
        for channel in channels.iter().cycle().take(CROWD) {
            assert_eq!(channel.try_recv(), Ok(1));
        }
    };
    all_ends(operations, wait, serve)
}

fn wakeup(operations: u64) -> Result<Cost, String> {
    let wakeup = leak(Wakeup::new());
    let serve = || {
        wakeup.resume();
        wakeup.reset();
    };
    all_ends(operations, || wakeup.wait(), serve)
}

/// What is held is let go, and held again when all are through.
fn again<G>(held: &Cell<Option<G>>, take: impl FnOnce() -> Result<G, Interrupt>) {
    drop(held.take());
    held.set(Some(take().expect("nobody interrupts")));
}

fn mutex(operations: u64) -> Result<Cost, String> {
    let mutex = leak(Mutex::new(0_u64));
    let held = Cell::new(mutex.try_lock());
    let wait = || mutex.lock().map(|mut value| *value += 1);
    all_ends(operations, wait, || again(&held, || mutex.lock()))
}

fn condvar(operations: u64) -> Result<Cost, String> {
    let (mutex, condvar) = leak((Mutex::new(0_u64), Condvar::new()));
    let wait = || {
        let mut value = mutex.lock()?;
        *value += 1;
        condvar.wait(&mut value)
    };
    let serve = || assert_eq!(condvar.notify_all(), CROWD);
    all_ends(operations, wait, serve)
}

fn read(operations: u64) -> Result<Cost, String> {
    let lock = leak(RwLock::new(0_u64));
    let held = Cell::new(lock.try_write());
    let wait = || lock.read().map(drop);
    all_ends(operations, wait, || again(&held, || lock.write()))
}

fn write(operations: u64) -> Result<Cost, String> {
    let lock = leak(RwLock::new(0_u64));
    let held = Cell::new(lock.try_read());
    let wait = || lock.write().map(|mut value| *value += 1);
    all_ends(operations, wait, || again(&held, || lock.read()))
}

fn semaphore(operations: u64) -> Result<Cost, String> {
    let permits = leak(Semaphore::new(0));
    let wait = || permits.take();
    all_ends(operations, wait, || permits.add(CROWD))
}

fn barrier(operations: u64) -> Result<Cost, String> {
    let barrier = leak(Barrier::new(CROWD + 1));
    let wait = || barrier.wait().map(drop);
    all_ends(operations, wait, || assert!(barrier.wait().is_ok()))
}

fn wait_group(operations: u64) -> Result<Cost, String> {
    let group = leak(WaitGroup::new());
    group.add(1);
    let serve = || {
        group.done();
        // Who finds something to wait for again when its turn comes goes on waiting.
        yield_now();
        group.add(1);
    };
    all_ends(operations, || group.wait(), serve)
}

/// Counts a crowd that waits to be served, one that waits to be cancelled, and one that is in a hurry,
/// `operations` waits each.
fn all_ends(
    operations: u64,
    wait: impl Fn() -> Waited + Copy + 'static,
    serve: impl Fn(),
) -> Result<Cost, String> {
    let pool = pool(CROWD);
    let rounds = operations.div_ceil(CROWD as u64);
    let hurried = move || timeout(SOON, wait).expect("nobody unwinds");
    let round = || {
        ends(pool, wait, Ok(()), |_| serve());
        ends(pool, wait, Err(Interrupt::Cancelled), |crowd| {
            crowd.iter().for_each(JoinHandle::cancel);
        });
        ends(pool, hurried, Err(Interrupt::DeadlinePassed), |_| ());
    };
    round();
    stamp::begin();
    (0..rounds).for_each(|_| round());
    stamp::end();
    stamp::cost(3 * rounds * CROWD as u64)
}

/// Has a crowd wait, does something about it, and makes sure how their waits ended.
fn ends(
    pool: &'static MappedPool,
    wait: impl Fn() -> Waited + Copy + 'static,
    expected: Waited,
    end: impl FnOnce(&[JoinHandle<'static, Waited>; CROWD]),
) {
    let crowd = array::from_fn(|_| pool.spawn("waits", wait).expect("room in the pool"));
    yield_now();
    assert!(crowd.iter().all(|wire| !wire.is_finished()), "all wait");
    end(&crowd);
    for wire in crowd {
        assert_eq!(wire.join().expect("no panic"), expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_has_all_its_ends() {
        // They check that themselves; each measures once in a process, so the first one's count stays.
        for wait in Wait::ALL {
            let cost = wait.measure(100).unwrap();
            assert_eq!(cost.operations, 3 * 112, "{wait:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for wait in Wait::value_variants() {
            let known = wait.to_possible_value().unwrap();
            assert_eq!(known.get_name(), wait.name());
            assert!(Wait::ALL.contains(wait));
        }
    }
}
