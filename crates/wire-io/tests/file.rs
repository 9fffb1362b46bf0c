//! Files: the same results as std's.
mod common;

use std::cell::Cell;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::rc::Rc;

use common::go;
use wire_core::{run, yield_now};
use wire_io::{File, OpenOptions};

/// A path of its own for each test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("wire-io-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_written_is_read() {
    let path = Scratch::new("roundtrip");
    run(|| {
        let mut file = File::create(&path.0).unwrap();
        file.write_all(b"hello, file").unwrap();
        file.sync_data().unwrap();
        assert_eq!(file.write_at(b"F", 7).unwrap(), 1);
        file.close().unwrap();
        let mut file = File::open(&path.0).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 11);
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello, File");
        let mut word = [0; 4];
        assert_eq!(file.read_at(&mut word, 7).unwrap(), 4);
        assert_eq!(&word, b"File");
        assert_eq!(file.read_at(&mut word, 100).unwrap(), 0);
    });
}

#[test]
fn sizes_can_be_set() {
    let path = Scratch::new("sizes");
    run(|| {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path.0)
            .unwrap();
        file.allocate(0, 8192).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 8192);
        file.set_len(10).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 10);
        file.sync_all().unwrap();
    });
}

#[test]
fn errors_are_those_of_std() {
    run(|| {
        let theirs = std::fs::File::open("/does/not/exist").unwrap_err();
        assert_eq!(
            File::open("/does/not/exist").unwrap_err().raw_os_error(),
            theirs.raw_os_error()
        );
        let file = File::open("/dev/null").unwrap();
        let denied = file.write_at(b"x", 0).unwrap_err();
        assert_eq!(denied.raw_os_error(), Some(libc::EBADF));
        let beyond = file.read_at(&mut [0], u64::MAX).unwrap_err();
        assert_eq!(beyond.raw_os_error(), Some(libc::EINVAL));
        let directory = File::open("/").unwrap();
        let mut buf = [0; 8];
        assert_eq!(
            (&directory).read(&mut buf).unwrap_err().raw_os_error(),
            Some(libc::EISDIR)
        );
    });
}

#[test]
fn what_cannot_be_tried_without_waiting_goes_to_the_pool() {
    run(|| {
        // procfs does not know RWF_NOWAIT.
        let mut text = String::new();
        File::open("/proc/self/status")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.contains("Threads:"));
        // A pipe with nothing in it would block.
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(reader)));
        let waiting = go(move || {
            let mut buf = [0; 8];
            let n = (&reader).read(&mut buf).unwrap();
            buf[..n].to_vec()
        });
        for _ in 0..10 {
            yield_now();
        }
        assert!(!waiting.is_finished());
        writer.write_all(b"late").unwrap();
        assert_eq!(waiting.join().unwrap(), b"late");
    });
}

#[test]
fn cached_reads_let_others_run() {
    let path = Scratch::new("cached");
    std::fs::write(&path.0, [1; 4096]).unwrap();
    run(|| {
        let turns = Rc::new(Cell::new(0));
        let other = go({
            let turns = Rc::clone(&turns);
            move || {
                for _ in 0..3 {
                    turns.set(turns.get() + 1);
                    yield_now();
                }
            }
        });
        let file = File::open(&path.0).unwrap();
        let mut buf = [0; 64];
        for _ in 0..200 {
            assert_eq!(file.read_at(&mut buf, 64).unwrap(), 64);
        }
        assert_eq!(turns.get(), 3);
        other.join().unwrap();
    });
}
