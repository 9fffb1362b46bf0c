//! Running other programs: where the tree is, how cargo is called, what counts as a failure.
//!
//! A tool that is absent is its own kind of outcome (`Problem::NotRun`), never a silent success:
//! `steps` decides whether that is tolerable.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a check did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It ran and the answer is no.
    Failed(String),
    /// Test cases ran (or should have) and not all of them passed.
    Tests(Tests, String),
    /// It could not run on this machine.
    NotRun { needs: String, how: String },
    /// A summary that says everything was already printed.
    Summarised,
}

pub(crate) type Result<T = ()> = std::result::Result<T, Problem>;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Tests(_, why) => f.write_str(why),
            Self::NotRun { needs, how } => write!(f, "not run: needs {needs} ({how})"),
            Self::Summarised => f.write_str("see the summary above"),
        }
    }
}

/// Shorthand for the commonest error.
pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T> {
    Err(Problem::Failed(why.into()))
}

/// The workspace's root: the parent of this package.
pub(crate) fn root() -> PathBuf {
    // Cargo's run-time value first: the binary may have been built in a tree that moved since.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .expect("xtask lies inside the workspace")
        .to_path_buf()
}

/// The cargo that started us, in the workspace's root.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).args(args);
    command
}

/// Adds to a flags variable (`RUSTFLAGS` and its kin) instead of replacing what the caller set, or an
/// earlier call for this command.
pub(crate) fn add_flags(command: &mut Command, variable: &str, flags: &str) {
    let set = command.get_envs().find(|(name, _)| *name == variable);
    let before = match set.and_then(|(_, value)| value) {
        Some(value) => value.to_string_lossy().into_owned(),
        None => std::env::var(variable).unwrap_or_default(),
    };
    command.env(variable, format!("{before} {flags}").trim());
}

/// A cargo subcommand that is a separate component (rustfmt, clippy).
pub(crate) fn need_component(subcommand: &str, component: &str) -> Result {
    let answer = cargo([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if answer.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(Problem::NotRun {
        needs: format!("cargo {subcommand}"),
        how: format!("rustup component add {component}"),
    })
}

/// A program of the operating system.
pub(crate) fn need_tool(tool: &str, how: &str) -> Result {
    let answer = Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if answer.is_ok() {
        return Ok(());
    }
    Err(Problem::NotRun {
        needs: tool.into(),
        how: how.into(),
    })
}

/// Runs to the end with this process's output; anything but success is a failure.
pub(crate) fn status(command: &mut Command) -> Result {
    println!("  $ {}", shown(command));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("{}: {status}", shown(command))),
        Err(error) => failed(format!("{}: {error}", shown(command))),
    }
}

/// Runs to the end and gives what it printed; its errors go to ours.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => failed(format!("{}: {}", shown(command), output.status)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Problem::NotRun {
            needs: command.get_program().to_string_lossy().into_owned(),
            how: "install it with the system's package manager".into(),
        }),
        Err(error) => failed(format!("{}: {error}", shown(command))),
    }
}

/// A command as a person would type it, its own variables first.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!(
            "{}='{}'",
            name.to_string_lossy(),
            value?.to_string_lossy()
        ))
    });
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned());
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(words);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// Test cases counted from libtest's own summaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Not run because somebody said so: a port, of what it lacks.
    pub(crate) left_out: u64,
}

impl Tests {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others do nothing.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .trim()
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            if let Some((number, what)) = count.split_once(' ')
                && let Ok(number) = number.parse::<u64>()
            {
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    "filtered out" => self.left_out += number,
                    _ => {}
                }
            }
        }
    }
}

/// What a series of test commands came to. Every command runs, whatever the ones before it did.
#[derive(Default)]
pub(crate) struct TestRun {
    tests: Tests,
    faults: Vec<String>,
}

impl TestRun {
    /// Runs one command, echoing its output and counting its test cases.
    pub(crate) fn add(&mut self, command: &mut Command) {
        println!("  $ {}", shown(command));
        let before = self.tests.failed;
        let fault = match command.stdout(Stdio::piped()).spawn() {
            Err(error) => Some(error.to_string()),
            Ok(mut child) => {
                let pipe = child.stdout.take().expect("stdout was piped");
                // Bytes, not `lines()`: a test may print what is not UTF-8.
                for line in BufReader::new(pipe)
                    .split(b'\n')
                    .map_while(std::io::Result::ok)
                {
                    let line = String::from_utf8_lossy(&line);
                    println!("{line}");
                    self.tests.read(&line);
                }
                match child.wait() {
                    Ok(status) if status.success() => None,
                    Ok(status) => Some(status.to_string()),
                    Err(error) => Some(error.to_string()),
                }
            }
        };
        if let Some(fault) = fault {
            // Did not compile, or died before it could report: still one failed case.
            if self.tests.failed == before {
                self.tests.failed += 1;
            }
            self.faults.push(format!("{}: {fault}", shown(command)));
        }
    }

