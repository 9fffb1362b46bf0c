//! What a Go programmer knows of channels and `select`, statement by statement.
//!
//! `chan T` is a [`Channel`], `make(chan T, 3)` a `Channel::<T, 3>::bounded()`, `select` a
//! [`wait_fair`], one with a `default` a [`try_fair`]. Where Go panics (sending to a closed channel), the sender has
//! an error with its message here; and closing twice is no error at all.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_channel::{Channel, Closed, RecvError, Refusal, TryRecvError};
use wire_core::{Interrupt, run};
use wire_wait::{Arm, Source, Wakeup, on, try_fair, wait_fair};

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

/// `select { case …: default: }`
#[test]
fn select_takes_the_default_if_nothing_is_ready() {
    let (from, to) = (buffered::<u8, 1>(), buffered::<u8, 1>());
    let select = |message| {
        let sending = to.sending(message);
        let received = on(from, |item| format!("received {item:?}"));
        let sent = on(&sending, |result| format!("sent {result:?}"));
        try_fair(&[&received, &sent]).unwrap_or("default".into())
    };
    to.try_send(1).unwrap();
    assert_eq!(select(2), "default");
    assert_eq!((from.len(), to.len()), (0, 1), "nothing was moved");
    from.try_send(3).unwrap();
    assert_eq!(select(4), "received Ok(3)");
    assert_eq!(to.try_recv(), Ok(1));
    assert_eq!(select(5), "sent Ok(())");
    assert_eq!(to.try_recv(), Ok(5));
}

#[test]
fn select_waits_until_one_can_go_on_and_does_that_one_only() {
    let (a, b) = (unbuffered::<u32>(), unbuffered::<u32>());
    run(|| {
        let select = || wait_fair(&[&on(a, |item| ("a", item)), &on(b, |item| ("b", item))]);
        let selecting = spawn("select", select);
        settle();
        assert!(!selecting.is_finished());
        b.send(1).unwrap();
        assert_eq!(selecting.join().unwrap(), Ok(("b", Ok(1))));

        // Both can go on: one does, and the other keeps its message.
        for (ch, number) in [(a, 2), (b, 3)] {
            spawn("sender", move || ch.send(number)).detach();
        }
        settle();
        let (first, _) = select().unwrap();
        let left = if first == "a" { (b, Ok(3)) } else { (a, Ok(2)) };
        assert_eq!(left.0.try_recv(), left.1);
        assert_eq!(try_fair(&[&on(a, |item| item), &on(b, |item| item)]), None);
    });
}

#[test]
fn select_sends_and_receives() {
    let (requests, answers) = (unbuffered(), unbuffered());
    let served = run(|| {
        // It takes a request while it has no answer to give, and gives one while somebody wants it.
        let server = spawn("server", || {
            let (mut pending, mut served) = (None, 0);
            loop {
                let sending = answers.sending(pending.unwrap_or(0));
                let receive = on(requests, |item: Result<u32, Closed>| item.ok().map(Err));
                let send = on(&sending, |result| Some(Ok(result.is_ok())));
                let arm: &dyn Arm<_> = if pending.is_none() { &receive } else { &send };
                match wait_fair(&[arm]).unwrap() {
                    Some(Err(request)) => pending = Some(request * request),
                    Some(Ok(sent)) => {
                        assert!(sent);
                        pending = None;
                        served += 1;
                    }
                    None => return served,
                }
            }
        });
        for number in 1..=5 {
            requests.send(number).unwrap();
            assert_eq!(answers.recv(), Ok(number * number));
        }
        requests.close();
        server.join().unwrap()
    });
    assert_eq!(served, 5);
}

#[test]
fn select_chooses_evenly_among_those_that_are_ready() {
    const ROUNDS: u32 = 4000;
    let channels: [_; 4] = std::array::from_fn(|_| buffered::<(), 1>());
    let mut wins = [0; 4];
    run(|| {
        for _ in 0..ROUNDS {
            for ch in channels {
                // Where the last round has not taken it, it is still there.
                let _ = ch.try_send(());
            }
            let arms = [0, 1, 2, 3].map(|index| on(channels[index], move |_| index));
            let [a, b, c, d] = &arms;
            wins[wait_fair(&[a, b, c, d]).unwrap()] += 1;
        }
    });
    // Each has a quarter, within five standard deviations.
    assert!(
        wins.iter().all(|win| (863..=1137).contains(win)),
        "{wins:?}"
    );
}

