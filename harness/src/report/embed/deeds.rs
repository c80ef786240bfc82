//! What nodes did, as columns.

use super::columns::Column;
use crate::deeds::{Act, Deed};

/// The columns, by name.
pub fn columns(deeds: &[Deed]) -> [(&'static str, Column); 5] {
    let column = |of: fn(&Deed) -> u64| {
        let mut column = Column::default();
        deeds.iter().for_each(|deed| column.push(of(deed)));
        column
    };
    let mut at = Column::default();
    deeds.iter().for_each(|deed| at.push_rise(deed.at_us));
    [
        ("d_at", at),
        ("d_node", column(|deed| deed.node.into())),
        ("d_act", column(|deed| number(deed.act))),
        ("d_index", column(|deed| deed.index)),
        ("d_term", column(|deed| deed.term)),
    ]
}

/// A position among the script's words for what nodes do.
fn number(act: Act) -> u64 {
    match act {
        Act::Started => 0,
        Act::Follows => 1,
        Act::Stands => 2,
        Act::Leads => 3,
        Act::Synced => 4,
        Act::Committed => 5,
        Act::RolledBack => 6,
    }
}
