//! Nothing in this crate allocates, contended and cancelled paths included.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;
#[path = "../../wire-wait/tests/counting/mod.rs"]
mod counting;

use common::{leak, settle, spawn};
use wire_channel::Channel;
use wire_core::run;

#[test]
fn messages_do_not_allocate() {
    let ch: &Channel<[u64; 8]> = leak(Channel::new());
    run(|| {
        let senders = [1, 2, 3].map(|number| {
            spawn("sender", move || {
                let mut count = 0;
                while ch.send([number; 8]).is_ok() {
                    count += 1;
                }
                count
            })
        });
        let receiver = spawn("receiver", || {
            let mut sum = 0;
            while let Ok(number) = ch.recv_with(|message| message[7]) {
                sum += number;
            }
            sum
        });
        settle_some();
        let before = counting::allocations();
        let mut sum = 0;
        for _ in 0..1000 {
            sum += ch.recv().unwrap()[0];
            sum += wire_wait::wait(ch).unwrap().unwrap()[0];
            sum += ch.try_recv().map_or(0, |message| message[0]);
        }
        senders[0].cancel();
        receiver.cancel();
        settle_some();
        ch.close();
        settle();
        assert_eq!(counting::allocations(), before);
        let sent = senders.map(|sender| sender.join().unwrap());
        assert!(sent.into_iter().all(|count| count > 100), "{sent:?}");
        let received = receiver.join().unwrap() + sum;
        assert_eq!(received, sent[0] + 2 * sent[1] + 3 * sent[2]);
    });
}

/// The senders and the receiver keep each other busy for good.
fn settle_some() {
    (0..50).for_each(|_| wire_core::yield_now());
}
