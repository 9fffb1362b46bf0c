//! Writing what was recorded in the trace event format of Chrome, which Perfetto reads too.
//!
//! The writer keeps nothing but where it is: each slice in the ring knows enough to be written without
//! the others. A wire's name is written with its first slice that is there.

use core::fmt::{self, Display, Write as _};
use std::io;

use super::ring::{ASLEEP, ENDED, Event, MARK};
use super::{Ring, now};

/// What a [`Trace`](super::Trace) holds, with the name that the timeline shows for it.
#[derive(Clone, Copy)]
pub struct Recording<'a> {
    pub(super) ring: &'a Ring,
    pub(super) name: &'a str,
}

impl fmt::Debug for Recording<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("name", &self.name)
            .field("recorded", &self.ring.recorded())
            .finish_non_exhaustive()
    }
}

/// Writes the recordings of several OS threads into one timeline. Allocates nothing unless `out` does.
///
/// ```
/// use wire_core::trace::{Trace, write_json};
///
/// static NET: Trace<512> = Trace::new();
/// static DISK: Trace<512> = Trace::new();
///
/// let record = |trace: &'static Trace<512>| trace.record(|| wire_core::run(|| {}));
/// std::thread::scope(|s| {
///     s.spawn(|| record(&NET));
///     s.spawn(|| record(&DISK));
/// });
/// let mut json = String::new();
/// write_json(&[NET.named("network"), DISK.named("disk")], &mut json).unwrap();
/// ```
///
/// # Errors
///
/// Those of `out`.
pub fn write_json(recordings: &[Recording<'_>], out: &mut dyn fmt::Write) -> fmt::Result {
    let mut json = Json { out, empty: true };
    json.out
        .write_str("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    let mut lost = 0;
    for (n, recording) in recordings.iter().enumerate() {
        let writer = Writer {
            ring: recording.ring,
            pid: n as u64 + 1,
            processes: recordings.len() as u64,
        };
        lost += writer.all(&mut json, recording.name)?;
    }
    write!(json.out, "\n],\"otherData\":{{\"lost\":{lost}}}}}\n")
}

/// [`write_json`](write_json()) for files and the like; needs no buffer in `out`.
///
/// # Errors
///
/// Those of `out`.
pub fn write_json_to(recordings: &[Recording<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    let mut to = Buffered {
        out,
        buffer: [0; 1024],
        filled: 0,
        result: Ok(()),
    };
    // The only errors are those that `to` keeps.
    let _ = write_json(recordings, &mut to);
    to.flush();
    to.result
}

/// Text on its way to an `io::Write`.
struct Buffered<'a> {
    out: &'a mut dyn io::Write,
    buffer: [u8; 1024],
    filled: usize,
    result: io::Result<()>,
}

impl Buffered<'_> {
    fn flush(&mut self) {
        if self.result.is_ok() {
            self.result = self.out.write_all(&self.buffer[..self.filled]);
        }
        self.filled = 0;
    }
}

impl fmt::Write for Buffered<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let room = &mut self.buffer[self.filled..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            rest = later;
            if self.filled == self.buffer.len() {
                self.flush();
            }
        }
        match self.result {
            Ok(()) => Ok(()),
            Err(_) => Err(fmt::Error),
        }
    }
}

/// The list of events being written.
struct Json<'a> {
    out: &'a mut dyn fmt::Write,
    empty: bool,
}

impl Json<'_> {
    fn event(&mut self, fields: fmt::Arguments<'_>) -> fmt::Result {
        let comma = if self.empty { "" } else { "," };
        self.empty = false;
        write!(self.out, "{comma}\n{{{fields}}}")
    }
}

/// A string with its quotes. What is not printable, or changes how its neighbours look, is written as a
/// number, so that a file stays readable whatever wires are called.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            if c == '\'' || c.escape_debug().len() == 1 {
                f.write_char(c)?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(f, "\\u{unit:04x}")?;
                }
            }
        }
        f.write_char('"')
    }
}

/// Nanoseconds, written in units of a thousand (microseconds) or a million.
struct Time<const DIGITS: usize>(u64);

impl<const DIGITS: usize> Display for Time<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(DIGITS as u32);
        write!(f, "{}.{:0DIGITS$}", self.0 / unit, self.0 % unit)
    }
}

fn micros(nanos: u64) -> Time<3> {
    Time(nanos)
}

fn millis(nanos: u64) -> Time<6> {
    Time(nanos)
}

/// Process, thread and time, as fields.
struct At {
    pid: u64,
    tid: u32,
    time: u64,
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { pid, tid, time } = *self;
        write!(f, r#""pid":{pid},"tid":{tid},"ts":{}"#, micros(time))
    }
}

/// Of one recording.
struct Writer<'a> {
    ring: &'a Ring,
    pid: u64,
    processes: u64,
}

/// Where the writer is.
struct Place {
    /// What has not ended is written as lasting until then.
    until: u64,
    /// From this index on nothing was missing.
    from: u64,
    /// The start of the first slice from there on.
    start: Option<u64>,
}

