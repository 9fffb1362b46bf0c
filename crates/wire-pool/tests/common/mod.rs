//! Both kinds of pool, as the tests use them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::RefCell;

use wire_pool::wire_core::Interrupt;
use wire_pool::{JoinHandle, MappedPool, Pool, Scope, SpawnError, TrySpawnError};

pub(crate) const STACK: usize = 64 * 1024;

pub(crate) trait AnyPool: 'static {
    fn go<T: 'static>(
        &'static self,
        name: &'static str,
        f: impl FnOnce() -> T + 'static,
    ) -> Result<JoinHandle<'static, T>, SpawnError>;
    fn go_in<'s, F: FnOnce() + 's>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'s, ()>, TrySpawnError<F>>;
    fn wait_in<'s>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: impl FnOnce() + 's,
    ) -> Result<JoinHandle<'s, ()>, SpawnError>;
    fn close(&self);
    fn idle(&self) -> Result<(), Interrupt>;
    fn in_use(&self) -> usize;
    fn give_back(&'static self) -> usize;
}

impl<const N: usize> AnyPool for Pool<N, STACK> {
    fn go<T: 'static>(
        &'static self,
        name: &'static str,
        f: impl FnOnce() -> T + 'static,
    ) -> Result<JoinHandle<'static, T>, SpawnError> {
        self.spawn_wait(name, f)
    }
    fn go_in<'s, F: FnOnce() + 's>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'s, ()>, TrySpawnError<F>> {
        self.spawn_in(scope, name, f)
    }
    fn wait_in<'s>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: impl FnOnce() + 's,
    ) -> Result<JoinHandle<'s, ()>, SpawnError> {
        self.spawn_wait_in(scope, name, f)
    }
    fn close(&self) {
        self.close();
    }
    fn idle(&self) -> Result<(), Interrupt> {
        self.wait_until_idle()
    }
    fn in_use(&self) -> usize {
        self.in_use()
    }
    fn give_back(&'static self) -> usize {
        self.give_back()
    }
}

impl AnyPool for MappedPool {
    fn go<T: 'static>(
        &'static self,
        name: &'static str,
        f: impl FnOnce() -> T + 'static,
    ) -> Result<JoinHandle<'static, T>, SpawnError> {
        self.spawn_wait(name, f)
    }
    fn go_in<'s, F: FnOnce() + 's>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'s, ()>, TrySpawnError<F>> {
        self.spawn_in(scope, name, f)
    }
    fn wait_in<'s>(
        &'static self,
        scope: &'s Scope<'s, '_>,
        name: &'static str,
        f: impl FnOnce() + 's,
    ) -> Result<JoinHandle<'s, ()>, SpawnError> {
        self.spawn_wait_in(scope, name, f)
    }
    fn close(&self) {
        self.close();
    }
    fn idle(&self) -> Result<(), Interrupt> {
        self.wait_until_idle()
    }
    fn in_use(&self) -> usize {
        self.in_use()
    }
    fn give_back(&'static self) -> usize {
        self.give_back()
    }
}

/// Leaked: wires outside scopes take memory that is good for ever.
pub(crate) fn mapped(max: usize) -> &'static MappedPool {
    Box::leak(Box::new(
        MappedPool::builder()
            .max(max)
            .stack_size(STACK)
            .build()
            .unwrap(),
    ))
}

#[derive(Default)]
pub(crate) struct Trace(RefCell<Vec<String>>);

impl Trace {
    pub(crate) fn add(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }
    pub(crate) fn take(&self) -> String {
        self.0.take().join(" ")
    }
}