    /// What it came to so far.
    pub(crate) fn so_far(&self) -> Tests {
        self.tests
    }

    /// The verdict; no test at all is a failure, because then something was mis-selected.
    pub(crate) fn end(mut self) -> Result<Tests> {
        if self.faults.is_empty() && self.tests.passed == 0 {
            self.tests.failed += 1;
            self.faults.push("not one test ran".into());
        }
        if self.faults.is_empty() {
            Ok(self.tests)
        } else {
            Err(Problem::Tests(self.tests, self.faults.join("; ")))
        }
    }
}

/// Files of the tree: tracked by git, or new and not ignored; relative to `root`.
pub(crate) fn tree_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = output(&mut git)?;
    let mut files: Vec<PathBuf> = listed.split_terminator('\0').map(PathBuf::from).collect();
    // Git still lists tracked files that were deleted; a merge can list one twice.
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

/// A directory outside the workspace that vanishes with this value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(label: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("libwire-{label}-{}", std::process::id()));
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => failed(format!("{}: {error}", path.display())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, making the directories above it.
    pub(crate) fn write(&self, file: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result {
        let path = self.0.join(file);
        let written = fs::create_dir_all(path.parent().expect("a file lies in a directory"))
            .and_then(|()| fs::write(&path, text));
        written.map_err(|error| Problem::Failed(format!("{}: {error}", path.display())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: {} stays behind: {error}", self.0.display());
        }
    }
}

/// Pushes what was printed so far ahead of a child's output.
pub(crate) fn flush() {
    // A closed stdout is the reader's choice, not a failure of the check.
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn test_results_are_added_up_over_binaries() {
        let mut run = TestRun::default();
        run.add(&mut shell(
            "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s'",
        ));
        run.add(&mut shell(
            "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'",
        ));
        assert_eq!(
            run.end(),
            Ok(Tests {
                passed: 5,
                failed: 0,
                ignored: 1,
                left_out: 7,
            })
        );
    }

    #[test]
    fn failed_cases_are_counted_as_they_are_reported() {
        let mut run = TestRun::default();
        run.add(&mut shell(
            "echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured'; exit 101",
        ));
        let Err(Problem::Tests(tests, _)) = run.end() else {
            panic!("should have failed")
        };
        assert_eq!(
            tests,
            Tests {
                passed: 3,
                failed: 2,
                ignored: 0,
                left_out: 0,
            }
        );
    }

    #[test]
    fn a_command_that_dies_without_a_summary_is_one_failed_case() {
        let mut run = TestRun::default();
        run.add(&mut shell(
            "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'; kill -9 $$",
        ));
        let Err(Problem::Tests(tests, why)) = run.end() else {
            panic!("should have failed")
        };
        assert_eq!(
            tests,
            Tests {
                passed: 3,
                failed: 1,
                ignored: 0,
                left_out: 0,
            }
        );
        assert!(why.contains("signal: 9"), "{why}");
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let mut run = TestRun::default();
        run.add(&mut shell(
            "echo 'test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured'",
        ));
        let Err(Problem::Tests(tests, why)) = run.end() else {
            panic!("should have failed")
        };
        assert_eq!((tests.failed, why.as_str()), (1, "not one test ran"));
    }

    #[test]
    fn flags_are_added_to_those_of_before() {
        let mut command = shell("printf %s \"$XTASK_TEST_FLAGS\"");
        add_flags(&mut command, "XTASK_TEST_FLAGS", "--cfg one");
        add_flags(&mut command, "XTASK_TEST_FLAGS", "--cfg two");
        assert_eq!(output(&mut command), Ok("--cfg one --cfg two".into()));
    }

    #[test]
    fn an_absent_tool_is_not_run_rather_than_failed() {
        let problem = need_tool("no-such-tool-anywhere", "apt install nothing").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "not run: needs no-such-tool-anywhere (apt install nothing)"
        );
    }
}
