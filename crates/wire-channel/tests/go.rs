//! What a Go programmer knows of channels, statement by statement.
//!
//! `chan T` is a [`Channel`], `make(chan T, 3)` a `Channel::<T, 3>::bounded()`. Where Go panics (sending to a closed
//! channel), the sender has an error with its message here; and closing twice is no error at all.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;

use common::{Trace, leak, settle, spawn};
use wire_channel::{Channel, RecvError, Refusal, TryRecvError};
use wire_core::run;

fn unbuffered<T>() -> &'static Channel<T> {
    leak(Channel::new())
}

fn buffered<T, const N: usize>() -> &'static Channel<T, N> {
    leak(Channel::bounded())
}

#[test]
fn an_unbuffered_send_waits_until_it_is_received() {
    let (ch, trace) = (unbuffered(), Trace::new());
    assert_eq!((ch.len(), ch.capacity()), (0, 0));
    run(|| {
        let told = trace.clone();
        let sender = spawn("sender", move || {
            ch.send("hello").unwrap();
            told.add("sent");
        });
        settle();
        assert_eq!((trace.take(), ch.len()), (vec![], 0));
        assert_eq!(ch.recv(), Ok("hello"));
        trace.add("received");
        sender.join().unwrap();
        assert_eq!(trace.take(), ["received", "sent"]);
    });
}

#[test]
fn an_unbuffered_receive_waits_until_something_is_sent() {
    let (ch, trace) = (unbuffered(), Trace::new());
    run(|| {
        let told = trace.clone();
        let receiver = spawn("receiver", move || told.add(ch.recv()));
        settle();
        assert_eq!(trace.take(), []);
        ch.send(1).unwrap();
        receiver.join().unwrap();
        assert_eq!(trace.take(), [Ok(1)]);
    });
}

/// `done <- true` at the end, `<-done` to wait for it: what came before the one is seen after the other.
#[test]
fn a_channel_tells_that_something_is_done() {
    let (done, work) = (unbuffered(), leak(Cell::new(0)));
    run(|| {
        spawn("worker", || {
            work.set(42);
            done.send(()).unwrap();
        })
        .detach();
        assert_eq!(done.recv(), Ok(()));
        assert_eq!(work.get(), 42);
    });
}

#[test]
fn a_buffered_send_waits_only_if_the_buffer_is_full() {
    let (ch, trace) = (buffered::<_, 2>(), Trace::new());
    run(|| {
        let told = trace.clone();
        let sender = spawn("sender", move || {
            for number in 1..=4 {
                ch.send(number).unwrap();
                told.add(number);
            }
        });
        settle();
        assert_eq!(trace.take(), [1, 2], "there is room for two");
        assert_eq!((ch.len(), ch.capacity()), (2, 2));
        assert_eq!(ch.recv(), Ok(1));
        settle();
        assert_eq!(trace.take(), [3], "one has gone, one has come");
        assert_eq!(ch.len(), 2);
        assert_eq!([ch.recv(), ch.recv(), ch.recv()], [Ok(2), Ok(3), Ok(4)]);
        sender.join().unwrap();
        assert_eq!((trace.take(), ch.len()), (vec![4], 0));
    });
}

#[test]
fn a_buffered_receive_waits_only_if_the_buffer_is_empty() {
    let ch = buffered::<_, 2>();
    run(|| {
        ch.send(1).unwrap();
        ch.send(2).unwrap();
        assert_eq!([ch.recv(), ch.recv()], [Ok(1), Ok(2)]);
        let receiver = spawn("receiver", || ch.recv());
        settle();
        assert!(!receiver.is_finished());
        ch.send(3).unwrap();
        assert_eq!(
            ch.len(),
            0,
            "it went to the one that waited, past the buffer"
        );
        assert_eq!(receiver.join().unwrap(), Ok(3));
    });
}

