//! Programs that tests need and the machine lacks.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where `program` lies on the PATH.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Runs `install` unless `there` is there. Of several processes one does, and the others wait.
pub(super) fn once(name: &str, there: &Path, install: impl FnOnce()) {
    if there.exists() {
        return;
    }
    let lock = File::create(cache().join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !there.exists() {
        note(&format!("Installing {name} (a minute or so)"));
        install();
        assert!(
            there.exists(),
            "{name} was installed, but there is no {}",
            there.display()
        );
    }
}

/// What was installed stays there for the next run.
pub(super) fn cache() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(default_target, PathBuf::from);
    let cache = target.join("servers");
    fs::create_dir_all(&cache).unwrap();
    cache
}

fn default_target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

/// With what it cannot do without, and nothing that is only recommended.
pub(super) fn debian_package(name: &str) {
    run(Command::new("apt-get").args(["update", "-q"]));
    let mut install = Command::new("apt-get");
    install.args(["install", "-qy", "--no-install-recommends", name]);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"));
}

/// # Panics
/// With what it said, where it fails.
pub(super) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

#[allow(clippy::print_stderr, reason = "whoever runs tests should know why they wait")]
fn note(text: &str) {
    eprintln!("{text}");
}
