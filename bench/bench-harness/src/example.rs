//! A benchmark of nothing, for tests.

use clap::ValueEnum;

use crate::{Cost, Pace, Plan, Reference, What, Who};

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
    Paced,
}

impl What for Row {
    type Who = Party;

    const ALL: &'static [Row] = &[Row::Yield2, Row::Create, Row::Switch, Row::Free, Row::Paced];
    const ALWAYS: Row = Row::Create;

    fn title(self) -> &'static str {
        match self {
            Row::Yield2 => "yield",
            Row::Create => "create",
            Row::Switch => "switch",
            Row::Free => "anything",
            Row::Paced => "by the clock",
        }
    }

    fn limit(self) -> Option<(f64, Reference<Row>)> {
        let peers = Reference::Peers(&[Party::Peer, Party::PeerArena]);
        match self {
            Row::Yield2 => Some((0.35, peers)),
            Row::Create => Some((1.0, peers)),
            Row::Switch => Some((1.3, Reference::Own(Row::Yield2))),
            Row::Free => None,
            Row::Paced => Some((1.0, peers)),
        }
    }

    fn second_limit(self) -> Option<(f64, Reference<Row>)> {
        (self == Row::Paced).then_some((0.5, Reference::Peers(&[Party::Peer])))
    }

    fn pace(self) -> Option<Pace> {
        (self == Row::Paced).then_some(Pace {
            per_second: 1e8,
            least: Some(0.5),
        })
    }

    fn aside(self) -> &'static [Party] {
        &[]
    }

    fn has_instructions(self) -> bool {
        true
    }

    fn more_instructions(self) -> Option<(f64, Party)> {
        (self == Row::Paced).then_some((100.0, Party::Peer))
    }
}
