//! Waiting for the first of several wake-ups.
