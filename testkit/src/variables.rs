use std::path::Path;

use crate::broker::broker_variable;
use crate::store::store_variables;

/// What a process that lives in `folder` has to be told in its environment of its broker and stores: nothing of embedded
/// ones, which are what it takes by itself. Blocks until they are there.
pub fn variables(folder: &Path) -> Vec<(&'static str, String)> {
    broker_variable(folder)
        .into_iter()
        .chain(store_variables(folder))
        .collect()
}
