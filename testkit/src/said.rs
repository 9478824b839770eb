//! What a started process says: read on so that it never waits for room, and shown where a test fails.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

/// Lines that are kept: what a test does is told in fewer.
const KEPT: usize = 200;

type Shared = Arc<Mutex<VecDeque<String>>>;

/// The last lines of a process. Dropped while its test fails, it prints them.
#[derive(Default)]
pub(crate) struct LastLines(Shared);

impl Drop for LastLines {
    #[expect(clippy::print_stderr, reason = "the test that fails is told beside its failure")]
    fn drop(&mut self) {
        // A lock that is poisoned belongs to the failure that is told already.
        let Ok(lines) = self.0.lock() else { return };
        if std::thread::panicking() && !lines.is_empty() {
            eprintln!("The platform said last:");
            lines.iter().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// What a process says, copied into a file where that is wanted.
pub(crate) struct Said {
    lines: Lines<BufReader<ChildStdout>>,
    last: Shared,
    copy: Option<File>,
}

impl Said {
    /// `last` is told what is read from now on.
    pub(crate) fn new(output: ChildStdout, last: &LastLines, copy: Option<PathBuf>) -> Self {
        let open = |path| File::options().append(true).create(true).open(path).unwrap();
        Self {
            lines: BufReader::new(output).lines(),
            last: Arc::clone(&last.0),
            copy: copy.map(open),
        }
    }

    /// `None` at its end.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        let line = self.lines.next_line().await.ok()??;
        self.keep(&line);
        if let Some(copy) = &mut self.copy {
            writeln!(copy, "{line}").unwrap();
        }
        Some(line)
    }

    fn keep(&self, line: &str) {
        let mut last = self.last.lock().unwrap();
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    }
}
