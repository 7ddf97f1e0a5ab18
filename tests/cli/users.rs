//! `user add`, `passwd`, `list`, `remove`, with and without a running program.

use crate::program::{OFFICE, Place, refusal, talk};

#[test]
fn people_come_and_go() {
    let place = Place::new();
    let program = place.start(OFFICE);
    come_and_go(&place);
    let pop3 = program.address("POP3 Server");
    // With QUIT, or the next login might find the mailbox still in use.
    let login = |password: &str| talk(pop3, &["USER berta", &format!("PASS {password}"), "QUIT"])[2].starts_with("+OK");
    assert!(place.ask_with(&["user", "add", "Berta"], "first-secret\n").status.success());
    assert!(login("first-secret"));
    assert!(place.ask_with(&["user", "passwd", "berta"], "second-secret\n").status.success());
    assert!(login("second-secret") && !login("first-secret"));
    assert!(program.stop().success());
}

#[test]
fn people_come_and_go_without_a_program() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    come_and_go(&place);
}

fn come_and_go(place: &Place) {
    let add = ["user", "add", "carl", "--full-name", "Carl C.", "--alias", "sales", "--administrator"];
    assert!(place.ask_with(&add, "carls-secret\n").status.success());
    let users = place.json(&["user", "list"]);
    let carl = &users["users"][1];
    assert_eq!((&carl["name"], &carl["administrator"]), (&"carl".into(), &true.into()));
    assert_eq!(carl["aliases"][0], "sales");
    assert!(carl.get("password").is_none());
    assert!(place.answer(&["user", "list"]).contains("carl  Carl C.  administrator; also sales"));

    let again = place.ask_with(&["user", "add", "Carl"], "x-secret\n");
    assert_eq!(refusal(&again, 1), "there is a user Carl already");
    assert_eq!(refusal(&place.ask_with(&["user", "add", "dora"], ""), 1), "the password is empty; nothing changed");
    assert_eq!(refusal(&place.ask_with(&["user", "passwd", "dora"], "x-secret\n"), 1), "there is no user dora");
    assert_eq!(place.refusal(&["user", "remove", "dora"], 1), "there is no user dora");
    let main = place.refusal(&["user", "remove", "anna"], 1);
    assert!(main.starts_with("anna is the main administrator: name another one"), "{main}");
    place.answer(&["user", "remove", "carl"]);
    assert_eq!(place.json(&["user", "list"])["users"].as_array().unwrap().len(), 1);
}
