//! A pool that runs into the limit on mappings, as on kernels without guard markers: it refuses further wires,
//! and the program goes on. A program of its own, since every other test would run into it, too.

use std::panic::catch_unwind;
use std::{fs, thread};

use wire_core::{run, suspend, yield_now};
use wire_pool::{MappedPool, SpawnError, TrySpawnError};
use wire_stack::{Guards, StackError};

#[test]
fn at_the_wall_a_pool_refuses_wires_and_goes_on_with_those_it_has() {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    // Where the limit is too high to be met in a test, all are had.
    let most = 400_000.min(limit);
    let pool = MappedPool::builder().max(most).guards(Guards::Mprotect);
    let pool: &MappedPool = Box::leak(Box::new(pool.build().unwrap()));
    run(|| {
        let mut handles = Vec::new();
        let refused = loop {
            if handles.len() == most {
                break None;
            }
            match pool.spawn("idle", || suspend().is_ok()) {
                Ok(handle) => handles.push(handle),
                Err(TrySpawnError::Failed(why)) => break Some(why),
                Err(full) => panic!("{full:?}"),
            }
        };
        match refused {
            None => assert!(limit > 2 * most),
            Some(SpawnError::Stack(StackError::Guard { .. })) => {
                let text = refused.unwrap().to_string();
                assert!(text.contains("sysctl -w vm.max_map_count="), "{text}");
                assert!(
                    handles.len().abs_diff(limit / 2) < 1000,
                    "{}",
                    handles.len()
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(pool.in_use(), handles.len());
        // The rest of the program has room, and so has a wire that comes free.
        assert_eq!(
            thread::spawn(|| vec![1_u8; 8 << 20].len()).join().unwrap(),
            8 << 20
        );
        assert!(catch_unwind(|| panic!("with a backtrace")).is_err());
        yield_now();
        let last = handles.pop().unwrap();
        last.handle().resume();
        assert!(last.join().unwrap());
        handles.push(pool.spawn("idle", || suspend().is_ok()).unwrap());
        yield_now();
        for handle in handles {
            handle.handle().resume();
            assert!(handle.join().unwrap());
        }
        assert_eq!(pool.in_use(), 0);
    });
}
