//! A program whose wires all sleep lists them when a signal asks for it.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use libwire as wire;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

const CHILD: &str = "WIRE_TESTS_DUMP_CHILD";
const TEST: &str = "a_thread_asleep_in_the_kernel_lists_its_wires_too";
const LONG: Duration = Duration::from_secs(100_000);

/// Wires that do nothing but sleep, until the process is killed.
fn sleepers() {
    wire::dump_on_signal(Signal::SIGUSR1).unwrap();
    wire::run(|| {
        for name in ["one", "two"] {
            let sleeper = wire::Builder::new().name(name);
            sleeper.spawn(|| wire::sleep(LONG)).unwrap().detach();
        }
        println!("\nready");
        wire::sleep(LONG);
    });
}

fn only_usr1() -> SigSet {
    [Signal::SIGUSR1].into_iter().collect()
}

#[test]
fn a_thread_asleep_in_the_kernel_lists_its_wires_too() {
    if std::env::var_os(CHILD).is_some() {
        only_usr1().thread_unblock().unwrap();
        return sleepers();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // The kernel gives the signal to any thread that does not block it. The harness has one too many.
    // SAFETY: a system call without memory of its own, which may be made between fork and exec.
    unsafe { command.pre_exec(|| Ok(only_usr1().thread_block()?)) };
    let mut child = command.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let ready = stdout.lines().any(|line| line.unwrap() == "ready");
    assert!(ready, "the child ended: {:?}", child.wait());

    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        stderr
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| send.send(line))
    });
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let mut missing = vec![
        "wire 'main' waits: ",
        "wire 'one' waits: ",
        "wire 'two' waits: ",
    ];
    let mut said = String::new();
    // A signal that comes just before the thread falls asleep does not wake it. Then another one does;
    // how long to wait for that decides nothing.
    for _ in 0..1000 {
        kill(pid, Signal::SIGUSR1).expect("the child lives");
        while let Ok(line) = lines.recv_timeout(Duration::from_millis(50)) {
            missing.retain(|start| !line.contains(start));
            said += &format!("{line}\n");
        }
        if missing.is_empty() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(missing.is_empty(), "{missing:?} not in\n{said}");
    assert!(
        said.contains("libwire: all wires of this OS thread\n"),
        "{said}"
    );
}