/// In Go one sets a channel's variable to nil; here its arm is left out.
#[test]
fn select_without_a_channel_that_is_nil() {
    let received = run(|| {
        let [a, b] = [[1, 3, 5], [2, 4, 6]].map(|numbers| {
            let ch = unbuffered();
            spawn("sender", move || {
                for number in numbers {
                    ch.send(number).unwrap();
                }
                ch.close();
            })
            .detach();
            ch
        });
        let (mut left, mut right, mut received) = (Some(a), Some(b), Vec::new());
        while left.is_some() || right.is_some() {
            let [from_left, from_right] = [(left, true), (right, false)]
                .map(|(ch, is_left)| ch.map(|ch| on(ch, move |item| (is_left, item))));
            let arms: Vec<&dyn Arm<_>> = [&from_left, &from_right]
                .into_iter()
                .flatten()
                .map(|arm| arm as _)
                .collect();
            match wait_fair(&arms).unwrap() {
                (_, Ok(number)) => received.push(number),
                (true, Err(Closed)) => left = None,
                (false, Err(Closed)) => right = None,
            }
        }
        received
    });
    let of = |rest| {
        received
            .iter()
            .copied()
            .filter(move |number| number % 2 == rest)
    };
    assert_eq!(of(1).collect::<Vec<_>>(), [1, 3, 5]);
    assert_eq!(of(0).collect::<Vec<_>>(), [2, 4, 6]);
}

/// `select {}`
#[test]
fn select_of_nothing_waits_for_ever() {
    let (result, stuck) = run_stuck(|| wait_fair::<()>(&[]));
    assert_eq!(result, Some(Err(Interrupt::Cancelled)));
    assert_eq!(stuck.len(), 1);
    assert_eq!(try_fair::<()>(&[]), None);
}

#[test]
fn a_closed_channel_is_always_ready_to_be_received_from() {
    let (closed, open) = (buffered::<u32, 1>(), buffered::<u32, 1>());
    closed.close();
    run(|| {
        for _ in 0..3 {
            let result = wait_fair(&[&on(closed, |item| item), &on(open, |item| item)]);
            assert_eq!(result, Ok(Err(Closed)));
        }
        // Go panics when it is to send there; here that arm is ready too, and gives the message back.
        let sending = closed.sending(7);
        let refused = wait_fair(&[&on(&sending, |result| result)]).unwrap();
        let refused = refused.unwrap_err();
        assert_eq!((refused.value, refused.why), (7, Refusal::Closed));
    });
}

#[test]
fn closing_ends_a_select_that_waits() {
    let (a, b) = (unbuffered::<u32>(), unbuffered::<u32>());
    run(|| {
        let receives = spawn("receives", || {
            wait_fair(&[&on(a, |item| item), &on(b, |item| item)])
        });
        settle();
        b.close();
        assert_eq!(receives.join().unwrap(), Ok(Err(Closed)));

        let sends = spawn("sends", || {
            let sending = a.sending(1);
            wait_fair(&[&on(&sending, |result| result.map_err(|error| error.why))])
        });
        settle();
        a.close();
        assert_eq!(sends.join().unwrap(), Ok(Err(Refusal::Closed)));
    });
}

#[test]
fn select_does_not_send_to_itself() {
    let ch = unbuffered();
    run(|| {
        let select = move |number| {
            let sending = ch.sending(number);
            wait_fair(&[
                &on(&sending, |sent| sent.map(|()| None).unwrap()),
                &on(ch, |item| Some(item.unwrap())),
            ])
        };
        let first = spawn("first", move || select(1));
        settle();
        assert!(!first.is_finished());
        // Two of them do talk to each other.
        let second = spawn("second", move || select(2));
        let results = (
            first.join().unwrap().unwrap(),
            second.join().unwrap().unwrap(),
        );
        assert!(
            matches!(results, (Some(2), None) | (None, Some(1))),
            "{results:?}"
        );
        assert!(Source::queue(ch).is_empty());
    });
}

/// `case <-time.After(…)`, and `<-quit`: anything that can be waited for will do.
#[test]
fn select_with_a_way_out() {
    let (ch, quit) = (unbuffered::<u32>(), leak(Wakeup::new()));
    run(|| {
        let worker = spawn("worker", || {
            let mut sum = 0;
            loop {
                match wait_fair(&[&on(ch, Some), &on(quit, |()| None)]).unwrap() {
                    Some(item) => sum += item.unwrap(),
                    None => return sum,
                }
            }
        });
        for number in [1, 2, 3] {
            ch.send(number).unwrap();
        }
        quit.resume();
        assert_eq!(worker.join().unwrap(), 6);
    });
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
