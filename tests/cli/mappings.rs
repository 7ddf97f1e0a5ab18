//! `mapping …` and `lan export-rules`.

use crate::program::{OFFICE, Place};

#[test]
fn mappings_come_and_go() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    assert!(place.answer(&["mapping", "list"]).starts_with("none yet"));
    place.answer(&["mapping", "add", "sales", "anna", "--type", "smtp", "--comment", "the shop"]);
    place.answer(&["mapping", "add", "far@office.example", "SMTP:x@y.example@u:top-secret@10.0.0.5"]);
    let list = place.answer(&["mapping", "list"]);
    assert!(list.contains("sales → anna  smtp  the shop"), "{list}");
    assert!(list.contains("far@office.example → SMTP:x@y.example@u:********@10.0.0.5"), "{list}");
    assert!(!place.answer(&["config", "export"]).contains("top-secret"));
    assert!(place.answer(&["config", "export", "--secrets"]).contains("top-secret"));

    let wrong = place.refusal(&["mapping", "add", "sal es", "anna"], 1);
    assert!(wrong.contains("mappings[2].address: column 1:"), "{wrong}");
    let nobody = place.refusal(&["mapping", "add", "info", "nobody"], 1);
    assert!(nobody.contains("there is no user \"nobody\""), "{nobody}");

    let tested = place.answer(&["mapping", "test", "sales"]);
    assert!(tested.contains("mail from outside: user anna\n"), "{tested}");
    assert!(tested.contains("mail of the office: not taken\n"), "{tested}");
    assert!(place.answer(&["mapping", "test", "x@else.example"]).contains("mail of the office: out to x@else.example"));

    let table =
        place.write("table.csv", "address,target,type,comment\ninfo,anna,,\nsales,anna,smtp,\n~@x.example,No-one\n");
    assert_eq!(place.answer(&["mapping", "import", table.to_str().unwrap()]), "2 added\n");
    // The password that was not shown is still there.
    assert!(place.answer(&["config", "export", "--secrets"]).contains("top-secret"));
    place.answer(&["mapping", "remove", "Sales", "Anna"]);
    assert!(!place.answer(&["mapping", "list"]).contains("sales"));
    assert!(place.refusal(&["mapping", "remove", "sales"], 1).contains("no such mapping of sales"));
}

#[test]
fn another_server_gets_rules_for_this_one() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let rules = place.answer(&["lan", "export-rules", "--server", "10.0.0.7"]);
    let other = Place::new();
    other.answer(&["config", "import", other.write("rules.toml", &rules).to_str().unwrap()]);
    let tested = other.answer(&["mapping", "test", "anna@office.example"]);
    assert!(tested.contains("LAN server 10.0.0.7:25 for anna@office.example"), "{tested}\n{rules}");
}
