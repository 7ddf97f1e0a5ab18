//! `run --appliance`: what the program tells its keeper, and wishes for the board.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use pillarbox::live::{Pulse, Report, Wish, pulse_path};

use crate::program::{OFFICE, PATIENCE, Place, Program, send};

fn start(place: &Place) -> Program {
    let file = place.write("office.toml", OFFICE);
    Program::start(&place.data(), &["--appliance", "--config", file.to_str().unwrap()])
}

fn pulse(place: &Place, report: &Report) -> Pulse {
    let deadline = Instant::now() + PATIENCE;
    let mut socket = loop {
        match UnixStream::connect(pulse_path(&place.data())) {
            Ok(socket) => break socket,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(serde_json::to_string(report).unwrap().as_bytes()).unwrap();
    socket.write_all(b"\n").unwrap();
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn the_program_says_that_it_works_and_what_it_offers() {
    let place = Place::new();
    let program = start(&place);
    send(program.address("SMTP Server"), "one that waits");
    let pulse = pulse(&place, &Report::default());
    assert_eq!((pulse.trouble, pulse.wish, &*pulse.local_name), (None, None, "pillarbox"));
    assert_eq!(pulse.services, [], "nothing of loopback is announced");
    assert_eq!(pulse.time_servers.len(), 4);
    assert!(program.stop().success());
}

#[test]
fn wishes_get_to_the_keeper_once() {
    let place = Place::new();
    let program = start(&place);
    assert_eq!(place.refusal(&["appliance", "halt"], 1), "this is not the appliance", "no keeper has asked yet");
    assert_eq!(pulse(&place, &Report::default()).wish, None);
    assert_eq!(place.answer(&["appliance", "backup"]), "the box does it within seconds\n");
    let report = Report { last: "the backup is under way".into(), ok: true, clock_known: true };
    assert_eq!(pulse(&place, &report).wish, Some(Wish::Backup));
    assert_eq!(pulse(&place, &report).wish, None);
    assert!(program.stop().success());
}

#[test]
fn other_machines_have_no_keeper() {
    let place = Place::new();
    let program = place.start(OFFICE);
    assert!(!pulse_path(&place.data()).exists());
    assert_eq!(place.refusal(&["appliance", "restart"], 1), "this is not the appliance");
    assert!(program.stop().success());
}
