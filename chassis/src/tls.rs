//! Certificates for HTTPS: read from PEM files, and read again when their content changes.
//!
//! The content is compared, not the file's time: Kubernetes swaps certificates by a symbolic link, which watchers miss.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::IntGauge;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use x509_parser::parse_x509_certificate;

const CERTIFICATE: &str = "certificate.pem";
const PRIVATE_KEY: &str = "private-key.pem";
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{path}: {rule}")]
    File { path: PathBuf, rule: String },
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A certificate and its key on disk.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

#[derive(Debug)]
struct Resolver {
    current: ArcSwap<CertifiedKey>,
    expiry: IntGauge,
}

impl Resolver {
    fn of(key: CertifiedKey, expiry: IntGauge) -> Self {
        expiry.set(end_of(&key));
        Self {
            current: ArcSwap::from_pointee(key),
            expiry,
        }
    }

    fn replace(&self, key: CertifiedKey) {
        self.expiry.set(end_of(&key));
        self.current.store(Arc::new(key));
    }
}

/// When a certificate is no longer valid, in unix seconds; 0 where it does not tell.
fn end_of(key: &CertifiedKey) -> i64 {
    let certificate = key.cert.first().map(|der| parse_x509_certificate(der));
    let Some(Ok((_, certificate))) = certificate else {
        return 0;
    };
    certificate.validity().not_after.timestamp()
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// TLS 1.2 and 1.3 with these files, followed until `stop`. A pair that cannot be read later on is logged, and the one
/// in use stays. `expiry` tells when that one ends, in unix seconds.
pub fn server_config(
    files: CertificateFiles,
    expiry: IntGauge,
    stop: CancellationToken,
) -> Result<ServerConfig, TlsError> {
    let content = files.read()?;
    let resolver = Arc::new(Resolver::of(content.certified_key(&files)?, expiry));
    tokio::spawn(follow(files, content, Arc::clone(&resolver), stop));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    Ok(config)
}

async fn follow(files: CertificateFiles, mut known: Content, resolver: Arc<Resolver>, stop: CancellationToken) {
    let mut looks = interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        // A file in the middle of being replaced is looked at again.
        let Ok(content) = files.read() else { continue };
        if content == known {
            continue;
        }
        match content.certified_key(&files) {
            Ok(key) => {
                resolver.replace(key);
                info!(certificate = %files.certificate.display(), "the certificate was replaced");
            }
            Err(error) => warn!(%error, "the new certificate cannot be used; the old one stays"),
        }
        known = content;
    }
}

#[derive(PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
}

impl CertificateFiles {
    fn read(&self) -> Result<Content, TlsError> {
        Ok(Content {
            certificate: read(&self.certificate)?,
            private_key: read(&self.private_key)?,
        })
    }
}

impl Content {
    fn certified_key(&self, files: &CertificateFiles) -> Result<CertifiedKey, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| at(&files.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(at(&files.certificate, "holds no PEM certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.private_key)
            .map_err(|error| at(&files.private_key, format!("holds no PEM private key: {error}")))?;
        Ok(CertifiedKey::from_der(chain, key, &ring::default_provider())?)
    }
}

/// The pair in `folder`, made and signed by itself where it is missing: for `localhost` and its addresses.
pub fn self_signed(folder: &Path) -> Result<CertificateFiles, TlsError> {
    let files = CertificateFiles {
        certificate: folder.join(CERTIFICATE),
        private_key: folder.join(PRIVATE_KEY),
    };
    if files.certificate.is_file() && files.private_key.is_file() {
        return Ok(files);
    }
    make_pair(folder)?;
    Ok(files)
}

/// Makes the pair beside its folder and moves it there whole: of two processes that start at once, one is first, and
/// the other takes over what that one made.
fn make_pair(folder: &Path) -> Result<(), TlsError> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let draft = folder.with_extension(std::process::id().to_string());
    let failed = |path: &Path, error: std::io::Error| at(path, error.to_string());
    fs::create_dir_all(&draft).map_err(|error| failed(&draft, error))?;
    write_private(&draft.join(PRIVATE_KEY), made.signing_key.serialize_pem().as_bytes())?;
    write_private(&draft.join(CERTIFICATE), made.cert.pem().as_bytes())?;
    let moved = fs::rename(&draft, folder);
    if moved.is_ok() {
        return Ok(());
    }
    fs::remove_dir_all(&draft).map_err(|error| failed(&draft, error))?;
    if folder.join(CERTIFICATE).is_file() {
        Ok(())
    } else {
        moved.map_err(|error| failed(folder, error))
    }
}

fn write_private(path: &Path, content: &[u8]) -> Result<(), TlsError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| at(path, error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| at(path, error.to_string()))
}

fn at(path: &Path, rule: impl Into<String>) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        rule: rule.into(),
    }
}
