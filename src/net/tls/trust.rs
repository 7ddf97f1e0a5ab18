//! The client side: whose certificates are believed.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::identity::read_certificates;
use super::{ClientTls, TlsError, file_error, provider};

/// Built-in authorities alone are one configuration for the whole program, so that sessions can be resumed.
pub(super) fn verified(ca_file: Option<&Path>) -> Result<ClientTls, TlsError> {
    static BUILT_IN: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let Some(file) = ca_file else {
        if let Some(config) = BUILT_IN.get() {
            return Ok(ClientTls { config: config.clone() });
        }
        let config = Arc::new(with_roots(built_in_roots())?);
        return Ok(ClientTls { config: BUILT_IN.get_or_init(|| config).clone() });
    };
    let mut roots = built_in_roots();
    for certificate in read_certificates(file)? {
        roots.add(certificate).map_err(|error| file_error(file, error))?;
    }
    Ok(ClientTls { config: Arc::new(with_roots(roots)?) })
}

fn built_in_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

pub(super) fn opportunistic() -> ClientTls {
    static SHARED: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = SHARED.get_or_init(|| {
        let verifier = AnyCertificate { algorithms: provider().signature_verification_algorithms };
        Arc::new(
            ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .expect("ring has cipher suites for both protocol versions")
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth(),
        )
    });
    ClientTls { config: config.clone() }
}

/// Takes any certificate, but not any handshake: the server must hold the key of the certificate it shows.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
