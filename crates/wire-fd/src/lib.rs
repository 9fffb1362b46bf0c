//! Waiting for file descriptors, timers, signals and wake-ups from other threads.
