//! What the protocol between threads is made of, in one place, so that a model can replace it.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
