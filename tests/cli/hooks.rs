//! `hooks …`: scripts of the administrator.

use std::fs;

use crate::program::{OFFICE, Place};

const MAIL: &str = "From: anna@office.example\r\nTo: bob@example.com\r\nSubject: Big\r\n\r\nHello\r\n";

#[test]
fn scripts_are_stored_shown_exported_and_removed() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let list = place.answer(&["hooks", "list"]);
    assert!(list.contains("mxout.lua\n  CheckFile(Filename, Actions, Size,"), "{list}");
    let script = "function Check(user, password, least) return #password > 8 end\n";
    let file = place.write("check.lua", script);
    place.answer(&["hooks", "save", "PasswordCheck.lua", file.to_str().unwrap()]);
    assert_eq!(place.answer(&["hooks", "show", "passwordcheck.LUA"]), script);
    assert!(place.answer(&["hooks", "scripts"]).starts_with("PasswordCheck.lua"));
    let status = place.json(&["hooks", "list"]);
    let stored = status["hooks"].as_array().unwrap().iter().filter(|hook| hook["stored"] == true).count();
    assert_eq!(stored, 1);
    fs::create_dir_all(place.path("in/bob")).unwrap();
    fs::write(place.path("in/bob/Delivery.lua"), "function PreDeliver() end").unwrap();
    fs::write(place.path("in/mxout.LUA"), "function CheckFil() end").unwrap();
    let said = place.answer(&["hooks", "import", place.path("in").to_str().unwrap()]);
    assert!(said.contains("bob/Delivery.lua: saved"), "{said}");
    assert!(said.contains("did you mean CheckFile?"), "{said}");
    place.answer(&["hooks", "export", place.path("out").to_str().unwrap()]);
    assert_eq!(fs::read_to_string(place.path("out/bob/Delivery.lua")).unwrap(), "function PreDeliver() end");
    place.answer(&["hooks", "remove", "mxout.lua"]);
    assert!(place.refusal(&["hooks", "show", "mxout.lua"], 1).contains("there is no script mxout.lua"));
}

#[test]
fn mistakes_are_refused_and_named() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let bad = place.write("mxout.lua", "function CheckFile(\n");
    let bad = bad.to_str().unwrap();
    assert!(place.refusal(&["hooks", "save", "mxout.lua", bad], 1).contains("mxout.lua:2:"));
    assert!(place.refusal(&["hooks", "check", bad], 1).contains("mxout.lua:2:"));
    assert!(place.refusal(&["hooks", "save", "../x.lua", bad], 1).contains("is no name of a script"));
    let good = place.write("relayout.lua", "function Start() end");
    assert_eq!(place.answer(&["hooks", "check", good.to_str().unwrap()]), "relayout.lua: good\n");
}

#[test]
fn a_hook_can_be_tried_on_a_mail() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let mail = place.write("big.eml", MAIL);
    let script = "function CheckFile(name, actions, size, _, _, _, from, to, header)
                    print(from, to[1])
                    if header.Subject == 'Big' then actions.SkipSend = true end
                    return actions
                  end";
    let script = place.write("mxout.lua", script);
    let said = place.answer(&["hooks", "run", script.to_str().unwrap(), "CheckFile", "--mail", mail.to_str().unwrap()]);
    for part in ["arguments:", "anna@office.example\tbob@example.com", "Actions.SkipSend: false → true", "time: "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(place.refusal(&["hooks", "run", "relayout.lua", "Start"], 1).contains("there is no script"));
}

#[test]
fn passwords_are_checked_where_they_are_set() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let script = place.write("check.lua", "function Check(user, password) return password ~= user end");
    place.answer(&["hooks", "save", "passwordcheck.lua", script.to_str().unwrap()]);
    let set = |word: &str| place.ask_with(&["user", "passwd", "anna", "--password-stdin"], word);
    assert!(!set("anna\n").status.success(), "too short");
    assert!(set("annaanna\n").status.success());
    let bob = place.ask_with(&["user", "add", "bobbobbob", "--password-stdin"], "bobbobbob\n");
    assert!(String::from_utf8_lossy(&bob.stderr).contains("not good enough for passwordcheck.lua"));
}
