//! The server side: the box's own certificate, from the administrator's files or made by itself.
//!
//! A self-signed certificate is good for many years on both sides of today, since a board without a battery clock may
//! believe it is 1970 or last spring. It is written with a temporary file, fsync and rename; whatever a power cut
//! between the two files leaves behind does not fit together and is made anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::{ServerTls, TlsError, file_error, provider};

/// No PEM file of ours is larger; a device or a log given by mistake is not read into memory.
const MAX_PEM: u64 = 1024 * 1024;

/// The name mail programs in the office find the box by (mDNS), valid beside the host name.
const OFFICE_NAME: &str = "pillarbox.local";

pub(super) fn from_files(certificate: &Path, key: &Path) -> Result<ServerTls, TlsError> {
    let chain = read_certificates(certificate)?;
    let private = read_key(key)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                file_error(key, format!("is not the key of the certificate in {}", certificate.display()))
            }
            error => file_error(certificate, error),
        })?;
    // A mail program that gives up half way through is no reason to keep its session.
    config.max_early_data_size = 0;
    let mut ticketless = config.clone();
    ticketless.send_tls13_tickets = 0;
    ticketless.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(ServerTls { config: Arc::new(config), ticketless: Arc::new(ticketless) })
}

pub(super) fn self_signed(dir: &Path, host_name: &str) -> Result<ServerTls, TlsError> {
    let certificate = dir.join("certificate.pem");
    let key = dir.join("key.pem");
    if certificate.exists() && key.exists() {
        match from_files(&certificate, &key) {
            Ok(tls) if is_for(&certificate, host_name)? => return Ok(tls),
            Ok(_) => log::info!("making a new certificate, since the host name is now {host_name}"),
            Err(error) => log::warn!("making a new certificate: {error}"),
        }
    }
    let (certificate_pem, key_pem) =
        make(host_name).map_err(|error| file_error(&certificate, format!("cannot be made: {error}")))?;
    fs::create_dir_all(dir).map_err(|error| file_error(dir, error))?;
    replace(&key, &key_pem).map_err(|error| file_error(&key, error))?;
    replace(&certificate, &certificate_pem).map_err(|error| file_error(&certificate, error))?;
    from_files(&certificate, &key)
}

fn is_for(certificate: &Path, host_name: &str) -> Result<bool, TlsError> {
    let chain = read_certificates(certificate)?;
    let (Some(own), Ok(name)) = (chain.first(), ServerName::try_from(san(host_name))) else {
        return Ok(false);
    };
    Ok(verify_server_name(&ParsedCertificate::try_from(own)?, &name).is_ok())
}

fn san(host_name: &str) -> &str {
    match host_name.trim_end_matches('.') {
        "" => OFFICE_NAME,
        name => name,
    }
}

/// Certificate and key as PEM, ECDSA on P-256: understood by everything that speaks TLS 1.2, and quick on small boards.
fn make(host_name: &str) -> Result<(String, String), rcgen::Error> {
    let name = san(host_name);
    let mut names = vec![name.to_string()];
    if name != OFFICE_NAME {
        names.push(OFFICE_NAME.to_string());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2050, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The new content, or the old one, whole, wherever the power goes.
fn replace(file: &Path, content: &str) -> io::Result<()> {
    let temporary = file.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    out.write_all(content.as_bytes())?;
    out.sync_all()?;
    fs::rename(&temporary, file)?;
    match file.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

pub(super) fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read_pem(file)?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| file_error(file, format!("is not valid PEM: {error}")))?;
    if chain.is_empty() {
        return Err(file_error(file, "holds no certificate"));
    }
    Ok(chain)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read_pem(file)?).map_err(|error| match error {
        pem::Error::NoItemsFound => file_error(file, "holds no private key (one with a password cannot be read)"),
        error => file_error(file, format!("is not valid PEM: {error}")),
    })
}

fn read_pem(file: &Path) -> Result<Vec<u8>, TlsError> {
    let mut pem = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_PEM + 1).read_to_end(&mut pem));
    read.map_err(|error| match error.kind() {
        ErrorKind::NotFound => file_error(file, "does not exist"),
        _ => file_error(file, error),
    })?;
    if pem.len() as u64 > MAX_PEM {
        return Err(file_error(file, "is far too large for a PEM file"));
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_identity_is_made_once_for_a_name() {
        let dir = tempfile::tempdir().unwrap();
        self_signed(dir.path(), "mail.office.example").unwrap();
        let certificate = dir.path().join("certificate.pem");
        let key = dir.path().join("key.pem");
        let first = fs::read(&certificate).unwrap();
        for file in [&certificate, &key] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        self_signed(dir.path(), "mail.office.example").unwrap();
        assert_eq!(fs::read(&certificate).unwrap(), first);
        assert!(is_for(&certificate, "pillarbox.local").unwrap());
        self_signed(dir.path(), "post.office.example").unwrap();
        assert_ne!(fs::read(&certificate).unwrap(), first);
        assert!(is_for(&certificate, "post.office.example").unwrap());
    }

    #[test]
    fn an_identity_that_was_torn_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        self_signed(dir.path(), "a.example").unwrap();
        let (_, other_key) = make("a.example").unwrap();
        fs::write(dir.path().join("key.pem"), other_key).unwrap();
        self_signed(dir.path(), "a.example").unwrap();
        from_files(&dir.path().join("certificate.pem"), &dir.path().join("key.pem")).unwrap();
        self_signed(dir.path(), "192.0.2.9").unwrap();
        self_signed(dir.path(), "").unwrap();
        assert!(self_signed(dir.path(), "bücher").is_err());
    }

    #[test]
    fn bad_files_are_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let (certificate, key) = make("a.example").unwrap();
        let (_, other) = make("a.example").unwrap();
        for (name, content) in
            [("cert", certificate.as_str()), ("key", key.as_str()), ("other", other.as_str()), ("text", "hello\n")]
        {
            fs::write(at(name), content).unwrap();
        }
        let reason = |certificate: &str, key: &str| match from_files(&at(certificate), &at(key)) {
            Ok(_) => panic!("{certificate} and {key} were taken"),
            Err(error) => error.to_string(),
        };
        assert!(from_files(&at("cert"), &at("key")).is_ok());
        assert!(reason("none", "key").ends_with("none: does not exist"));
        assert!(reason("text", "key").ends_with("text: holds no certificate"));
        assert!(reason("cert", "text").contains("text: holds no private key"));
        assert!(reason("cert", "other").contains("other: is not the key of the certificate in"));
    }
}