#[test]
fn messages_keep_their_order_through_buffer_and_waiting_senders() {
    let ch = buffered::<_, 3>();
    run(|| {
        for number in 0..10 {
            spawn("sender", move || ch.send(number).unwrap()).detach();
        }
        settle();
        let received = [(); 10].map(|()| ch.recv().unwrap());
        assert_eq!(received, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
}

#[test]
fn receivers_are_served_in_the_order_in_which_they_came() {
    let (ch, trace) = (buffered::<_, 1>(), Trace::new());
    run(|| {
        for number in 0..3 {
            let trace = trace.clone();
            spawn("receiver", move || trace.add((number, ch.recv().unwrap()))).detach();
        }
        settle();
        for message in ["a", "b", "c"] {
            ch.send(message).unwrap();
        }
        settle();
        assert_eq!(trace.take(), [(0, "a"), (1, "b"), (2, "c")]);
    });
}

/// `v, ok := <-ch`: what was sent before comes first, then `ok` is false for ever.
#[test]
fn a_closed_channel_gives_what_is_left_and_then_its_end() {
    let ch = buffered::<_, 3>();
    run(|| {
        ch.send(1).unwrap();
        ch.send(2).unwrap();
        ch.close();
        assert_eq!([ch.recv(), ch.recv()], [Ok(1), Ok(2)]);
        for _ in 0..3 {
            assert_eq!(ch.recv(), Err(RecvError::Closed));
            assert_eq!(ch.try_recv(), Err(TryRecvError::Closed));
        }
    });
}

#[test]
fn closing_tells_all_who_wait_to_receive() {
    let (none, some) = (unbuffered::<u8>(), buffered::<u8, 2>());
    run(|| {
        let receivers = [0, 1, 2].map(|_| spawn("receiver", || (none.recv(), some.recv())));
        settle();
        none.close();
        settle();
        some.close();
        for receiver in receivers {
            let ends = (Err(RecvError::Closed), Err(RecvError::Closed));
            assert_eq!(receiver.join().unwrap(), ends);
        }
    });
}

/// Go panics; here the sender has its message back, whether it came later or waited already. What is in the
/// buffer stays.
#[test]
fn sending_to_a_closed_channel_is_an_error() {
    let ch = buffered::<_, 1>();
    run(|| {
        ch.send("in the buffer").unwrap();
        let waiting = spawn("sender", || ch.send("waits"));
        settle();
        ch.close();
        let refused = waiting.join().unwrap().unwrap_err();
        assert_eq!((refused.value, refused.why), ("waits", Refusal::Closed));
        let refused = ch.send("late").unwrap_err();
        assert_eq!((refused.value, refused.why), ("late", Refusal::Closed));
        assert_eq!(ch.try_send("later").unwrap_err().why, Refusal::Closed);
        assert_eq!(ch.recv(), Ok("in the buffer"));
        assert_eq!(ch.recv(), Err(RecvError::Closed));
    });
}

/// Go panics.
#[test]
fn closing_twice_is_no_error() {
    let ch = buffered::<_, 1>();
    ch.try_send(1).unwrap();
    ch.close();
    ch.close();
    assert!(ch.is_closed());
    assert_eq!(ch.try_recv(), Ok(1));
}

/// `for v := range ch`.
#[test]
fn a_range_ends_when_the_channel_is_closed_and_empty() {
    fn sends_five<const N: usize>() -> Vec<u32> {
        let ch = buffered::<_, N>();
        run(|| {
            spawn("sender", move || {
                for number in 0..5 {
                    ch.send(number).unwrap();
                }
                ch.close();
            })
            .detach();
            ch.iter().collect()
        })
    }
    for received in [sends_five::<0>(), sends_five::<2>(), sends_five::<9>()] {
        assert_eq!(received, [0, 1, 2, 3, 4]);
    }
}

/// Buffered channels as counting semaphores.
#[test]
fn a_buffer_limits_how_many_work_at_a_time() {
    let (tickets, trace) = (buffered::<(), 2>(), Trace::new());
    let (now, most) = (leak(Cell::new(0)), leak(Cell::new(0)));
    run(|| {
        for number in 0..6 {
            let trace = trace.clone();
            spawn("worker", move || {
                tickets.send(()).unwrap();
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                wire_core::yield_now();
                trace.add(number);
                now.set(now.get() - 1);
                tickets.recv().unwrap();
            })
            .detach();
        }
    });
    assert_eq!(most.get(), 2);
    assert_eq!(trace.take(), [0, 1, 2, 3, 4, 5]);
}

/// The prime sieve that Go is introduced with: a chain of filters, each a wire with a channel.
#[test]
fn the_prime_sieve() {
    fn filter(from: &'static Channel<u32>, prime: u32) -> &'static Channel<u32> {
        let to = unbuffered();
        spawn("filter", move || {
            for number in from.iter().filter(|number| number % prime != 0) {
                if to.send(number).is_err() {
                    break;
                }
            }
            // Whoever feeds this one need not go on.
            from.close();
        })
        .detach();
        to
    }
    let primes = run(|| {
        let mut ch = unbuffered();
        let generated = ch;
        spawn("generate", move || {
            for number in 2.. {
                if generated.send(number).is_err() {
                    break;
                }
            }
        })
        .detach();
        let mut primes = Vec::new();
        for _ in 0..20 {
            let prime = ch.recv().unwrap();
            primes.push(prime);
            ch = filter(ch, prime);
        }
        ch.close();
        primes
    });
    assert_eq!(primes[..8], [2, 3, 5, 7, 11, 13, 17, 19]);
    assert_eq!(primes[19], 71);
}
