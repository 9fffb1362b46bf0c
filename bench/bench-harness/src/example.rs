//! A benchmark of nothing, for tests.

use clap::ValueEnum;

use crate::{Cost, Plan, Reference, What, Who};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Party {
    Wires,
    Peer,
    /// The same in another configuration
    PeerArena,
}

impl Who for Party {
    type What = Row;

    const ALL: &'static [Party] = &[Party::Wires, Party::Peer, Party::PeerArena];
    const WIRES: Party = Party::Wires;

    fn title(self) -> &'static str {
        match self {
            Party::Wires => "wires",
            Party::Peer => "peer",
            Party::PeerArena => "peer, arena",
        }
    }

    fn configuration(self) -> &'static str {
        ""
    }

    fn abstains(self, row: Row) -> Option<&'static str> {
        match (self, row) {
            (Party::Peer, Row::Create) | (Party::Peer | Party::PeerArena, Row::Free) => {
                Some("it never does")
            }
            _ => None,
        }
    }

    fn is_one_thread(self) -> bool {
        true
    }

    fn measure(self, _: Row, plan: Plan) -> Result<Cost, String> {
        Ok(Cost {
            operations: plan.operations,
            cpu: 1,
            wall: 1,
            allocations: 0,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Row {
    Yield2,
    Create,
    Switch,
    Free,
}

impl What for Row {
    type Who = Party;

    const ALL: &'static [Row] = &[Row::Yield2, Row::Create, Row::Switch, Row::Free];
    const ALWAYS: Row = Row::Create;

    fn title(self) -> &'static str {
        match self {
            Row::Yield2 => "yield",
            Row::Create => "create",
            Row::Switch => "switch",
            Row::Free => "anything",
        }
    }

    fn limit(self) -> Option<(f64, Reference<Row>)> {
        let peers = Reference::Peers(&[Party::Peer, Party::PeerArena]);
        match self {
            Row::Yield2 => Some((0.35, peers)),
            Row::Create => Some((1.0, peers)),
            Row::Switch => Some((1.3, Reference::Own(Row::Yield2))),
            Row::Free => None,
        }
    }

    fn aside(self) -> &'static [Party] {
        &[]
    }

    fn has_instructions(self) -> bool {
        true
    }
}
