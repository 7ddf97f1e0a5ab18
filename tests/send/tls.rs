//! Encryption towards the relay, by the settings.

use pillarbox::config::{Login, RelayEncryption, Secret};
use pillarbox::net::tls::ServerTls;
use pillarbox::store::RecipientState;

use crate::office::{Office, config, sender, text, until};
use crate::smarthost::{Behaviour, Smarthost};

struct Identity {
    dir: tempfile::TempDir,
    tls: ServerTls,
}

fn identity() -> Identity {
    let dir = tempfile::tempdir().unwrap();
    let tls = ServerTls::self_signed(dir.path(), "localhost").unwrap();
    Identity { dir, tls }
}

fn offering_starttls() -> Behaviour {
    Behaviour { capabilities: Some(vec!["PIPELINING", "STARTTLS"]), ..Behaviour::default() }
}

/// The relay is called by the name in its certificate.
fn office(host: &Smarthost, encryption: RelayEncryption, ca_file: Option<&Identity>) -> Office {
    let mut sender = sender(&[host]);
    sender.encryption = encryption;
    sender.hosts[0].host = "localhost".into();
    let mut config = config(sender);
    if let Some(identity) = ca_file {
        config.tls.ca_file = identity.dir.path().join("certificate.pem").display().to_string();
    }
    Office::open(config)
}

#[test]
fn if_available_takes_any_certificate_and_none() {
    let identity = identity();
    let host = Smarthost::with_tls(offering_starttls(), Some((identity.tls.clone(), false)));
    let office = office(&host, RelayEncryption::StarttlsIfAvailable, None);
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(host.state().received[0].encrypted);

    let plain = Smarthost::start(Behaviour::default());
    let office = self::office(&plain, RelayEncryption::StarttlsIfAvailable, None);
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(!plain.state().received[0].encrypted);
}

#[test]
fn if_available_goes_on_plainly_when_the_handshake_fails() {
    let identity = identity();
    let behaviour = Behaviour { garbage_for_tls: true, ..offering_starttls() };
    let host = Smarthost::with_tls(behaviour, Some((identity.tls.clone(), false)));
    let office = office(&host, RelayEncryption::StarttlsIfAvailable, None);
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert!(!host.state().received[0].encrypted);
}

/// Whoever disturbs the handshake must not be given the password instead.
#[test]
fn a_password_is_not_sent_in_clear_because_a_handshake_failed() {
    let identity = identity();
    let capabilities = Some(vec!["PIPELINING", "STARTTLS", "AUTH PLAIN"]);
    let behaviour =
        Behaviour { capabilities, login: Some(("ann", "secret")), garbage_for_tls: true, ..Behaviour::default() };
    let host = Smarthost::with_tls(behaviour, Some((identity.tls.clone(), false)));
    let office = office(&host, RelayEncryption::StarttlsIfAvailable, None);
    office.renew_sender(|sender| sender.login = Some(Login { user: "ann".into(), password: Secret::new("secret") }));
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_tries();
    assert_eq!(office.queue()[0].recipients[0].state, RecipientState::Pending);
    assert!(!host.state().commands.iter().any(|command| command.starts_with("AUTH")));
    // Once the handshake succeeds, all is well.
    host.state().behaviour.garbage_for_tls = false;
    office.retry_all();
    office.wait_for_empty_queue();
    assert!(host.state().received[0].encrypted);
}

#[test]
fn starttls_and_ssl_want_a_certificate_that_is_known() {
    let identity = identity();
    for (encryption, implicit) in [(RelayEncryption::Starttls, false), (RelayEncryption::Ssl, true)] {
        let host = Smarthost::with_tls(offering_starttls(), Some((identity.tls.clone(), implicit)));
        let known = office(&host, encryption, Some(&identity));
        known.submit(&["bob@else.example"], &text("1"));
        known.wait_for_empty_queue();
        assert!(host.state().received[0].encrypted);

        let unknown = office(&host, encryption, None);
        unknown.submit(&["bob@else.example"], &text("2"));
        until("it to be said", || unknown.sender_state().starts_with("No encrypted connection to the relay localhost"));
        unknown.wait_for_tries();
        assert_eq!((unknown.queue().len(), host.received()), (1, 1));
    }
}

#[test]
fn starttls_that_is_not_offered_keeps_the_mail() {
    let host = Smarthost::start(Behaviour::default());
    let office = office(&host, RelayEncryption::Starttls, None);
    office.submit(&["bob@else.example"], &text("1"));
    until("it to be said", || office.sender_state().contains("does not offer STARTTLS"));
    office.wait_for_tries();
    assert_eq!((office.queue().len(), host.received()), (1, 0));
}

#[test]
fn what_comes_in_clear_before_tls_is_thrown_away() {
    let identity = identity();
    let inject = b"250-evil\r\n250 DSN\r\n".to_vec();
    let behaviour = Behaviour { inject_after_starttls: inject, ..offering_starttls() };
    let host = Smarthost::with_tls(behaviour, Some((identity.tls.clone(), false)));
    let office = office(&host, RelayEncryption::StarttlsIfAvailable, None);
    office.submit(&["bob@else.example"], &text("1"));
    office.wait_for_empty_queue();
    assert_eq!(host.state().received.len(), 1);
}