impl Writer<'_> {
    /// Writes everything and says how much was lost.
    fn all(&self, json: &mut Json<'_>, name: &str) -> Result<u64, fmt::Error> {
        let recorded = self.ring.recorded();
        let pid = self.pid;
        json.event(format_args!(
            r#""ph":"M","pid":{pid},"name":"process_name","args":{{"name":{}}}"#,
            Text(name)
        ))?;
        let mut index = self.ring.oldest(recorded);
        let mut lost = self.ring.marks_lost() + index;
        let mut place = Place {
            // After `recorded`: all slices up to there began before.
            until: self.ring.until().unwrap_or_else(now),
            from: index,
            start: None,
        };
        while index < recorded {
            if let Some(event) = self.ring.read(index) {
                self.event(json, &mut place, index, &event)?;
                index += 1;
                continue;
            }
            // Recording was faster than writing.
            let oldest = self.ring.oldest(self.ring.recorded()).min(recorded);
            let next = oldest.max(index + 1);
            lost += next - index;
            index = next;
            place.from = index;
            place.start = None;
        }
        Ok(lost)
    }

    fn event(
        &self,
        json: &mut Json<'_>,
        place: &mut Place,
        index: u64,
        event: &Event,
    ) -> fmt::Result {
        if event.ended_with(&MARK) {
            return self.point(json, event, "mark", event.name, event.start);
        }
        let start = *place.start.get_or_insert(event.start);
        if event.before <= place.from {
            let (pid, tid) = (self.pid, tid(event.wire));
            json.event(format_args!(
                r#""ph":"M","pid":{pid},"tid":{tid},"name":"thread_name","args":{{"name":{}}}"#,
                Text(event.name)
            ))?;
        }
        self.made_ready(json, start, index, event)?;
        self.slice(json, place.until, event)?;
        self.too_long(json, place.until, event)?;
        let Some(then) = event.then else {
            return Ok(());
        };
        if event.ended_with(&ENDED) {
            return self.point(json, event, "end", "end", event.end);
        }
        let category = if event.ended_with(&ASLEEP) {
            "idle"
        } else {
            "wait"
        };
        let waits = event.over == 0 || Some(event.over) == self.ring.until();
        let until = if event.over == 0 {
            place.until
        } else {
            event.over
        };
        json.event(format_args!(
            r#""ph":"X",{},"dur":{},"cat":"{category}","name":{},"args":{{"object":"{:p}","waits":{waits}}}"#,
            self.at(event.wire, event.end),
            micros(until.saturating_sub(event.end)),
            Text(then.name()),
            event.object,
        ))
    }

    fn at(&self, wire: u64, time: u64) -> At {
        At {
            pid: self.pid,
            tid: tid(wire),
            time,
        }
    }

    fn point(
        &self,
        json: &mut Json<'_>,
        event: &Event,
        category: &str,
        name: &str,
        time: u64,
    ) -> fmt::Result {
        json.event(format_args!(
            r#""ph":"i","s":"t",{},"cat":"{category}","name":{}"#,
            self.at(event.wire, time),
            Text(name)
        ))
    }

    /// Who woke or started the wire. `start` is that of the first slice there is: what was before would
    /// be an arrow from nowhere.
    fn made_ready(
        &self,
        json: &mut Json<'_>,
        start: u64,
        index: u64,
        event: &Event,
    ) -> fmt::Result {
        let (by, spawned) = (event.by >> 1, event.by & 1 != 0);
        if event.ready == 0 {
            return Ok(());
        }
        if spawned {
            self.point(json, event, "spawn", "start", event.ready)?;
        }
        if by == 0 || event.ready < start {
            return Ok(());
        }
        let name = if spawned { "spawn" } else { "wake" };
        let id = index * self.processes + self.pid - 1;
        json.event(format_args!(
            r#""ph":"s","id":{id},{},"cat":"{name}","name":"{name}""#,
            self.at(by, event.ready)
        ))?;
        json.event(format_args!(
            r#""ph":"f","bp":"e","id":{id},{},"cat":"{name}","name":"{name}""#,
            self.at(event.wire, event.start)
        ))
    }

    fn slice(&self, json: &mut Json<'_>, until: u64, event: &Event) -> fmt::Result {
        let runs = event.end == 0;
        json.event(format_args!(
            r#""ph":"X",{},"dur":{},"cat":"run","name":{},"args":{{"runs":{runs}}}"#,
            self.at(event.wire, event.start),
            micros(duration(event, until)),
            Text(event.name)
        ))
    }

    /// The counter that names wires which do not let others run.
    fn too_long(&self, json: &mut Json<'_>, until: u64, event: &Event) -> fmt::Result {
        let (limit, duration) = (self.ring.limit(), duration(event, until));
        if duration <= limit {
            return Ok(());
        }
        let mut count = |time: u64, value: u64| {
            json.event(format_args!(
                r#""ph":"C","pid":{},"ts":{},"cat":"watchdog","name":"run slices over {} ms","args":{{{}:{}}}"#,
                self.pid,
                micros(time),
                limit as f64 / 1e6,
                Text(event.name),
                millis(value)
            ))
        };
        count(event.start, duration)?;
        if event.end == 0 {
            return Ok(());
        }
        count(event.end, 0)
    }
}

/// The number the viewers get, which keep 32 bits. As many wires later it comes again, when the slices of
/// the first one are long gone.
fn tid(wire: u64) -> u32 {
    wire as u32
}

fn duration(event: &Event, until: u64) -> u64 {
    let end = if event.end == 0 { until } else { event.end };
    end.saturating_sub(event.start)
}
