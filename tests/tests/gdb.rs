//! `docs/gdb/wire.py` on `examples/stopped.rs`: live and from a core file, with and without debug
//! information, and stripped. Left out of a plain run, since it wants gdb: `cargo xtask ci --only gdb`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gdb/wire.py")
}

/// What gdb prints for these commands. No init files, nothing asked, nothing cut.
#[track_caller]
fn gdb(program: &Path, core: Option<&Path>, commands: &[&str]) -> String {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-nh", "-q", "-batch"]);
    for setting in [
        "set debuginfod enabled off",
        "set width 0",
        "set height 0",
        "set confirm off",
        "set style enabled off",
    ] {
        gdb.args(["-ex", setting]);
    }
    gdb.args(["-ex".into(), format!("source {}", script().display())]);
    for command in commands {
        gdb.args(["-ex", &format!("echo \\n== {command}\\n"), "-ex", command]);
    }
    let output = gdb.arg(program).args(core).output().expect("gdb runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("Python Exception"), "{errors}");
    format!("{}\n{errors}", String::from_utf8_lossy(&output.stdout))
}

/// What a command printed.
#[track_caller]
fn part<'t>(text: &'t str, command: &str) -> &'t str {
    let start = format!("\n== {command}\n");
    let (_, rest) = text
        .split_once(&start)
        .unwrap_or_else(|| panic!("{command}: {text}"));
    rest.split("\n== ").next().unwrap()
}

/// A line for each wire: marked, thread, name, what.
#[track_caller]
fn lists_all(text: &str) {
    let list = part(text, "info wires");
    let wires: Vec<String> = list
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    let wires: Vec<&str> = wires.iter().map(String::as_str).collect();
    let [main, reader, stopper, turner_or_fresh, another, second, far] = wires[..] else {
        panic!("{text}");
    };
    assert!(main.starts_with("1 1 main waits: join at 0x"), "{text}");
    assert!(
        reader.starts_with("2 1 reader waits: channel receive at 0x"),
        "{text}"
    );
    assert_eq!(stopper, "* 3 1 stopper runs", "{text}");
    let ready = [turner_or_fresh, another].map(|line| line.split_once(" 1 ").unwrap().1);
    assert!(ready.contains(&"turner is ready"), "{text}");
    // What might move the cursor is shown, not sent.
    assert!(
        ready.contains(&"fresh \\x1b[1m is ready, has not run yet"),
        "{text}"
    );
    assert_eq!(second, "* 6 2 main runs", "{text}");
    assert_eq!(far, "7 2 far waits: suspend", "{text}");
}

/// The functions of a backtrace without their paths, innermost first.
fn functions(backtrace: &str) -> Vec<&str> {
    let frames = backtrace.lines().filter(|line| line.starts_with('#'));
    frames
        .map(|line| {
            let path = line.split(" (").next().unwrap();
            // Without debug information, a hash follows.
            let path = match path.rsplit_once("::h") {
                Some((path, hash)) if hash.len() == 16 => path,
                _ => path,
            };
            path.rsplit([':', ' ']).next().unwrap()
        })
        .collect()
}

/// That the frames are those of this wire, all of them, and no other's.
#[track_caller]
fn frames(text: &str, command: &str, own: &[&str]) {
    let functions = functions(part(text, command));
    let mut rest = functions.iter();
    for name in own {
        assert!(
            rest.any(|frame| frame == name),
            "{command}: {name} in {functions:?}\n{text}"
        );
    }
    let every = [
        "stopped_here",
        "stops",
        "inner_of_reader",
        "outer_of_reader",
        "takes_turns",
        "suspended_far_away",
        "joins_in_main",
        "first_thread",
        "second_thread",
    ];
    for name in every.iter().filter(|name| !own.contains(name)) {
        let foreign = functions.contains(name);
        assert!(!foreign, "{command}: {name} in {functions:?}\n{text}");
    }
}

const LOOK: [&str; 9] = [
    "info wires",
    "wire reader",
    "wire turner",
    "wire stopper",
    "wire 1",
    "wire far",
    "wire apply all",
    "wire nobody",
    "backtrace",
];

