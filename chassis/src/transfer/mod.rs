//! The log as a file and back: one envelope a line, in the order of the log, from which a journal can be restored.

mod assembly;
mod export;
mod import;
mod lines;
mod outlet;
mod restore;

pub use assembly::Incomplete;
pub(crate) use assembly::{Assembly, Taken};
pub use export::{Export, ExportError, Exported, export};
pub use import::{ImportError, Importable, check_import, import};
pub(crate) use lines::Lines;
pub use outlet::Outlet;
pub use restore::{RestoreError, Restored, restore};
