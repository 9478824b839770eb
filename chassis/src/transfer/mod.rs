//! The log as a file and back: one envelope a line, in the order of the log, from which a journal can be restored. And a
//! journal's way to a log that does not have it, and to another store.

mod appending;
mod assembly;
mod copy;
mod export;
mod lines;
mod outlet;
mod republish;
mod restore;

pub use assembly::Incomplete;
pub(crate) use assembly::{Assembly, Taken};
pub use copy::{Copied, CopyError, copy, refuse_filled, release};
pub use export::{Export, ExportError, Exported, export};
pub(crate) use lines::Lines;
pub use outlet::Outlet;
pub use republish::{RepublishError, republish};
pub use restore::{RestoreError, Restored, restore};
