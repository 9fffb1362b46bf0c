//! What a Go programmer knows of `select`, statement by statement.
//!
//! `select` is a [`wait_fair`], one with a `default` a [`try_fair`]; `case v := <-ch` is the channel as an arm, and
//! `case ch <- v` its [`sending`](Channel::sending).
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use common::{leak, run_stuck, settle, spawn};
use wire_channel::{Channel, Closed, Refusal};
use wire_core::{Interrupt, run};
use wire_wait::{Arm, Source, Wakeup, on, try_fair, wait_fair};

fn unbuffered<T>() -> &'static Channel<T> {
    leak(Channel::new())
}

fn buffered<T, const N: usize>() -> &'static Channel<T, N> {
    leak(Channel::bounded())
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
