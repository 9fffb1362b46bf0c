//! The limit on the mappings of a process, which guards made by `mprotect` run into: an error, and a program that
//! goes on. In processes of their own, since others would run into it, too.
mod child;

use std::fs;
use std::mem::forget;
use std::panic::catch_unwind;
use std::thread;

use child::{child, success};
use wire_stack::{Arena, Guards, StackError};

fn limit() -> usize {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    limit.trim().parse().unwrap()
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

fn arena(count: usize) -> Arena {
    let arena = Arena::builder().count(count).guards(Guards::Mprotect);
    arena.build().unwrap()
}

/// Lends stacks until there is an error, or all are lent.
fn lend_all(arena: &Arena) -> Result<(), StackError> {
    for _ in arena.in_use()..arena.count() {
        forget(arena.stack()?);
    }
    Ok(())
}

/// More stacks than the limit allows; where that is set too high to be met in a test, as many as are
/// allowed for sure.
const MOST: usize = 400_000;

#[test]
fn the_wall_of_mprotect_is_an_error_that_names_the_limit_and_one_that_is_enough() {
    let output = child(
        "the_wall_of_mprotect_is_an_error_that_names_the_limit_and_one_that_is_enough",
        || {
            let limit = limit();
            let arena = arena(MOST);
            let end = lend_all(&arena);
            if limit > 2 * MOST + 10_000 {
                assert_eq!((end, arena.in_use()), (Ok(()), MOST));
                return;
            }
            let error = end.unwrap_err();
            let StackError::Guard {
                errno: libc::ENOMEM,
                limit: Some(named),
                enough: Some(enough),
            } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!(named, limit);
            assert!((2 * MOST..2 * MOST + 300_000).contains(&enough), "{enough}");
            let text = error.to_string();
            for words in [
                format!("vm.max_map_count = {limit} "),
                format!("`sysctl -w vm.max_map_count={enough}`"),
            ] {
                assert!(text.contains(&words), "{text}");
            }
            // Nearly all of it was used.
            let left = limit - mappings();
            assert!((64..1000).contains(&left), "{left}");
            let count = arena.in_use();
            assert!(count.abs_diff(limit / 2) < 1000, "{count} of {limit}");
            // It is an error again, and what is lent is none the worse.
            assert!(lend_all(&arena).is_err());
            assert_eq!(arena.in_use(), count);
        },
    );
    success(&output);
}

#[test]
fn at_the_wall_the_program_goes_on() {
    let output = child("at_the_wall_the_program_goes_on", || {
        let first = arena(MOST);
        let refused = lend_all(&first).is_err();
        assert!(refused || limit() > 2 * MOST);
        // Each of these takes mappings of its own.
        let large: Vec<Vec<u8>> = (0..20).map(|_| vec![1; 1 << 20]).collect();
        let threads: Vec<_> = (0..10)
            .map(|_| thread::spawn(|| vec![0_u8; 4 << 20].len()))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 4 << 20);
        }
        assert!(catch_unwind(|| panic!("with a backtrace")).is_err());
        let output = std::process::Command::new("true").status();
        assert!(output.unwrap().success());
        assert_eq!(large.len(), 20);
        // Markers take none, where the kernel has them.
        let other = Arena::builder().count(1000).build().unwrap();
        if other.guards() == Guards::Markers {
            lend_all(&other).unwrap();
        }
        // What is given back can be used again.
        drop(first);
        let second = arena(10_000);
        lend_all(&second).unwrap();
        assert_eq!(second.in_use(), 10_000);
    });
    success(&output);
}

#[test]
fn arenas_share_the_room_that_is_left() {
    let output = child("arenas_share_the_room_that_is_left", || {
        let first = arena(MOST);
        let refused = lend_all(&first).is_err();
        assert!(refused || limit() > 2 * MOST);
        // A new one is refused its first guard, or its first stack; nothing is lost by that.
        for _ in 0..40 {
            let second = Arena::builder().count(8).guards(Guards::Mprotect).build();
            let end = second.and_then(|second| lend_all(&second));
            assert_eq!(end.is_err(), refused);
        }
        assert!(limit() - mappings() >= 64);
    });
    success(&output);
}
