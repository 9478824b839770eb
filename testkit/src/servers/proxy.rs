//! A network between clients and a server that can be cut.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes connections on to a port until it is dropped; then those that are open end.
pub(super) struct Proxy {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    /// How many replies are still to be lost, each with its connection.
    losses: usize,
    /// Both ends of every connection that was passed on.
    open: Vec<TcpStream>,
}

impl Proxy {
    pub(super) fn start(from: u16, to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", from)).unwrap();
        let state = Arc::<Mutex<State>>::default();
        let weak = Arc::downgrade(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Some(state), Ok(client)) = (weak.upgrade(), client) else {
                    return;
                };
                // The server may be down: then the client is told by the end of its connection.
                let _ = pass_on(&state, client, to);
            }
        });
        Self { state }
    }

    /// Ends every connection, and every new one at once.
    pub(super) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = true;
        for end in state.open.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// The next so many replies do not come: what was asked is done, and then the connection ends.
    pub(super) fn lose_replies(&self, count: usize) {
        self.state.lock().unwrap().losses = count;
    }

    pub(super) fn mend(&self) {
        self.state.lock().unwrap().is_cut = false;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn pass_on(shared: &Arc<Mutex<State>>, client: TcpStream, to: u16) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", to))?;
    let mut state = shared.lock().unwrap();
    if state.is_cut {
        return Ok(());
    }
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (asking, answering) = (
        (client.try_clone()?, server.try_clone()?),
        (server.try_clone()?, client.try_clone()?),
    );
    // A pair of which one end has gone has ended.
    state.open.retain(|end| end.peer_addr().is_ok());
    state.open.extend([client, server]);
    thread::spawn(move || copy(asking, || false));
    let shared = Arc::clone(shared);
    thread::spawn(move || copy(answering, || is_lost(&shared)));
    Ok(())
}

fn is_lost(state: &Mutex<State>) -> bool {
    let mut state = state.lock().unwrap();
    let is_lost = state.losses > 0;
    state.losses = state.losses.saturating_sub(1);
    is_lost
}

fn copy((mut source, mut sink): (TcpStream, TcpStream), is_lost: impl Fn() -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = source.read(&mut buffer) {
        if is_lost() || sink.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = sink.shutdown(Shutdown::Both);
    let _ = source.shutdown(Shutdown::Both);
}
