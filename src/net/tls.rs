//! TLS identities and policies, rustls with ring.

use std::path::Path;
use std::sync::Arc;

/// The box's certificate and how it is offered. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<rustls::ServerConfig>,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{file}: {reason}")]
    File { file: String, reason: String },
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

impl ServerTls {
    /// The identity from PEM files.
    pub fn from_files(_certificate: &Path, _key: &Path) -> Result<ServerTls, TlsError> {
        unimplemented!()
    }

    /// The self-signed identity kept in `dir` (`certificate.pem`, `key.pem`, mode 0600), made for `host_name` when there
    /// is none yet or it is for another name.
    pub fn self_signed(_dir: &Path, _host_name: &str) -> Result<ServerTls, TlsError> {
        unimplemented!()
    }
}

/// How servers we connect to are judged. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    pub(super) config: Arc<rustls::ClientConfig>,
}

impl ClientTls {
    /// The certificate must be valid for the name, by the built-in authorities or those in `ca_file`.
    pub fn verified(_ca_file: Option<&Path>) -> Result<ClientTls, TlsError> {
        unimplemented!()
    }

    /// Any certificate will do (opportunistic encryption, RFC 7435).
    pub fn opportunistic() -> ClientTls {
        unimplemented!()
    }
}
