//! `access import` and `block`, with and without a running program.

use crate::program::{OFFICE, Place};

#[test]
fn restrictions_come_from_a_list_and_mistakes_are_named() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let list = place.write("smtp.dat", "0\n0|0||2|0||\n1|2|192.0.2.0|24|1|anna|the office\n");
    place.answer(&["access", "import", "smtp", list.to_str().unwrap()]);
    let before = place.json(&["config", "export"]);
    let access = &before["smtp"][0]["access"];
    assert_eq!((&access[0]["network"], &access[1]["network"]), (&"routers".into(), &"192.0.2.0/24".into()));
    assert_eq!((&access[1]["users"][0], &access[1]["no_auth"]), (&"anna".into(), &true.into()));
    for (text, mistake) in [
        ("10.0.0.0 255.0.0.0\n10.0.0.1 255.0.255.0\n", "line 2, column 10: \"255.0.255.0\" is no network mask"),
        ("0\n1|0||0|1||\n", "would let everybody send through this box"),
        ("0\n1|0||0|0|nobody|\n", "there is no user \"nobody\""),
    ] {
        let list = place.write("bad.dat", text);
        let refusal = place.refusal(&["access", "import", "smtp", list.to_str().unwrap()], 1);
        assert!(refusal.contains(mistake), "{refusal}");
    }
    assert_eq!(place.json(&["config", "export"]), before, "the old list stays in force");
    place.answer(&["access", "lan", "pop3"]);
    let rows = &place.json(&["config", "export"])["pop3"][0]["access"];
    assert_eq!((&rows[0]["restrict"], &rows[0]["network"]), (&"block".into(), &"routers".into()));
    assert_eq!((&rows[1]["no_auth"], &rows[1]["network"]), (&true.into(), &"local-networks".into()));
    let unknown = place.refusal(&["access", "import", "fax", list.to_str().unwrap()], 1);
    assert!(unknown.contains("there is no service fax"), "{unknown}");
}

#[test]
fn who_is_kept_out_is_listed_and_let_in_again() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    place.answer(&["block", "add", "192.0.2.0/24", "30"]);
    let program = place.start(OFFICE);
    let list = place.answer(&["block", "list"]);
    assert!(list.starts_with("192.0.2.0/24  ") && list.contains("by the administrator"), "{list}");
    place.answer(&["block", "add", "2001:db8::1", "999999999"]);
    assert_eq!(place.json(&["block", "list"])["blocks"].as_array().unwrap().len(), 2);
    place.answer(&["block", "remove", "192.0.2.0/24"]);
    place.answer(&["block", "remove", "2001:db8::1"]);
    assert_eq!(place.answer(&["block", "list"]), "nobody is kept out\n");
    assert_eq!(place.answer(&["block", "events"]), "");
    assert_eq!(place.refusal(&["block", "remove", "192.0.2.1"], 1), "there is no block of 192.0.2.1");
    assert_eq!(place.refusal(&["block", "add", "0.0.0.0/0", "5"], 1), "that would keep everybody out");
    assert!(place.refusal(&["block", "add", "192.0.2.1", "0"], 1).starts_with("0 is not within 1 to"));
    assert!(program.stop().success());
}
