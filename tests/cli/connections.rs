//! `connection list`, `start`, `pause`, `resume`.

use std::time::{Duration, Instant};

use crate::program::{OFFICE, PATIENCE, Place, send};

/// Waits until the list fits.
fn until(place: &Place, what: &str, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = place.json(&["connection", "list"]);
        if fits(&list) {
            return list;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}: {list}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// With a second Connection that is on demand only.
fn office() -> String {
    format!("{OFFICE}[[connections]]\nname = \"Büro / Zwei\"\ndefault = false\n")
}

#[test]
fn connections_are_listed_and_started() {
    let place = Place::new();
    let program = place.start(&office());
    let list = until(&place, "states", |list| list["connections"][1]["state"] != "");
    let row = &list["connections"][0];
    assert_eq!((&row["name"], &row["paused"], &row["sender"]), (&"Provider".into(), &true.into(), &true.into()));
    assert!(row["state"].as_str().unwrap().starts_with("paused: runs only when somebody starts it"), "{row}");
    assert_eq!((&row["last_run"], &row["next_run"], &row["runs"]), (&().into(), &().into(), &0.into()));
    assert!(list["connections"][1]["state"].as_str().unwrap().starts_with("on demand"), "{list}");
    assert_eq!(list["schedule"]["paused"], false);
    let text = place.answer(&["connection", "list"]);
    assert!(text.contains("Provider: paused: ") && text.contains("    has not run yet\n"), "{text}");
    assert!(text.contains("sends nothing, collects nothing\n") && text.contains("The schedule: in force"), "{text}");
    assert!(place.answer(&["status"]).contains("Connections:\n  Provider"));

    assert_eq!(place.answer(&["connection", "start"]), "Provider starts\n", "the default ones");
    let ran = |list: &serde_json::Value, place: usize| list["connections"][place]["runs"] == 1;
    until(&place, "the first", |list| ran(list, 0) && !ran(list, 1));
    assert_eq!(place.answer(&["connection", "start", "büro / zwei"]), "Büro / Zwei starts\n");
    let list = until(&place, "the second", |list| ran(list, 1));
    assert!(list["connections"][1]["last_run"].as_i64().is_some());
    assert!(place.answer(&["connection", "list"]).contains("    ran "));
    assert_eq!(place.refusal(&["connection", "start", "Nobody"], 1), "there is no Connection Nobody");
    assert!(place.refusal(&["connection", "stop"], 2).starts_with("connection list, connection start"));
    assert!(program.stop().success());
}

#[test]
fn a_start_by_hand_sends_what_waits_for_a_paused_connection() {
    let place = Place::new();
    let program = place.start(OFFICE);
    send(program.address("SMTP Server"), "offer");
    assert_eq!(place.json(&["queue", "list"])["mails"][0]["tries"], 0);
    place.answer(&["connection", "start", "Provider"]);
    let list = until(&place, "the run", |list| list["connections"][0]["runs"] == 1);
    assert_eq!(list["connections"][0]["paused"], true);
    // Nothing listens at port 9.
    assert_eq!(place.json(&["queue", "list"])["mails"][0]["tries"], 1);
    // It is put off now, and tried all the same when somebody wants it.
    place.answer(&["connection", "start", "Provider"]);
    until(&place, "the second run", |list| list["connections"][0]["runs"] == 2);
    assert_eq!(place.json(&["queue", "list"])["mails"][0]["tries"], 2);
    assert!(program.stop().success());
}

#[test]
fn connections_and_the_schedule_are_paused_and_resumed() {
    let place = Place::new();
    let program = place.start(&office());
    assert_eq!(place.answer(&["connection", "resume", "Provider"]), "");
    until(&place, "the time of the next run", |list| list["connections"][0]["next_run"].as_i64().is_some());
    assert_eq!(place.answer(&["connection", "pause", "provider"]), "");
    until(&place, "the pause", |list| list["connections"][0]["next_run"].is_null());
    assert_eq!(place.json(&["connection", "resume", "Provider"])["paused"], false);

    assert_eq!(place.json(&["connection", "pause"])["paused"], true);
    let list = until(&place, "the pause", |list| list["schedule"]["paused"] == true);
    assert_eq!(list["connections"][0]["paused"], false, "the Connections themselves are not");
    assert!(place.answer(&["status"]).contains("The schedule is paused: "));
    assert!(place.json(&["config", "export"])["schedule"]["paused"] == true, "it outlives a restart");
    std::fs::write(place.path("data/CONNECT.PAUSE"), "").unwrap();
    assert!(place.answer(&["connection", "resume"]).contains("CONNECT.PAUSE"));
    until(&place, "the file", |list| list["schedule"]["state"].as_str().unwrap().contains("CONNECT.PAUSE"));
    std::fs::remove_file(place.path("data/CONNECT.PAUSE")).unwrap();
    until(&place, "the schedule", |list| list["schedule"]["state"] == "in force");
    assert_eq!(place.refusal(&["connection", "pause", "Nobody"], 1), "there is no Connection Nobody");
    assert!(program.stop().success());

    // The same on the data alone, where nothing can be started.
    place.answer(&["connection", "pause", "Provider"]);
    let list = place.json(&["connection", "list"]);
    assert_eq!(
        (&list["connections"][0]["paused"], &list["connections"][0]["state"]),
        (&true.into(), &"not running".into())
    );
    assert!(place.refusal(&["connection", "start"], 1).starts_with("no program runs on this data"));
}
