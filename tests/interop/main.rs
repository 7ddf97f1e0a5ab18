//! The office's mail with real programs on the other side: Postfix, Dovecot, swaks, mpop, fetchmail.
//!
//! A test whose programs are not installed says `skipped: …` and why, on standard error.

mod office;
mod process;
mod programs;
mod provider;
mod world;

use std::fs;

use office::Office;
use process::{have, is_root, run, wait_for};
use programs::{assert_same_bodies, body, fetchmail, have_swaks, login, mpop, samples, swaks};
use provider::Provider;

#[test]
fn swaks_hands_in_mail_in_every_way() {
    if !(have_swaks() && have(&["mpop"])) {
        return;
    }
    let office = Office::start(None, "");
    let ways: [(&str, u16, Vec<String>); 8] = [
        ("clear", office.smtp_port, vec![]),
        ("starttls", office.smtp_port, vec!["--tls".into()]),
        ("implicit", office.smtps_port, vec!["--tls-on-connect".into()]),
        ("pipelined", office.smtp_port, vec!["--pipeline".into()]),
        ("plain", office.smtp_port, [vec!["--tls".into()], login("PLAIN").to_vec()].concat()),
        ("login", office.smtps_port, [vec!["--tls-on-connect".into()], login("LOGIN").to_vec()].concat()),
        ("cram", office.smtp_port, login("CRAM-MD5").to_vec()),
        ("cram-tls", office.smtp_port, [vec!["--tls".into()], login("CRAM-MD5").to_vec()].concat()),
    ];
    for (name, port, options) in &ways {
        let text = format!("handed in by {name}");
        run(swaks(*port, "bob@office.example").args(options).args(["--body", &text]));
    }
    let fetched = mpop(&office);
    assert_eq!(fetched.len(), ways.len(), "{}", office.log());
    for (name, ..) in &ways {
        let text = format!("handed in by {name}\n");
        assert!(fetched.iter().any(|mail| body(mail).starts_with(text.as_bytes())), "nothing was {text}");
    }
    office.stop();
}

#[test]
fn swaks_is_refused_what_is_not_allowed() {
    if !have_swaks() {
        return;
    }
    let office = Office::start(None, "");
    let refused = |options: &[&str], to: &str, status: i32| {
        let output = swaks(office.smtp_port, to).args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{options:?} {to}");
    };
    // 24: no recipient was taken. 28: the login failed.
    refused(&[], "somebody@elsewhere.example", 24);
    refused(&[], "nobody@office.example", 24);
    refused(&["--auth", "CRAM-MD5", "--auth-user", "bob", "--auth-password", "wrong"], "bob@office.example", 28);
    refused(&["--tls", "--auth", "PLAIN", "--auth-user", "no", "--auth-password", "x"], "bob@office.example", 28);
    office.stop();
}

#[test]
fn mail_goes_out_through_postfix() {
    if !(is_root() && have_swaks() && have(&["master", "dovecot"])) {
        return;
    }
    let provider = Provider::start();
    let office = Office::start(Some(&provider), "");
    let messages = samples();
    for (number, message) in messages.iter().enumerate() {
        let file = office.dir.join(format!("message{number}"));
        fs::write(&file, message).unwrap();
        // swaks reads a message as a text with \n for line ends, from a file named with @.
        let data = format!("@{}", file.display());
        run(swaks(office.smtp_port, "anna@elsewhere.example")
            .arg("--tls")
            .args(login("PLAIN"))
            .args(["--data", &data]));
    }
    wait_for("Postfix to deliver", || provider.delivered().len() >= messages.len());
    let delivered = provider.delivered();
    assert_same_bodies(&delivered, &messages, &format!("{}\n{}", office.log(), provider.log()));
    let traced = delivered.iter().all(|mail| {
        let text = String::from_utf8_lossy(mail);
        text.contains("gateway.office.example") && text.contains("with ESMTPSA") && !text.contains("0ffice")
    });
    assert!(traced, "{}", String::from_utf8_lossy(&delivered[0]));
    office.stop();
}

