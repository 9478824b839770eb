//! Asks a process on this machine whether it answers: the health check of containers that have nothing but the service in
//! them. It must not know what the service does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_LINE: usize = 1_024;

#[derive(Debug, Error)]
pub enum ProbeError {
    #[error("{address} does not answer: {cause}")]
    Silent { address: SocketAddr, cause: io::Error },
    #[error("{address} answers `{line}`")]
    Other { address: SocketAddr, line: String },
}

/// Whether the process that listens there is alive. An address for all of the machine's is asked on this machine.
///
/// # Errors
/// [`ProbeError`] where it is not, or takes longer than three seconds to say so.
pub fn is_live(listen: SocketAddr) -> Result<(), ProbeError> {
    let address = SocketAddr::new(reachable(listen.ip()), listen.port());
    let line = ask(address).map_err(|cause| ProbeError::Silent { address, cause })?;
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(ProbeError::Other { address, line }),
    }
}

fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// The first line of the answer.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    write!(
        connection,
        "GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = String::new();
    BufReader::new(io::Read::take(connection, LONGEST_LINE as u64)).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn only_who_says_that_all_is_well_is_live() {
        is_live(answering("HTTP/1.1 200 OK\r\n\r\n")).unwrap();
        let error = is_live(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert!(error.to_string().contains("503 Service Unavailable"), "{error}");
        assert!(is_live(answering("")).is_err());
    }

    #[test]
    fn nobody_is_not_live() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(matches!(is_live(address), Err(ProbeError::Silent { .. })));
        let all = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        assert!(is_live(all).unwrap_err().to_string().contains("127.0.0.1"));
    }
}
