//! Programs that must not compile, each but for one thing a correct one. `cargo test` sees to it
//! that the compiler refuses them; the first shows that the rest of them is all right.
//!
//! ```
//! # use wire_core::{Handle, JoinHandle, Local, Scope, Stack, Wire, run, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! fn started_for_good(wire: &'static Wire) -> JoinHandle<'static, u32> {
//!     let number = 17;
//!     wire.spawn(stack(), "wire", move || number).unwrap()
//! }
//! fn lent(number: &u32) -> u32 {
//!     let wire = Wire::new();
//!     scope(|s| s.spawn(&wire, stack(), "wire", || *number + 1).unwrap().join().unwrap())
//! }
//! fn stored(handle: &JoinHandle<'static, u32>) -> Handle<'static> {
//!     handle.handle()
//! }
//! fn moved(wire: Wire) {
//!     std::thread::spawn(move || drop(wire));
//! }
//! static WIRE: Local<Wire> = Local::new(Wire::new());
//! ```
//!
//! A handle does not leave its thread, whichever kind it is:
//!
//! ```compile_fail,E0277
//! # use wire_core::JoinHandle;
//! fn moved(handle: JoinHandle<'static, u32>) {
//!     std::thread::spawn(move || drop(handle));
//! }
//! ```
//! ```compile_fail,E0277
//! # use wire_core::Handle;
//! fn moved(handle: Handle<'static>) {
//!     std::thread::spawn(move || handle.cancel());
//! }
//! ```
//! ```compile_fail,E0277
//! # use wire_core::{JoinHandle, run};
//! fn shared(handle: &JoinHandle<'static, u32>) {
//!     std::thread::scope(|s| { s.spawn(|| handle.is_finished()); });
//! }
//! ```
//!
//! Nor do a control block or a queue that are borrowed, a stack, a scope, or a node:
//!
//! ```compile_fail,E0277
//! # use wire_core::Wire;
//! fn moved(wire: &'static Wire) {
//!     std::thread::spawn(move || wire.is_in_use());
//! }
//! ```
//! ```compile_fail,E0277
//! # use wire_core::Wire;
//! static WIRE: Wire = Wire::new();
//! ```
//! ```compile_fail,E0277
//! # use wire_core::WaitQueue;
//! static QUEUE: WaitQueue = WaitQueue::new();
//! ```
//! ```compile_fail,E0277
//! # use wire_core::Stack;
//! fn moved(stack: Stack<'static>) {
//!     std::thread::spawn(move || drop(stack));
//! }
//! ```
//! ```compile_fail,E0277
//! # use wire_core::scope;
//! scope(|s| std::thread::scope(|threads| { threads.spawn(|| s.live()); }));
//! ```
//! ```compile_fail,E0277
//! # use wire_core::Node;
//! fn moved(node: Node) {
//!     std::thread::spawn(move || drop(node));
//! }
//! ```
//!
//! A `Local` takes only what may come from another thread:
//!
//! ```compile_fail,E0277
//! # use wire_core::{Handle, Local};
//! # use std::cell::Cell;
//! static MAIN: Local<Cell<Option<Handle<'static>>>> = Local::new(Cell::new(None));
//! ```
//! ```compile_fail,E0277
//! # use wire_core::Local;
//! # use std::rc::Rc;
//! fn moved(shared: Local<Rc<u32>>) {
//!     std::thread::spawn(move || drop(shared));
//! }
//! ```
//!
//! Outside a scope, nothing local is lent, neither control block nor stack nor what the closure and
//! its result refer to:
//!
//! ```compile_fail,E0597
//! # use wire_core::{Stack, Wire};
//! # fn stack() -> Stack<'static> { loop {} }
//! let wire = Wire::new();
//! wire.spawn(stack(), "wire", || ()).unwrap().detach();
//! ```
//! ```compile_fail,E0521
//! # use wire_core::{Stack, Wire};
//! fn lent<'a>(wire: &'static Wire, stack: Stack<'a>) {
//!     wire.spawn(stack, "wire", || ()).unwrap().detach();
//! }
//! ```
//! ```compile_fail,E0373
//! # use wire_core::{Stack, Wire};
//! # fn stack() -> Stack<'static> { loop {} }
//! fn borrowed(wire: &'static Wire) {
//!     let number = 17;
//!     wire.spawn(stack(), "wire", || number).unwrap().detach();
//! }
//! ```
//! ```compile_fail,E0521
//! # use wire_core::{Stack, Wire};
//! # fn stack() -> Stack<'static> { loop {} }
//! fn borrowed<'a>(wire: &'static Wire, number: &'a u32) {
//!     wire.spawn(stack(), "wire", move || number).unwrap().detach();
//! }
//! ```
//!
//! Nothing of a scope leaves it: not its handles, not what is inside it, not the scope itself:
//!
//! ```compile_fail
//! # use wire_core::{Stack, Wire, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! let wire = Wire::new();
//! let handle = scope(|s| s.spawn(&wire, stack(), "wire", || 17).unwrap());
//! ```
//! ```compile_fail
//! # use wire_core::{Stack, Wire, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! let wire = Wire::new();
//! let handle = scope(|s| s.spawn(&wire, stack(), "wire", || 17).unwrap().handle());
//! ```
//! ```compile_fail,E0521
//! # use wire_core::{Stack, Wire, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! let wire = Wire::new();
//! let mut kept = None;
//! scope(|s| kept = Some(s.spawn(&wire, stack(), "wire", || 17).unwrap()));
//! ```
//! ```compile_fail,E0521
//! # use wire_core::scope;
//! let mut kept = None;
//! scope(|s| kept = Some(s));
//! ```
//! ```compile_fail,E0597
//! # use wire_core::{Stack, Wire, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! scope(|s| {
//!     let inside = Wire::new();
//!     s.spawn(&inside, stack(), "wire", || ()).unwrap().detach();
//! });
//! ```
//! ```compile_fail,E0373
//! # use wire_core::{Stack, Wire, scope};
//! # fn stack() -> Stack<'static> { loop {} }
//! let wire = Wire::new();
//! scope(|s| {
//!     let inside = 17;
//!     s.spawn(&wire, stack(), "wire", || inside).unwrap().detach();
//! });
//! ```
//!
//! The callback for stuck wires is used by nobody else during the run, and only `run` may have it:
//!
//! ```compile_fail,E0499
//! # use wire_core::{Runtime, WireInfo};
//! let mut count = 0;
//! let mut told = |_: WireInfo| count += 1;
//! let runtime = Runtime::new().on_stuck(&mut told);
//! let other = Runtime::new().on_stuck(&mut told);
//! runtime.run(|| ());
//! other.run(|| ());
//! ```
