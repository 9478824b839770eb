//! Certificates are read from files, and read again when their content changes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chassis::tls::{CertificateFiles, self_signed, server_config};
use prometheus::IntGauge;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ServerConnection, SignatureScheme};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

/// Accepts every certificate and keeps the last.
#[derive(Debug, Default)]
struct Keeper(Mutex<Vec<u8>>);

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = certificate.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The certificate that a new connection gets.
fn handshake(server: &Arc<rustls::ServerConfig>) -> Vec<u8> {
    let keeper = Arc::new(Keeper::default());
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&keeper) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Arc::clone(server);
    let serving = std::thread::spawn(move || {
        let mut connection = ServerConnection::new(server).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).unwrap();
        }
    });
    let mut connection = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    serving.join().unwrap();
    keeper.0.lock().unwrap().clone()
}

fn expiry() -> IntGauge {
    IntGauge::new("expiry", "When it ends").unwrap()
}

fn replace(files: &CertificateFiles, by: &Path) {
    let other = self_signed(by).unwrap();
    fs::copy(other.private_key, &files.private_key).unwrap();
    fs::copy(other.certificate, &files.certificate).unwrap();
}

#[tokio::test]
async fn new_connections_get_the_new_certificate_and_a_broken_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let files = self_signed(&folder.path().join("a")).unwrap();
    let stop = CancellationToken::new();
    let expiry = expiry();
    let config = Arc::new(server_config(files.clone(), expiry.clone(), stop.clone()).unwrap());
    assert!(expiry.get() > jiff::Timestamp::now().as_second());
    let first = handshake(&config);
    assert_eq!(handshake(&config), first);

    replace(&files, &folder.path().join("b"));
    eventually("the new certificate is used", || async {
        (handshake(&config) != first).then_some(())
    })
    .await;
    let second = handshake(&config);
    fs::write(&files.certificate, "nonsense").unwrap();
    replace(&files, &folder.path().join("c"));
    let later = eventually("the third certificate is used", || async {
        let now = handshake(&config);
        (now != second).then_some(now)
    })
    .await;
    assert_ne!(later, first);
    stop.cancel();
}

#[test]
fn the_same_folder_keeps_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = fs::read(self_signed(folder.path()).unwrap().certificate).unwrap();
    assert_eq!(
        fs::read(self_signed(folder.path()).unwrap().certificate).unwrap(),
        first
    );
}

#[tokio::test]
async fn files_that_are_missing_or_no_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = self_signed(folder.path()).unwrap();
    let missing = CertificateFiles {
        certificate: folder.path().join("missing.pem"),
        ..files.clone()
    };
    let error = server_config(missing, expiry(), CancellationToken::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing.pem"), "{error}");
    fs::write(&files.private_key, "nonsense").unwrap();
    let error = server_config(files, expiry(), CancellationToken::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("private-key.pem") && error.contains("no PEM private key"),
        "{error}"
    );
}
