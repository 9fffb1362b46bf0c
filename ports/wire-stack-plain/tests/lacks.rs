//! What is lacking is said, and not pretended.
use wire_stack::wire_core::Local;
use wire_stack::{Arena, Guards, StaticStack, detector, high_water, resident};

#[test]
fn the_detector_is_installed_in_name_only() {
    assert_eq!(detector::install(), Ok(()));
}

#[cfg(unix)]
#[test]
fn who_asks_for_dumps_by_signal_is_refused_and_told_what_to_do_instead() {
    let error = detector::dump_on(detector::Signal::SIGUSR1).unwrap_err();
    assert!(error.to_string().contains("request_dump"), "{error}");
}

#[test]
fn memory_is_neither_measured_nor_given_back() {
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    let arena = Arena::builder().guards(Guards::Markers).build().unwrap();
    let stack = arena.stack().unwrap();
    let at = (stack.low().addr().get(), stack.size());
    assert_eq!((high_water(at), resident(at)), (None, None));
    drop(stack);
    assert_eq!(arena.give_back(), 0);
    drop(STACK.stack().unwrap());
    assert!(!STACK.give_back());
    assert_eq!(arena.guards(), Guards::Mprotect);
}
