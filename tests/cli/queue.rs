//! `queue list`, `hold`, `release`, `retry`, `remove`, and `collect`.

use crate::program::{OFFICE, Place, send};

#[test]
fn a_mail_in_the_queue() {
    let place = Place::new();
    let program = place.start(OFFICE);
    assert_eq!(place.answer(&["queue", "list"]), "nothing waits\n");
    send(program.address("SMTP Server"), "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=");
    let queue = place.json(&["queue", "list"]);
    let mail = &queue["mails"][0];
    assert_eq!(queue["length"], 1);
    assert_eq!(mail["subject"], "Grüße");
    assert_eq!((&mail["ip"], &mail["from"]), (&"127.0.0.1".into(), &"anna@office.example".into()));
    assert_eq!(mail["to"][0]["address"], "customer@example.net");
    assert_eq!(mail["state"], "not held");
    let text = place.answer(&["queue", "list"]);
    assert!(text.contains("anna@office.example → customer@example.net") && text.contains("Grüße"), "{text}");

    let id = mail["id"].as_str().unwrap();
    assert_eq!(place.answer(&["queue", "hold", id]), "1 mail\n");
    assert_eq!(place.json(&["queue", "list"])["mails"][0]["state"], "held");
    assert_eq!(place.answer(&["queue", "retry"]), "0 mails\n", "held mail is left alone");
    assert_eq!(place.answer(&["queue", "release", id]), "1 mail\n");
    assert_eq!(place.json(&["queue", "list"])["mails"][0]["state"], "not held");
    assert_eq!(place.answer(&["queue", "hold", id, "--for", "2h"]), "1 mail\n");
    let held = &place.json(&["queue", "list"])["mails"][0];
    assert_eq!(held["state"], "held on a timer");
    assert!(held["held_until"].as_i64().unwrap() > held["sent"].as_i64().unwrap() + 7_000_000);
    assert_eq!(place.answer(&["queue", "retry"]), "0 mails\n");
    assert_eq!(place.answer(&["queue", "priority", id, "7"]), "1 mail\n");
    assert_eq!(place.json(&["queue", "show", id])["mail"]["priority"], 7);
    let shown = place.answer(&["queue", "show", id]);
    assert!(shown.contains("held for ") && shown.contains("customer@example.net: not tried yet"), "{shown}");
    assert_eq!(place.refusal(&["queue", "priority", id, "0"], 1), "0 is no priority from 1 to 100");
    assert_eq!(place.answer(&["queue", "delete-after", id, "3d"]), "1 mail\n");
    let shown = &place.json(&["queue", "show", id])["mail"];
    let (sent, gone) = (shown["sent"].as_i64().unwrap(), shown["delete_after"].as_i64().unwrap());
    assert!((3 * 24 * 60 * 60_000..4 * 24 * 60 * 60_000).contains(&(gone - sent)), "{gone}");
    assert!(place.answer(&["queue", "show", id]).contains("is deleted in "));
    assert_eq!(place.answer(&["queue", "delete-after", id, "never"]), "1 mail\n");
    assert!(place.json(&["queue", "show", id])["mail"]["delete_after"].is_null());
    assert!(place.refusal(&["queue", "delete-after", id, "soon"], 2).starts_with("soon is no time"));
    assert!(place.refusal(&["queue", "delete-after", id, "9999d"], 1).ends_with("is no number of minutes"));
    assert!(place.refusal(&["queue", "hold", id, "--for", "soon"], 2).starts_with("soon is no time"));
    assert_eq!(place.answer(&["queue", "retry", id]), "1 mail\n");
    assert_eq!(place.answer(&["queue", "retry"]), "1 mail\n");
    assert!(program.stop().success());

    // The same on the data alone.
    assert_eq!(place.answer(&["queue", "hold", id]), "1 mail\n");
    assert_eq!(place.json(&["queue", "remove", id])["changed"], 1);
    assert_eq!(place.json(&["queue", "list"])["length"], 0);
    assert_eq!(place.refusal(&["queue", "remove", id], 1), format!("there is no mail {id} in the queue"));
    assert_eq!(place.refusal(&["queue", "hold", "soup"], 1), "soup is not the name of a mail");
}

#[test]
fn collecting_without_collectors() {
    let place = Place::new();
    let program = place.start(OFFICE);
    assert_eq!(place.refusal(&["collect"], 1), "there is no collector that is switched on");
    assert!(program.stop().success());
}

#[test]
fn a_paused_connection_collects_when_asked() {
    let place = Place::new();
    let collector = r#"
[[collectors]]
name = "Office"
host = "127.0.0.1"
port = 9
login = { user = "office", password = "secret" }
routing = { send-to = "anna" }
"#;
    let program = place.start(&format!("{OFFICE}{collector}"));
    assert_eq!(place.answer(&["collect"]), "collecting\n");
    assert!(program.stop().success());
}
