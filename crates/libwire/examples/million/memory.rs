//! What the process takes, and what there is.

use std::fs;

use crate::Options;

/// The most that an idle wire may take beside its page tables; the library promises it.
pub(crate) const EACH: usize = 4096 + 200;

/// Of this process, in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Without what comes from files: the program's code, of which the system reads ahead as it likes.
    pub(crate) resident: usize,
    pub(crate) with_files: usize,
    pub(crate) page_tables: usize,
}

impl Memory {
    pub(crate) fn now() -> Result<Memory, String> {
        // Counted there; `status` has sums that each processor adds to in batches.
        let maps = read("/proc/self/smaps_rollup")?;
        Ok(Memory {
            resident: kilobytes(&maps, "Anonymous:")?,
            with_files: kilobytes(&maps, "Rss:")?,
            page_tables: kilobytes(&read("/proc/self/status")?, "VmPTE:")?,
        })
    }

    /// The most that was ever resident, with files.
    pub(crate) fn peak() -> Result<usize, String> {
        kilobytes(&read("/proc/self/status")?, "VmHWM:")
    }

    pub(crate) fn less(&self, before: &Memory) -> Memory {
        Memory {
            resident: self.resident.saturating_sub(before.resident),
            with_files: self.with_files.saturating_sub(before.with_files),
            page_tables: self.page_tables.saturating_sub(before.page_tables),
        }
    }
}

/// Says what to do if there is not enough for so many wires.
pub(crate) fn enough(options: &Options) -> Result<(), String> {
    // The child process has page tables of its own.
    let each = EACH + 2 * options.stride() / 512;
    let needed = each * options.wires();
    let free = available()?;
    if needed <= free {
        return Ok(());
    }
    let megabytes = |bytes: usize| bytes.div_ceil(1_000_000);
    Err(format!(
        "{} wires need {} MB of memory, and {} MB are available; try --wires {}",
        options.wires(),
        megabytes(needed),
        free / 1_000_000,
        (free / each * 9 / 10).max(1)
    ))
}

/// What the system says it can give to this process without swapping.
fn available() -> Result<usize, String> {
    let system = kilobytes(&read("/proc/meminfo")?, "MemAvailable:")?;
    Ok(left_in_group().map_or(system, |group| system.min(group)))
}

/// What the control group leaves, if there is one with a limit.
fn left_in_group() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let number = |file: &str| -> Option<usize> {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{path}/{file}")).ok()?;
        text.trim().parse().ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

fn kilobytes(text: &str, field: &str) -> Result<usize, String> {
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(number.ok_or_else(|| format!("the system tells no {field}"))? * 1024)
}
