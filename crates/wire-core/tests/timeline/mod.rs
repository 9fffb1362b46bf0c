//! Reads what a trace was written as, checks all that must hold of any, and tells of it in short.
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use wire_core::trace::Trace;

pub(crate) struct Timeline {
    text: String,
    events: Vec<Value>,
    lost: u64,
    /// Names by process and thread, in the order of the file.
    names: Vec<((u64, u64), String)>,
}

/// What a trace holds.
#[track_caller]
pub(crate) fn timeline<const N: usize>(trace: &Trace<N>) -> Timeline {
    let mut text = String::new();
    trace.write_json(&mut text).unwrap();
    Timeline::of(&text)
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field}: {event}"))
}

fn number(event: &Value, field: &str) -> u64 {
    event[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field}: {event}"))
}

/// Nanoseconds.
fn time(event: &Value, field: &str) -> u64 {
    let micros = event[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field}: {event}"));
    (micros * 1000.0).round() as u64
}

fn track(event: &Value) -> (u64, u64) {
    (number(event, "pid"), number(event, "tid"))
}

impl Timeline {
    #[track_caller]
    pub(crate) fn of(text: &str) -> Timeline {
        let mut json: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let Value::Array(events) = json["traceEvents"].take() else {
            panic!("no list of events: {text}");
        };
        let mut timeline = Timeline {
            text: text.to_owned(),
            events,
            lost: number(&json["otherData"], "lost"),
            names: Vec::new(),
        };
        timeline.read_names();
        timeline.check_slices();
        timeline.check_arrows();
        timeline
    }

    fn phase<'a>(&'a self, phase: &'static str) -> impl Iterator<Item = &'a Value> {
        self.events
            .iter()
            .filter(move |event| event["ph"] == *phase)
    }

    fn read_names(&mut self) {
        let mut known = HashMap::new();
        let mut names = Vec::new();
        for event in self
            .phase("M")
            .filter(|event| event["name"] == "thread_name")
        {
            let name = text(&event["args"], "name").to_owned();
            if let Some(before) = known.insert(track(event), name.clone()) {
                assert_eq!(before, name, "one wire, two names");
            } else {
                names.push((track(event), name));
            }
        }
        self.names = names;
    }

    fn name(&self, track: (u64, u64)) -> &str {
        let found = self.names.iter().find(|(of, _)| *of == track);
        &found.unwrap_or_else(|| panic!("{track:?} has no name")).1
    }

    /// Slices of one wire do not overlap, nor do run slices of one OS thread, and the latter are in order.
    fn check_slices(&self) {
        let mut tracks: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut last = HashMap::new();
        for event in self.phase("X") {
            let span = (time(event, "ts"), time(event, "ts") + time(event, "dur"));
            tracks.entry(track(event)).or_default().push(span);
            if event["cat"] == "run" {
                assert_eq!(text(event, "name"), self.name(track(event)));
                let before = last.insert(number(event, "pid"), span).unwrap_or_default();
                assert!(before.1 <= span.0, "two run at once: {before:?} {span:?}");
            }
        }
        for (track, mut spans) in tracks {
            spans.sort();
            for two in spans.windows(2) {
                assert!(
                    two[0].1 <= two[1].0,
                    "{track:?} overlap: {two:?}\n{}",
                    self.text
                );
            }
        }
    }

