//! What the protocols between threads are made of, in one place, so that a model can replace it.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
pub(crate) use std::sync::{Arc, Mutex};
