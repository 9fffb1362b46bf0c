//! No huge pages under stacks: the first touch of one would take 2 MiB. A program of its own, since others map
//! memory that the kernel may join with ours.

use std::fs;

use wire_stack::wire_core::Local;
use wire_stack::{Arena, Guards, StaticStack};

/// What the kernel says of the mapping that an address is in: flags, and kilobytes in huge pages.
fn mapping(address: usize) -> (String, usize) {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut here = false;
    let mut huge = None;
    for line in maps.lines() {
        let first = line.split_whitespace().next().unwrap();
        if let Some((low, high)) = first.split_once('-') {
            let bounds = [low, high].map(|end| usize::from_str_radix(end, 16).unwrap());
            here = (bounds[0]..bounds[1]).contains(&address);
        } else if here && first == "AnonHugePages:" {
            let kilobytes = line.split_whitespace().nth(1).unwrap();
            huge = Some(kilobytes.parse().unwrap());
        } else if here && first == "VmFlags:" {
            return (line.into(), huge.unwrap());
        }
    }
    panic!("{address:#x} is not mapped");
}

#[track_caller]
fn has_none(low: usize, size: usize) {
    // Those at both ends and between.
    for address in [low, low + size / 2, low + size - 1] {
        let (flags, huge) = mapping(address);
        // Kernels built without huge pages have no such flag, and no such pages.
        let never = !fs::exists("/sys/kernel/mm/transparent_hugepage").unwrap();
        assert!(
            never || flags.split(' ').any(|flag| flag == "nh"),
            "{flags}"
        );
        assert_eq!(huge, 0, "{address:#x}");
    }
}

#[test]
fn stacks_of_an_arena_have_none() {
    for guards in [Guards::Markers, Guards::Mprotect] {
        // Large enough for some, wherever it begins.
        let arena = Arena::builder().stack_size(16 << 20).guards(guards);
        let arena = arena.build().unwrap();
        let stack = arena.stack().unwrap();
        let (low, size) = (stack.low(), stack.size());
        for at in (0..size).step_by(4096) {
            // SAFETY: within the stack, on which nothing runs.
            unsafe { low.byte_add(at).write(1) };
        }
        has_none(low.addr().get(), size);
    }
}

#[test]
fn static_stacks_have_none() {
    static STACK: Local<StaticStack<{ 16 << 20 }>> = Local::new(StaticStack::new());
    let stack = STACK.stack().unwrap();
    let (low, size) = (stack.low(), stack.size());
    for at in (0..size).step_by(4096) {
        // SAFETY: within the stack, on which nothing runs.
        unsafe { low.byte_add(at).write(1) };
    }
    has_none(low.addr().get(), size - 4096);
}
