//! Ports for servers that come back: a port is kept while its server is away, though nobody listens there then.
//!
//! So they are none of those that the system gives to whoever asks for any port, or for whoever connects (from 32768 on
//! with Linux, see ip(7); from 49152 on by RFC 6335). Processes that share a target folder keep them apart by locks, which
//! end with their holders.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Mutex;

use super::install;

const PORTS: Range<u16> = 20_000..32_000;
/// Processes that start at once begin to look so far from each other.
const STRIDE: u32 = 97;

/// The locks of this process, which keep its ports until it ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Ports of the loopback address that nobody uses, all different. They are this process's own as long as it lives.
pub(super) fn free<const N: usize>() -> [u16; N] {
    [(); N].map(|()| take_one())
}

fn take_one() -> u16 {
    let count = u32::from(PORTS.end - PORTS.start);
    let first = u16::try_from(std::process::id() * STRIDE % count).unwrap();
    let mut all = (PORTS.start + first..PORTS.end).chain(PORTS.start..PORTS.start + first);
    all.find(|port| take(*port)).expect("a port is free")
}

fn take(port: u16) -> bool {
    let folder = install::cache().join("ports");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(port.to_string())).unwrap();
    let is_free = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
    if is_free {
        TAKEN.lock().unwrap().push(lock);
    }
    is_free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_given_a_port_twice_though_nobody_listens_there() {
        let mut ports = free::<20>();
        ports.sort_unstable();
        assert!(ports.windows(2).all(|two| two[0] != two[1]));
        assert!(ports.iter().all(|port| !take(*port)));
    }
}