#[test]
fn mail_goes_straight_to_the_mail_servers_of_domains() {
    if !(have_swaks() && have(&["master", "nsd", "mpop"])) {
        return;
    }
    let Some(world) = world::World::start() else { return };
    let office = Office::with(&format!(
        "[[connections]]\nname = \"Direct\"\n[connections.sender]\nmethod = \"direct\"\n\
         dns_servers = [\"127.0.0.1:{}\"]\n",
        world.dns_port
    ));
    let mut expected = (0, 0);
    let six: &[(&str, (usize, usize))] = if world.has_six { &[("six.example", (0, 1))] } else { &[] };
    let found: [(&str, (usize, usize)); 5] = [
        ("pref.example", (1, 0)),
        ("dead-first.example", (0, 1)),
        ("cname.example", (1, 0)),
        ("plain.example", (1, 0)),
        ("large.example", (0, 1)),
    ];
    let send = |to: &str| {
        let port = office.smtp_port.to_string();
        let mut swaks = process::command("swaks");
        swaks.args([
            "--server",
            "127.0.0.1",
            "--port",
            &port,
            "--from",
            "bob@office.example",
            "--to",
            to,
            "--hide-all",
        ]);
        run(swaks.arg("--tls").args(login("PLAIN")));
    };
    for (domain, more) in found.iter().chain(six) {
        send(&format!("anna@{domain}"));
        expected = (expected.0 + more.0, expected.1 + more.1);
        wait_for(&format!("{domain}, expecting {expected:?}"), || world.delivered() == expected);
    }
    for domain in ["dead.example", "servfail.test", "nx.example", "null.example", "noaddress.example"] {
        send(&format!("anna@{domain}"));
    }
    let mut waiting = Vec::new();
    wait_for("all to be decided", || {
        let queue = office.queue();
        let mails = queue["mails"].as_array().unwrap();
        waiting = mails.iter().map(|mail| mail["to"][0]["address"].as_str().unwrap().to_string()).collect();
        waiting.len() == 2 && mails.iter().all(|mail| mail["tries"] != 0)
    });
    assert_eq!(waiting, ["anna@dead.example", "anna@servfail.test"]);
    let mut reports = Vec::new();
    wait_for("the reports", || {
        reports.extend(mpop(&office));
        reports.len() >= 3
    });
    let reports = String::from_utf8_lossy(&reports.concat()).into_owned();
    for status in ["Status: 5.1.2", "Status: 5.1.10", "Status: 5.4.4"] {
        assert!(reports.contains(status), "{status} not in {reports}");
    }
    assert_eq!(world.delivered(), expected, "{}", world.log());
    office.stop();
}

#[test]
fn a_password_the_smarthost_does_not_know_loses_nothing() {
    if !(is_root() && have_swaks() && have(&["master", "dovecot"])) {
        return;
    }
    let provider = Provider::start();
    let office = Office::start(Some(&provider), "");
    provider.set_password("changed");
    run(swaks(office.smtp_port, "anna@elsewhere.example").arg("--tls").args(login("PLAIN")));
    wait_for("a failed login", || provider.log().contains("SASL"));
    assert!(provider.delivered().is_empty());
    provider.set_password(provider::PASSWORD);
    wait_for("the mail to go out after all", || {
        office.retry();
        provider.delivered().len() == 1
    });
    office.stop();
}

#[test]
fn mail_is_collected_from_dovecot_and_read_with_mpop() {
    if !(is_root() && have(&["master", "dovecot", "mpop"])) {
        return;
    }
    let provider = Provider::start();
    for encryption in ["stls", "stls-if-available", "none"] {
        let messages = samples();
        for (number, message) in messages.iter().enumerate() {
            provider.put(&format!("{number}.{encryption}"), message);
        }
        let office = Office::start(Some(&provider), &format!("encryption = \"{encryption}\""));
        office.collect();
        wait_for("the provider's mailbox to be emptied", || provider.left() == 0);
        assert_same_bodies(&mpop(&office), &messages, &format!("{encryption}: {}", office.log()));
        office.stop();
    }
}