    /// Each arrow has its start and its end, the former in a run slice, the latter where one begins.
    fn check_arrows(&self) {
        let by_id = |phase| {
            let mut found = BTreeMap::new();
            for event in self.phase(phase) {
                assert!(
                    found.insert(number(event, "id"), event).is_none(),
                    "id twice"
                );
            }
            found
        };
        let (starts, ends) = (by_id("s"), by_id("f"));
        assert!(starts.keys().eq(ends.keys()), "half an arrow");
        for (start, end) in starts.values().zip(ends.values()) {
            assert_eq!((&start["cat"], &start["name"]), (&end["cat"], &end["name"]));
            let (from, to) = (time(start, "ts"), time(end, "ts"));
            assert!(from <= to, "back in time: {start} {end}");
            let runs = |of: &Value, fits: &dyn Fn(u64, u64) -> bool| {
                self.phase("X").any(|event| {
                    let begin = time(event, "ts");
                    event["cat"] == "run"
                        && track(event) == track(of)
                        && fits(begin, begin + time(event, "dur"))
                })
            };
            let from_slice = runs(start, &|begin, end| begin <= from && from <= end);
            assert!(from_slice, "from no slice: {start}\n{}", self.text);
            assert!(runs(end, &|begin, _| begin == to), "to no slice: {end}");
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// The names of all wires.
    pub(crate) fn wires(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| name.as_str())
    }

    /// The name of an OS thread.
    pub(crate) fn process(&self, pid: u64) -> &str {
        let named = |event: &&Value| event["name"] == "process_name" && event["pid"] == pid;
        let event = self.phase("M").find(named).unwrap();
        text(&event["args"], "name")
    }

    fn all<'a>(
        &'a self,
        phase: &'static str,
        category: &'static str,
    ) -> impl Iterator<Item = &'a Value> {
        self.phase(phase)
            .filter(move |event| event["cat"] == *category)
    }

    /// The names of the events of a phase and category, as they come in the file.
    pub(crate) fn names(&self, phase: &'static str, category: &'static str) -> Vec<&str> {
        let events = self.all(phase, category);
        events.map(|event| text(event, "name")).collect()
    }

    /// The first event of that name.
    #[track_caller]
    pub(crate) fn find(&self, phase: &'static str, category: &'static str, name: &str) -> &Value {
        let mut all = self.all(phase, category);
        all.find(|event| event["name"] == *name).unwrap()
    }

    /// The first wait of a wire.
    #[track_caller]
    pub(crate) fn wait_of(&self, wire: &str) -> &Value {
        let of = |event: &&Value| self.name(track(event)) == wire;
        self.all("X", "wait").find(of).unwrap()
    }

    /// Slices, waits and points of the wires of that name, in time.
    pub(crate) fn of_wire(&self, wire: &str) -> String {
        let mut events = Vec::new();
        for event in self.phase("X").chain(self.phase("i")) {
            if self.name(track(event)) == wire {
                let name = text(event, "name");
                let what = match text(event, "ph") {
                    "i" => format!("{}:{name}", text(event, "cat")),
                    _ => name.to_owned(),
                };
                events.push((time(event, "ts"), what));
            }
        }
        events.sort_by_key(|event| event.0);
        let words: Vec<_> = events.into_iter().map(|event| event.1).collect();
        words.join(" ")
    }

    /// Who woke or started whom, in time.
    pub(crate) fn arrows(&self) -> String {
        let ends: HashMap<_, _> = self
            .phase("f")
            .map(|event| (number(event, "id"), track(event)))
            .collect();
        let mut starts: Vec<_> = self.phase("s").collect();
        starts.sort_by_key(|event| time(event, "ts"));
        let arrow = |start: &Value| {
            let end = ends[&number(start, "id")];
            let (from, to) = (self.name(track(start)), self.name(end));
            format!("{from}-{}->{to}", text(start, "name"))
        };
        let arrows: Vec<_> = starts.into_iter().map(arrow).collect();
        arrows.join(" ")
    }

    /// When waits end, in nanoseconds.
    pub(crate) fn wait_ends(&self) -> Vec<u64> {
        let waits = self.all("X", "wait");
        let mut ends: Vec<_> = waits
            .map(|event| time(event, "ts") + time(event, "dur"))
            .collect();
        ends.sort();
        ends
    }

    /// When wires are woken, in nanoseconds.
    pub(crate) fn woken(&self) -> Vec<u64> {
        let starts = self.all("s", "wake");
        let mut times: Vec<_> = starts.map(|event| time(event, "ts")).collect();
        times.sort();
        times
    }

    /// The wires whose slices have not ended.
    pub(crate) fn running(&self) -> Vec<&str> {
        let runs = self.all("X", "run");
        runs.filter(|event| event["args"]["runs"] == true)
            .map(|event| text(event, "name"))
            .collect()
    }

    /// The names that the watchdog counts for.
    pub(crate) fn overlong(&self) -> Vec<&str> {
        let counted = self.all("C", "watchdog");
        counted
            .flat_map(|event| event["args"].as_object().unwrap().keys())
            .map(String::as_str)
            .collect()
    }

    /// Times in microseconds, values, and names of the watchdog's counter for a wire.
    pub(crate) fn counts(&self, wire: &str) -> Vec<(f64, f64, &str)> {
        let counted = self.all("C", "watchdog");
        counted
            .filter_map(|event| {
                let value = event["args"].get(wire)?.as_f64()?;
                Some((event["ts"].as_f64()?, value, text(event, "name")))
            })
            .collect()
    }
}
