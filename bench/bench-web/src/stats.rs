//! What the rounds gave.

use crate::server::Load;

/// What the rounds of one server gave.
#[derive(Default)]
pub(crate) struct Samples {
    pub(crate) cpu: Vec<f64>,
    pub(crate) rate: Vec<f64>,
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

impl Samples {
    pub(crate) fn push(&mut self, cpu_per_request: f64, load: &Load) {
        self.cpu.push(cpu_per_request);
        self.rate.push(load.rate);
        self.p50.push(load.p50);
        self.p99.push(load.p99);
        self.requests += load.requests;
        self.errors += load.errors;
    }
}
