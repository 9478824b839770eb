//! A disk that is small enough to fill, in a mount namespace of its own: whatever becomes of the test, it leaves nothing
//! mounted.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const IN_NAMESPACE: &str = "TEST_IN_NAMESPACE";
/// Root may have a namespace at once; anybody else is root in one of their own.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// Runs the test once more where it may mount. True where it may already: there it goes on itself.
///
/// # Panics
/// Where it fails there, or where nothing can be mounted: a test that was left out would look like one that passed.
pub(crate) fn may_mount(test: &str) -> bool {
    if std::env::var_os(IN_NAMESPACE).is_some() {
        return true;
    }
    let way = WAYS.into_iter().find(|way| is_possible(way));
    let way = way.expect("a full disk is tested on a small one: run this as root, or allow user namespaces");
    let status = Command::new("unshare")
        .args(way)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .env(IN_NAMESPACE, "1")
        .status();
    assert!(status.unwrap().success(), "{test} failed, see above");
    false
}

fn is_possible(way: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(way)
        .args(["mount", "-t", "tmpfs", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    pub(crate) fn mount(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(status.unwrap().success());
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all room that is left, to the last byte.
    pub(crate) fn fill(&self) {
        let mut ballast = File::options().append(true).create(true).open(self.ballast()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let full = loop {
                if let Err(error) = ballast.write_all(&vec![0; size]) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the platform's last files may just be closing.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
