//! TLS identities and policies: TLS 1.2 and 1.3, rustls with ring.
//!
//! Every configuration names its cryptography itself; the process-wide default of rustls is never asked, because a
//! second provider anywhere in the build would make it panic. No client certificate is ever asked for: some mail
//! servers give up when they are.

mod identity;
mod trust;
pub(super) mod words;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;

/// The box's certificate and how it is offered. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<rustls::ServerConfig>,
    ticketless: Arc<rustls::ServerConfig>,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{file}: {reason}")]
    File { file: String, reason: String },
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

impl ServerTls {
    /// The identity from PEM files: a certificate chain, the own certificate first, and its key.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<ServerTls, TlsError> {
        identity::from_files(certificate, key)
    }

    /// The self-signed identity kept in `dir` (`certificate.pem`, `key.pem`, mode 0600), made for `host_name` when there
    /// is none yet or it is for another name.
    pub fn self_signed(dir: &Path, host_name: &str) -> Result<ServerTls, TlsError> {
        identity::self_signed(dir, host_name)
    }

    /// The same identity without session resumption, for port 25: some mail servers take a session ticket for an error.
    pub fn without_tickets(&self) -> ServerTls {
        ServerTls { config: self.ticketless.clone(), ticketless: self.ticketless.clone() }
    }
}

/// How servers we connect to are judged. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<rustls::ClientConfig>,
}

impl ClientTls {
    /// The certificate must be valid for the name, by the built-in authorities or those in `ca_file`.
    pub fn verified(ca_file: Option<&Path>) -> Result<ClientTls, TlsError> {
        trust::verified(ca_file)
    }

    /// Any certificate will do (opportunistic encryption, RFC 7435). All callers share one session cache.
    pub fn opportunistic() -> ClientTls {
        trust::opportunistic()
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

fn file_error(file: &Path, reason: impl ToString) -> TlsError {
    TlsError::File { file: file.display().to_string(), reason: reason.to_string() }
}