/// All that is asked without knowing types or lines.
#[track_caller]
fn tells_all(text: &str) {
    lists_all(text);
    frames(text, "wire reader", &["inner_of_reader", "outer_of_reader"]);
    frames(text, "wire turner", &["takes_turns"]);
    frames(text, "wire stopper", &["stopped_here", "stops"]);
    frames(text, "wire 1", &["joins_in_main", "first_thread"]);
    frames(text, "wire far", &["suspended_far_away"]);
    let all = part(text, "wire apply all");
    for title in [
        "Wire 2 (reader), waits: channel receive",
        "Wire 3 (stopper), runs",
    ] {
        assert!(all.contains(title), "{text}");
    }
    assert_eq!(all.matches("It has not run yet.").count(), 1, "{text}");
    assert!(text.contains("there is no wire nobody"), "{text}");
    // The thread is shown as it is again.
    frames(text, "backtrace", &["stopped_here", "stops"]);
}

/// Looks into the program live and lets it go on, then into the core file made meanwhile.
#[track_caller]
fn look_into(program: &Path, more: &[&str]) -> [String; 2] {
    let core = program.with_extension(format!("core.{}", std::process::id()));
    let dump = format!("generate-core-file {}", core.display());
    let asked: Vec<&str> = LOOK.iter().chain(more).copied().collect();
    let live = [
        &["break stopped_here", "run"][..],
        &asked,
        &[&dump, "continue"],
    ]
    .concat();
    let live = gdb(program, None, &live);
    assert!(live.contains("went on to its end"), "{live}");
    assert!(live.contains("exited normally"), "{live}");
    let dead = gdb(program, Some(&core), &asked);
    fs::remove_file(&core).expect("gdb wrote a core file");
    [live, dead]
}

#[test]
fn wires_are_listed_and_unwound_live_and_from_a_core_file() {
    let program = wire_tests::example("wire-tests", "stopped", false);
    let local = "wire reader frame function stopped::outer_of_reader";
    for text in look_into(&program, &["wire reader backtrace -full", local]) {
        tells_all(&text);
        assert!(
            part(&text, "wire reader backtrace -full").contains("kept = 5000"),
            "{text}"
        );
        assert!(part(&text, local).contains("stopped.rs:"), "{text}");
    }
}

#[test]
fn so_they_are_in_an_optimised_program() {
    let program = wire_tests::example("wire-tests", "stopped", true);
    for text in look_into(&program, &[]) {
        tells_all(&text);
    }
}

#[test]
fn a_stripped_program_still_shows_its_wires() {
    let program = wire_tests::example("wire-tests", "stopped", true);
    let stripped = program.with_extension("stripped");
    let mut strip = Command::new("strip");
    strip
        .args(["--strip-all", "-o"])
        .args([&stripped, &program]);
    assert!(strip.status().expect("strip runs").success());
    // There is no name to break at, so it stops itself.
    let text = gdb(
        &stripped,
        None,
        &["run by-itself", "info wires", "wire reader"],
    );
    fs::remove_file(&stripped).unwrap();
    lists_all(&text);
    // Without names, but with the tables for unwinding.
    let frames = functions(part(&text, "wire reader"));
    assert!((3..30).contains(&frames.len()), "{text}");
}

#[test]
fn a_wire_that_overflowed_is_the_one_that_runs_and_the_others_can_be_looked_at() {
    let program = wire_tests::release_example("million");
    // Its child process overflows. The newest frame is one of several inlined into each other there,
    // and gdb lists no sections of a child that it follows.
    let follow = "set follow-fork-mode child";
    let commands = [
        follow,
        "run --wires 200",
        "info wires",
        "wire 3",
        "backtrace 3",
    ];
    let text = gdb(&program, None, &commands);
    assert!(text.contains("received signal SIGSEGV"), "{text}");
    let list = part(&text, "info wires");
    assert_eq!(list.matches("one of many").count(), 200, "{text}");
    let running: Vec<&str> = list.lines().filter(|line| line.starts_with('*')).collect();
    let [running] = running[..] else {
        panic!("{text}")
    };
    assert!(running.contains("one of many  runs"), "{text}");
    let stopped = functions(part(&text, "wire 3"));
    assert!(
        stopped.contains(&"live") && !stopped.contains(&"recurse"),
        "{text}"
    );
    assert!(
        functions(part(&text, "backtrace 3")).contains(&"recurse"),
        "{text}"
    );
}

#[test]
fn without_a_process_or_without_libwire_it_says_so() {
    let program = wire_tests::example("wire-tests", "stopped", false);
    let text = gdb(&program, None, &["info wires", "wire 1"]);
    assert_eq!(
        text.matches("there is no running program and no core file")
            .count(),
        2,
        "{text}"
    );
    let text = gdb(Path::new("/bin/true"), None, &["starti", "info wires"]);
    assert!(
        text.contains("there is no libwire (no section libwire_debug) in this program"),
        "{text}"
    );
}
