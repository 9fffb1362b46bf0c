//! Wake-ups that are no row of the tables, in which wires may not allocate either.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use bench_harness::counting::More;
use bench_harness::{Cost, stamp};
use clap::ValueEnum;
use wire_fd::{ThreadChannel, Watch, timeout};
use wire_pool::run;

/// Before it counts.
const WARM_UP: u64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WakeUp {
    FromThread,
    TooLate,
}

impl WakeUp {
    pub const ALL: [WakeUp; 2] = [WakeUp::FromThread, WakeUp::TooLate];

    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WakeUp::FromThread => "from-thread",
            WakeUp::TooLate => "too-late",
        }
    }

    /// As the report has it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            WakeUp::FromThread => "a value from another thread",
            WakeUp::TooLate => "a descriptor, timed out",
        }
    }
}

impl More for WakeUp {
    fn measure(self, operations: u64) -> Result<Cost, String> {
        match self {
            WakeUp::FromThread => from_thread(operations),
            WakeUp::TooLate => too_late(operations),
        }
    }
}

fn from_thread(operations: u64) -> Result<Cost, String> {
    static VALUES: ThreadChannel<u64, 1> = ThreadChannel::new();
    let sender = thread::spawn(move || {
        // One more, so that the sender's end is no part of it.
        (0..=WARM_UP + operations).all(|number| VALUES.send(number).is_ok())
    });
    let received = run(|| {
        for expected in 0..=WARM_UP + operations {
            if expected == WARM_UP {
                stamp::begin();
            }
            if expected == WARM_UP + operations {
                stamp::end();
            }
            match VALUES.recv() {
                Ok(number) if number == expected => {}
                other => return Err(format!("{other:?} came for {expected}")),
            }
        }
        Ok(())
    });
    VALUES.close();
    sender.join().expect("no panic");
    received?;
    stamp::cost(operations)
}

fn too_late(operations: u64) -> Result<Cost, String> {
    let (_near, far) = UnixStream::pair().map_err(|error| error.to_string())?;
    run(|| {
        let far = Watch::new(far).map_err(|error| error.to_string())?;
        for number in 0..WARM_UP + operations {
            if number == WARM_UP {
                stamp::begin();
            }
            // Too soon for the kernel, and yet after the wait has begun.
            let waited = timeout(Duration::from_nanos(1), || far.readable());
            let late = match &waited {
                Err(_) => true,
                Ok(Err(error)) => error.kind() == io::ErrorKind::TimedOut,
                Ok(Ok(())) => false,
            };
            if !late {
                return Err("what never comes came".to_owned());
            }
        }
        stamp::end();
        stamp::cost(operations)
    })
}
