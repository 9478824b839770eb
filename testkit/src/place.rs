use std::path::Path;

/// The name at a shared server of what lives in `folder`. Folders of tests have names that are used once.
pub(crate) fn place_of(folder: &Path) -> String {
    let name = folder.to_string_lossy();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("test-{plain}")
}
