use std::net::TcpListener;

/// Ports of the loopback address that nobody uses, all different.
pub(super) fn free<const N: usize>() -> [u16; N] {
    // Held together, so that none is given twice.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
