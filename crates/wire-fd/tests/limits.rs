//! At the limit of open files. A program of its own, since the limit is the process's.
use std::fs::File;
use std::net::{TcpListener, TcpStream};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use wire_core::run;
use wire_fd::{RegisterError, Signal, Signals, Watch};

#[test]
fn too_many_open_files_is_an_error_that_says_so_and_passes() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let fill = || {
        let mut files = Vec::new();
        loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                    return files;
                }
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();

    let mut files = fill();
    let refused = |error: RegisterError| {
        assert!(error.to_string().contains("ulimit -n"), "{error}");
        assert_eq!(
            std::io::Error::from(error).raw_os_error(),
            Some(libc::EMFILE)
        );
    };
    // Nothing is left: for the monitor itself, first of all.
    run(|| refused(Watch::new(files.pop().unwrap()).unwrap_err()));
    run(|| refused(Signals::new(&[Signal::SIGUSR1]).unwrap_err()));
    drop(files);

    // Later it can be had, and what came to nothing has left nothing.
    run(|| {
        let listener = Watch::new(listener).unwrap();
        let client = TcpStream::connect(addr).unwrap();
        let files = fill();
        let error = listener.read_with(TcpListener::accept).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        drop(files);
        // The connection was not lost: no new edge will tell of it.
        let (stream, _) = listener.read_with(TcpListener::accept).unwrap();
        drop((stream, client));
        let before = fill().len();
        for _ in 0..10 {
            drop(Signals::new(&[Signal::SIGUSR1]).unwrap());
        }
        assert_eq!(fill().len(), before);
    });
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
}
