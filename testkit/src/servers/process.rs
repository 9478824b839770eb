//! Servers that one test has to itself and of which it reads nothing but what they answer.

use std::process::Stdio;

use tokio::process::{Child, Command};

/// Starts a program of which nothing is read or shown. It ends with what is returned.
pub(super) fn silently(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
