//! The page's sections, in their order. Each is markup without its heading, or nothing.

mod anomaly;
mod answers;
mod clients;
mod faults;
mod log;
mod lost;
mod operation;
mod setup;
mod tiles;
mod timeline;
mod verdict;
mod whitebox;

pub use anomaly::anomaly;
pub use clients::clients;
pub use faults::faults;
pub use log::log;
pub use lost::table as lost_writes;
pub use setup::{left_out, setup};
pub use timeline::timeline;
pub use verdict::{headline, planted, verdict, word};
pub use whitebox::{sometimes, whitebox};

use super::html::Html;
use super::units;

/// A duration, or a dash where there is none.
fn duration(ns: Option<u64>) -> Html {
    ns.map_or("–".into(), |ns| units::duration(ns).into())
}

/// A count; a dash for none, so that rows are read by what is there.
fn count(number: u64) -> Html {
    match number {
        0 => "–".into(),
        number => units::count(number).into(),
    }
}
