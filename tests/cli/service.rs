//! `run`, `status`, signals, backup and restore, the demo.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::program::{BINARY, OFFICE, PATIENCE, Place, Program, send, talk};

/// Raises the version mark in the index beyond what this program knows. Key and value stand side by side there.
pub fn make_newer(data: &Path) {
    let file = data.join("index/data.mdb");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<usize> =
        bytes.windows(7).enumerate().filter(|(_, bytes)| *bytes == b"schema\x01").map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + 6] = 99;
    }
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn both_signals_are_a_clean_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let place = Place::new();
        let program = place.start(OFFICE);
        assert!(talk(program.address("SMTP Server"), &["QUIT"])[1].starts_with("221"));
        program.signal(signal);
        assert_eq!(program.end().code(), Some(0));
        assert!(!place.path("data/control.sock").exists());
    }
}

#[test]
fn a_mail_that_is_coming_in_is_taken_before_the_end() {
    let place = Place::new();
    let program = place.start(OFFICE);
    let stream = TcpStream::connect(program.address("SMTP Server")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut say = |command: &str, code: &str| {
        reader.get_mut().write_all(command.as_bytes()).unwrap();
        let mut line = String::new();
        while line.as_bytes().get(3) != Some(&b' ') {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "closed after {command:?}");
        }
        assert!(line.starts_with(code), "{line}");
    };
    say("", "220");
    say("EHLO desk\r\n", "250");
    say("MAIL FROM:<anna@office.example>\r\n", "250");
    say("RCPT TO:<anna@office.example>\r\n", "250");
    say("DATA\r\n", "354");
    program.signal(Signal::SIGTERM);
    // No new session: the listener is closed, or says that it goes.
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(program.address("SMTP Server")).is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        std::thread::sleep(Duration::from_millis(10));
    }
    say("Subject: late\r\n\r\nbut in time\r\n.\r\n", "250");
    assert_eq!(program.end().code(), Some(0));
    assert_eq!(place.json(&["status"])["store"]["full"], false);
}

