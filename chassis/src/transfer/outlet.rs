//! Writes in a thread of its own: what is written to may block for as long as it likes, a full pipe for one, and whoever
//! hands out the bytes can still be interrupted. It must not know what the bytes are.

use std::io::{self, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Chunks that wait to be written.
const QUEUE: usize = 4;

/// A thread that writes what it is given. Dropped before it has finished, it ends when it can, and nobody waits for it.
pub struct Outlet {
    chunks: mpsc::Sender<Vec<u8>>,
    ended: oneshot::Receiver<io::Result<()>>,
}

type Opened = io::Result<Box<dyn Write>>;

impl Outlet {
    /// `open` is called in the thread, because opening may block as well: a named pipe that nobody reads does.
    ///
    /// # Errors
    /// Where no thread can be had. That nothing can be opened is told by the first write that notices.
    pub fn start(open: impl FnOnce() -> Opened + Send + 'static) -> io::Result<Self> {
        let (chunks, queue) = mpsc::channel(QUEUE);
        let (tell, ended) = oneshot::channel();
        thread::Builder::new().name("outlet".to_owned()).spawn(move || {
            // Whoever was interrupted does not want to know.
            let _ = tell.send(open().and_then(|to| write_all(to, queue)));
        })?;
        Ok(Self { chunks, ended })
    }

    pub(super) async fn write(&mut self, chunk: Vec<u8>) -> io::Result<()> {
        match self.chunks.send(chunk).await {
            Ok(()) => Ok(()),
            Err(_) => read_end((&mut self.ended).await).and_then(|()| Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Waits until everything is written.
    pub(super) async fn finish(self) -> io::Result<()> {
        drop(self.chunks);
        read_end(self.ended.await)
    }
}

fn write_all(mut to: Box<dyn Write>, mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(chunk) = queue.blocking_recv() {
        to.write_all(&chunk)?;
    }
    to.flush()
}

fn read_end(end: Result<io::Result<()>, oneshot::error::RecvError>) -> io::Result<()> {
    end.unwrap_or_else(|died| Err(io::Error::other(died)))
}
