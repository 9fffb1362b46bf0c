//! Wires, a channel and a deadline, with libwire alone.
use std::time::Duration;

use libwire as wire;

fn main() {
    wire::run(|| {
        let numbers = wire::Channel::new();
        let sum = wire::scope(|s| {
            s.spawn(|| {
                for n in 1..=10 {
                    wire::sleep(Duration::from_micros(100));
                    numbers.send(n).expect("the receiver is there");
                }
                numbers.close();
            });
            let mut sum = 0;
            while let Ok(n) = numbers.recv() {
                sum += n;
            }
            sum
        });
        let late = wire::timeout(Duration::from_millis(2), || {
            wire::sleep(Duration::from_secs(60))
        });
        println!(
            "ten numbers came in, adding up to {sum}; a long sleep was bounded: {}",
            late.is_err()
        );
    });
}