#[test]
fn a_second_signal_ends_at_once() {
    let place = Place::new();
    let program = place.start(OFFICE);
    // A transaction that never ends keeps the clean stop waiting.
    let mut stream = TcpStream::connect(program.address("SMTP Server")).unwrap();
    stream
        .write_all(b"EHLO desk\r\nMAIL FROM:<anna@office.example>\r\nRCPT TO:<anna@office.example>\r\nDATA\r\n")
        .unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    assert!(replies.any(|line| line.starts_with("354")));
    program.signal(Signal::SIGTERM);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(program.address("SMTP Server")).is_ok() {
        assert!(Instant::now() < deadline, "it still listens");
        std::thread::sleep(Duration::from_millis(10));
    }
    let began = Instant::now();
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end().code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn high_ports() {
    let place = Place::new();
    let config = OFFICE.replacen("127.0.0.1:0", "127.0.0.1:917", 1);
    let file = place.write("office.toml", &config);
    let program = Program::start(&place.data(), &["--high-ports", "--config", file.to_str().unwrap()]);
    assert_eq!(program.address("SMTP Server").port(), 10917);
    assert_eq!(place.json(&["config", "export"])["smtp"][0]["listen"][0], "127.0.0.1:917", "the settings stay");
}

#[test]
fn the_table_names_everything() {
    let place = Place::new();
    let program = place.start(OFFICE);
    for expected in
        ["SMTP Server  127.0.0.1:", "STARTTLS", "POP3 Server  127.0.0.1:", "STLS", "status page https://127.0.0.1:"]
    {
        assert!(program.table.contains(expected), "{}", program.table);
    }
    assert!(program.table.contains(&format!("data in {}", place.data().display())), "{}", program.table);
}

#[test]
fn status_of_a_running_program_and_of_its_data() {
    let place = Place::new();
    let program = place.start(OFFICE);
    let socket = std::fs::metadata(place.path("data/control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    send(program.address("SMTP Server"), "offer");
    let status = place.json(&["status"]);
    assert_eq!(status["running"], true);
    assert_eq!(status["accepted"], 1);
    assert_eq!(status["queue"]["length"], 1);
    assert_eq!(status["host_name"], "box.office.example");
    assert_eq!(status["listening"].as_array().unwrap().len(), 3);
    let text = place.answer(&["status"]);
    assert!(text.contains("box.office.example · has run for") && text.contains("Queue: 1 waiting"), "{text}");
    assert!(program.stop().success());
    assert_eq!(place.json(&["status"])["running"], false);
    assert!(place.answer(&["status"]).contains("not running"));
}

#[test]
fn a_file_is_put_in_force_once_each_time_it_changes() {
    let place = Place::new();
    let program = place.start(OFFICE);
    let changed = place.write("changed.toml", "[general]\nhost_name = \"changed.example\"\n");
    let note = place.answer(&["config", "import", changed.to_str().unwrap()]);
    assert_eq!(note, "stored; takes effect when the program is started again: certificate\n");
    assert!(program.stop().success());

    let file = place.path("office.toml");
    let again = Program::start(&place.data(), &["--config", file.to_str().unwrap()]);
    assert_eq!(place.json(&["status"])["host_name"], "changed.example", "the file has not changed");
    assert!(again.stop().success());

    let program = place.start(&OFFICE.replace("box.office.example", "new.office.example"));
    assert_eq!(place.json(&["status"])["host_name"], "new.office.example");
    assert!(program.stop().success());
}

/// Needs root.
#[test]
fn root_is_given_up_for_good() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("skipped: not root");
    }
    let place = Place::new();
    std::fs::set_permissions(place.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = place.write("office.toml", OFFICE);
    let config = ["--config", file.to_str().unwrap()];
    let program = Program::start_as(&["run", "--user", "nobody"], &place.data(), &config);
    assert!(program.table.contains("running as nobody"), "{}", program.table);
    for thread in std::fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap() {
        // A thread of the pool for blocking work may have ended meanwhile.
        let Ok(status) = std::fs::read_to_string(thread.unwrap().path().join("status")) else { continue };
        let ids = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_string();
        let nobody = ids("Uid:").split_whitespace().all(|id| id == "65534");
        assert!(nobody && ids("Gid:").split_whitespace().all(|id| id == "65534"), "{status}");
        assert_eq!(ids("Groups:"), "", "{status}");
        assert_eq!(ids("CapEff:"), "0000000000000000");
    }
    send(program.address("SMTP Server"), "as nobody");
    assert_eq!(place.json(&["status"])["running"], true, "root may use the socket");
    assert!(program.stop().success());
    // What root does to the data meanwhile does not lock the service out.
    place.answer(&["queue", "retry"]);
    let again = Program::start_as(&["run", "--user", "nobody"], &place.data(), &config);
    assert_eq!(place.json(&["status"])["queue"]["length"], 1);
    assert!(again.stop().success());
}

#[test]
fn backup_while_running_and_restore() {
    let place = Place::new();
    let program = place.start(OFFICE);
    send(program.address("SMTP Server"), "kept");
    let copy = place.path("copy");
    let copy = copy.to_str().unwrap();
    assert_eq!(place.json(&["backup", copy])["backup"], copy);
    assert!(!place.ask(&["backup", copy]).status.success(), "a backup does not overwrite another");
    send(program.address("SMTP Server"), "after the backup");
    assert!(program.stop().success());

    let line = place.refusal(&["restore", copy], 1);
    assert_eq!(line, format!("{}: the directory is not empty", place.data().display()));
    std::fs::remove_dir_all(place.data()).unwrap();
    assert_eq!(place.json(&["restore", copy])["restored"], place.data().to_str().unwrap());
    let mails = place.json(&["queue", "list"]);
    assert_eq!(mails["length"], 1);
    assert_eq!(mails["mails"][0]["subject"], "kept");
    let line = place.refusal(&["restore", place.path("nowhere").to_str().unwrap()], 1);
    assert!(line.starts_with("there is no backup in "), "{line}");
}

#[test]
fn a_socket_left_by_a_killed_program_is_in_nobodys_way() {
    let place = Place::new();
    let program = place.start(OFFICE);
    drop(program);
    assert!(place.path("data/control.sock").exists());
    assert_eq!(place.json(&["status"])["running"], false);
    let program = Program::start(&place.data(), &[]);
    assert_eq!(place.json(&["status"])["running"], true);
    assert!(program.stop().success());
}

#[test]
fn the_demo_proves_itself() {
    let output = std::process::Command::new(BINARY).args(["demo", "--once"]).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(text, "collected 25, delivered 25, accepted 25, relayed 25, lost 0, duplicated 0\n");
}
