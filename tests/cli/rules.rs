//! `rules import` and `rules export`.

use crate::program::{OFFICE, Place};

#[test]
fn rules_come_from_a_text_and_mistakes_are_named() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    let smtp = "1*Reject non-local mail\n!MailFrom: *@local.example\n2>anna<Old address\nRcptTo: old@*\n";
    place.answer(&["rules", "import", "smtp", place.write("smtp.txt", smtp).to_str().unwrap()]);
    let download = "*Large\nMessageSize: 5000000\n<Rest\n";
    place.answer(&["rules", "import", "download", place.write("download.txt", download).to_str().unwrap()]);
    let before = place.json(&["config", "export"]);
    assert_eq!(before["smtp"][0]["rules"][1]["addresses"][0], "anna");
    assert_eq!(before["download_rules"][0]["action"], "delete-and-warn");
    assert_eq!(place.answer(&["rules", "export", "smtp"]), smtp);
    assert_eq!(place.answer(&["rules", "export", "download"]), download);
    for (list, text, mistake) in [
        ("smtp", "1*Bad\nMailFrom: x\n TimeNow: never\n", "line 3, column 11: \"never\" is no range of times"),
        ("download", "*Bad\nMailFrom: x\n", "line 2, column 1: there is no MailFrom here"),
        ("smtp", ">carl<To nobody\n", "carl"),
    ] {
        let refusal = place.refusal(&["rules", "import", list, place.write("bad.txt", text).to_str().unwrap()], 1);
        assert!(refusal.contains(mistake), "{refusal}");
    }
    assert_eq!(place.json(&["config", "export"]), before, "the old rules stay in force");
    let unknown = place.refusal(&["rules", "export", "pop3"], 1);
    assert!(unknown.contains("there is no list of rules pop3"), "{unknown}");
}
