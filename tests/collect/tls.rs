//! Encryption towards the provider.

use pillarbox::config::CollectorEncryption::{self, Ssl, Stls, StlsIfAvailable};

use crate::office::{INFO, Office, collector, config, connection, mail, names};
use crate::provider::{Provider, Tls};

/// An office that trusts the provider's certificate, or does not.
fn office(provider: &Provider, encryption: CollectorEncryption, trusted: bool) -> (Office, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &provider.certificate).unwrap();
    let mut settings = collector(7, provider);
    settings.host = "localhost".into();
    settings.encryption = encryption;
    let mut all = config(vec![connection(1, vec![settings])]);
    if trusted {
        all.tls.ca_file = file.to_str().unwrap().into();
    }
    (Office::open(all), dir)
}

fn with_mail(tls: Tls) -> Provider {
    let provider = Provider::start_tls(tls);
    for n in 0..40 {
        provider.put(format!("{n}"), mail(&format!("{n:02}")) + &"x".repeat(4000) + "\r\n");
    }
    provider
}

#[test]
fn ssl_from_the_first_byte() {
    let provider = with_mail(Tls::Ssl);
    let (office, _dir) = office(&provider, Ssl, true);
    assert_eq!(office.run(7).state, "fine, 40 new");
    assert_eq!(office.subjects(INFO).len(), 40);
    assert_eq!(provider.state().clear_passwords, 0);
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused() {
    let provider = with_mail(Tls::Ssl);
    let (office, _dir) = office(&provider, Ssl, false);
    let state = office.run(7);
    assert!(state.state.starts_with("No encrypted connection with localhost") && !state.ok, "{}", state.state);
    assert_eq!(provider.state().commands, names(&[]));
}

#[test]
fn stls_drops_what_came_in_clear() {
    let provider = with_mail(Tls::Stls);
    provider.behave(|b| b.inject_after_stls = b"+OK injected\r\n-ERR and more\r\n".to_vec());
    let (office, _dir) = office(&provider, Stls, true);
    assert_eq!(office.run(7).state, "fine, 40 new");
    assert_eq!(provider.state().clear_passwords, 0);
}

#[test]
fn stls_is_required_or_taken_where_it_is_offered() {
    let plain = Provider::start();
    plain.put("a", mail("a"));
    let (strict, _dir) = office(&plain, Stls, true);
    let state = strict.run(7);
    assert!(state.state.contains("offers no encryption by STLS, so no password was sent"), "{}", state.state);
    assert_eq!(plain.state().clear_passwords, 0);
    let (lenient, _dir) = office(&plain, StlsIfAvailable, false);
    assert_eq!(lenient.run(7).state, "fine, 1 new");

    let offering = with_mail(Tls::Stls);
    let (lenient, _dir) = office(&offering, StlsIfAvailable, false);
    assert_eq!(lenient.run(7).state, "fine, 40 new");
    assert_eq!(offering.state().clear_passwords, 0);
}
