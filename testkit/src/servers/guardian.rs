//! Ends servers and removes their folder when the process that started them is gone, however it went.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Reads `ROLE GROUP` lines. At the end of its input, which is our end, it kills the last group of each role.
const SCRIPT: &str = r#"
while read -r role group; do eval "group_$role=$group"; done
for group in "$group_server" "$group_helper"; do
    [ -n "$group" ] && kill -9 "-$group"
done
[ "$1" = keep ] || rm -rf "$0"
"#;

pub(super) struct Guardian(Child);

#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Server,
    /// What the server needs beside itself.
    Helper,
}

impl Guardian {
    pub(super) fn of(folder: &Path, keeps_folder: bool) -> Self {
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .arg(folder)
            .arg(if keeps_folder { "keep" } else { "remove" })
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What ends us at the terminal must not end it.
            .process_group(0);
        Self(command.spawn().unwrap())
    }

    /// Of a process that leads its group.
    pub(super) fn watch(&mut self, role: Role, leader: &Child) {
        let role = match role {
            Role::Server => "server",
            Role::Helper => "helper",
        };
        let input = self.0.stdin.as_mut().unwrap();
        writeln!(input, "{role} {}", leader.id()).unwrap();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // So that nothing is left when this returns.
        let _ = self.0.wait();
    }
}