#[test]
fn dovecot_lets_us_in_by_apop_and_cram_md5() {
    if !(is_root() && have(&["master", "dovecot", "mpop"])) {
        return;
    }
    let provider = Provider::start();
    for settings in [
        "authentication = \"apop\"\nencryption = \"none\"",
        "authentication = \"apop\"\nencryption = \"stls\"",
        "authentication = \"cram-md5\"\nencryption = \"none\"",
        "authentication = \"cram-md5\"\nencryption = \"stls\"",
    ] {
        let messages = samples();
        for (number, message) in messages.iter().enumerate() {
            provider.put(&format!("{number}.digest"), message);
        }
        let office = Office::start(Some(&provider), settings);
        office.collect();
        wait_for("the provider's mailbox to be emptied", || provider.left() == 0);
        assert_same_bodies(&mpop(&office), &messages, &format!("{settings}: {}\n{}", office.log(), provider.log()));
        let method = if settings.contains("apop") { "method=APOP" } else { "method=CRAM-MD5" };
        assert!(provider.log().contains(method), "{}", provider.log());
        office.stop();
    }
}

#[test]
fn etrn_has_postfix_send_what_it_holds() {
    if !(is_root() && have_swaks() && have(&["master", "dovecot", "mpop"])) {
        return;
    }
    let provider = Provider::start();
    let hand_in = |text: &str| {
        let login = ["--auth", "PLAIN", "--auth-user", provider::USER, "--auth-password", provider::PASSWORD];
        run(swaks(provider.smtp_port, "bob@office.example").arg("--tls").args(login).args(["--body", text]));
    };
    hand_in("held for the office");
    wait_for("Postfix to hold it", || provider.log().contains("deferred transport"));
    let feed = format!(
        "method = \"smtp-feed\"\n[collectors.feed]\nwait = 10\nuse_etrn = true\netrn_host = \"127.0.0.1\"\netrn_port = {}\n\
         etrn_parameters = [\"office.example\"]",
        provider.smtp_port
    );
    let office = Office::start(Some(&provider), &feed);
    assert!(mpop(&office).is_empty());
    office.collect();
    let mut fetched = Vec::new();
    wait_for("the mail", || {
        fetched = mpop(&office);
        !fetched.is_empty()
    });
    assert!(body(&fetched[0]).starts_with(b"held for the office"), "{}", provider.log());
    office.stop();
}

#[test]
fn mail_left_on_the_server_is_collected_once_and_read_with_fetchmail() {
    if !(is_root() && have(&["master", "dovecot", "fetchmail", "mpop"])) {
        return;
    }
    let provider = Provider::start();
    provider.put("1.first", b"From: a@elsewhere.example\nSubject: first\n\nthe first one\n");
    let office = Office::start(Some(&provider), "encryption = \"stls\"\nleave_days = 5");
    office.collect();
    let mut seen = Vec::new();
    wait_for("the first mail", || {
        seen = fetchmail(&office);
        !seen.is_empty()
    });
    provider.put("2.second", b"From: a@elsewhere.example\nSubject: second\n\nthe second one\n");
    office.collect();
    wait_for("the second mail", || {
        seen = fetchmail(&office);
        seen.windows(14).any(|part| part == b"the second one")
    });
    let count = |text: &str| String::from_utf8_lossy(&seen).matches(text).count();
    assert_eq!((count("the first one"), count("the second one")), (1, 1));
    assert_eq!(provider.left(), 2);
    assert!(mpop(&office).is_empty());
    office.stop();
}
