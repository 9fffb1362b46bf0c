//! What is measured, and what it may cost.

use bench_harness::{Reference, What};
use clap::ValueEnum;

use crate::participant::Participant;

/// One operation, measured on all who have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Row {
    /// A yield, with two who do nothing else
    Yield,
    /// A message one way between two, without room in between
    Rendezvous,
    /// A message one way between two, with room for 64 in between
    Bounded,
    /// Lock, add to the data, unlock, with nobody else about
    Lock,
    /// Of two who hold a lock in turn and yield meanwhile: one of the turns
    HandOver,
    /// As `rendezvous`, received by whoever waits for the first of four channels, sent to in turn
    Select,
    /// As `rendezvous`, but the receiver always waits when a message is sent
    ReceiveLater,
    /// As `select`, but the receiver always waits when a message is sent
    SelectLater,
}

impl What for Row {
    type Who = Participant;

    const ALL: &'static [Row] = &[
        Row::Yield,
        Row::Rendezvous,
        Row::Bounded,
        Row::Lock,
        Row::HandOver,
        Row::Select,
        Row::ReceiveLater,
        Row::SelectLater,
    ];
    const ALWAYS: Row = Row::Yield;

    fn title(self) -> &'static str {
        match self {
            Row::Yield => "yield, 2",
            Row::Rendezvous => "rendezvous message",
            Row::Bounded => "message, 64 slots",
            Row::Lock => "lock + unlock",
            Row::HandOver => "hand-over of a lock",
            Row::Select => "select of 4",
            Row::ReceiveLater => "receive, sent later",
            Row::SelectLater => "select of 4, sent later",
        }
    }

    fn limit(self) -> Option<(f64, Reference<Row>)> {
        match self {
            Row::Yield | Row::ReceiveLater => None,
            Row::Rendezvous => Some((3.0, Reference::Own(Row::Yield))),
            Row::Bounded => Some((0.15, Reference::Peers(&[Participant::Tokio]))),
            Row::Lock => Some((0.30, Reference::Peers(&[Participant::Std]))),
            Row::HandOver => Some((4.0, Reference::Own(Row::Yield))),
            Row::Select => Some((3.0, Reference::Own(Row::Rendezvous))),
            Row::SelectLater => Some((3.0, Reference::Own(Row::ReceiveLater))),
        }
    }

    fn aside(self) -> &'static [Participant] {
        match self {
            Row::Yield | Row::ReceiveLater | Row::SelectLater => &[],
            Row::Rendezvous | Row::HandOver => &[Participant::Tokio, Participant::May],
            Row::Bounded => &[
                Participant::TokioTrying,
                Participant::May,
                Participant::Crossbeam,
            ],
            Row::Lock => &[Participant::Tokio, Participant::May],
            Row::Select => &[Participant::Tokio],
        }
    }

    fn has_instructions(self) -> bool {
        true
    }
}
