//! Every mistake a person can make is one clear line, with status 2 for a command that is not understood, else 1.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::program::{BINARY, OFFICE, Place, refusal, run_options};

#[test]
fn commands_that_are_not_understood() {
    let place = Place::new();
    for (words, expected) in [
        (&[][..], "a command is missing; see pillarbox --help"),
        (&["fetch"], "there is no command fetch; see pillarbox --help"),
        (&["queue"], "queue is not a whole command; see pillarbox --help"),
        (&["queue", "hold"], "queue hold is not a whole command; see pillarbox --help"),
        (&["status", "now"], "status now is not a whole command; see pillarbox --help"),
        (&["status", "--once"], "--once does not go with status; see pillarbox --help"),
        (&["user", "add", "anna", "--password", "x"], "there is no option --password; see pillarbox --help"),
        (&["run", "--verbose"], "there is no option --verbose; see pillarbox --help"),
    ] {
        assert_eq!(place.refusal(words, 2), expected);
    }
}

#[test]
fn help_and_version() {
    let place = Place::new();
    assert!(place.answer(&["--help"]).contains("pillarbox queue hold|release|remove ID"));
    assert!(place.answer(&["run", "-h"]).contains("Exit status"));
    assert_eq!(place.answer(&["--version"]), concat!("pillarbox ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn files_that_cannot_be_used() {
    let place = Place::new();
    let missing = place.path("missing.toml");
    let missing = missing.to_str().unwrap();
    let broken = place.write("broken.toml", "[general]\nhost_name = \"a.example\"\nmax_hops = 5\n");
    let broken = broken.to_str().unwrap();
    let torn = place.write("torn.toml", "[general\n");
    let torn = torn.to_str().unwrap();
    let run = |file| [run_options().as_slice(), &["--config", file]].concat();
    for words in [vec!["config", "check", missing], vec!["config", "import", missing], run(missing)] {
        let line = place.refusal(&words, 1);
        assert_eq!(line, format!("{missing}: No such file or directory (os error 2)"));
    }
    for words in [vec!["config", "check", broken], vec!["config", "import", broken], run(broken)] {
        let line = place.refusal(&words, 1);
        assert!(line.starts_with(&format!("{broken}: line 3: general.max_hops")), "{line}");
    }
    for words in [vec!["config", "check", "/dev/zero"], vec!["config", "import", "/dev/zero"], run("/dev/zero")] {
        assert_eq!(place.refusal(&words, 1), "/dev/zero: this is far too large for a configuration");
    }
    let line = place.refusal(&["config", "check", torn], 1);
    assert!(line.starts_with(&format!("{torn}: line 1: ")), "{line}");
}

#[test]
fn a_port_that_is_taken() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let config = OFFICE.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
    let file = place.write("office.toml", &config);
    let line = place.refusal(&[run_options().as_slice(), &["--config", file.to_str().unwrap()]].concat(), 1);
    assert_eq!(line, format!("port {port} is taken: another program listens on 127.0.0.1:{port}"));
}

#[test]
fn an_address_that_is_not_here() {
    let place = Place::new();
    let file = place.write("office.toml", &OFFICE.replacen("127.0.0.1:0", "192.0.2.1:2525", 1));
    let line = place.refusal(&[run_options().as_slice(), &["--config", file.to_str().unwrap()]].concat(), 1);
    assert!(line.starts_with("192.0.2.1:2525: "), "{line}");
}

/// Needs root to become somebody who may not bind low ports.
#[test]
fn low_ports_without_the_right_to_them() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if !nix::unistd::geteuid().is_root() || first.trim().parse::<u16>().is_ok_and(|first| first <= 995) {
        return eprintln!("skipped: not root, or low ports are free for all");
    }
    let place = Place::new();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.path(""), open).unwrap();
    // The sources may lie where nobody else may look, such as root's own home.
    let program = place.path("pillarbox");
    std::fs::copy(BINARY, &program).unwrap();
    let output =
        Command::new(program).args(["run", "--data"]).arg(place.data()).uid(65534).gid(65534).output().unwrap();
    assert_eq!(
        refusal(&output, 1),
        "ports 25, 80, 110, 443, 465, 587, 995: permission denied: start as root, give the program the right to bind low \
         ports (setcap cap_net_bind_service=+ep), or use --high-ports"
    );
}

#[test]
fn data_that_is_in_use() {
    let place = Place::new();
    let program = place.start(OFFICE);
    let line = place.refusal(&run_options(), 1);
    assert_eq!(line, format!("another program uses the data directory {}", place.data().display()));
    assert!(program.stop().success());
}

#[test]
fn data_of_a_newer_program() {
    let place = Place::new();
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    crate::service::make_newer(&place.data());
    let line = place.refusal(&run_options(), 1);
    assert!(line.contains("a newer Pillarbox wrote it"), "{line}");
    let line = place.refusal(&["queue", "list"], 1);
    assert!(line.contains("a newer Pillarbox wrote it"), "{line}");
}

#[test]
fn no_data_and_no_program() {
    let place = Place::new();
    let missing = format!("there is no data in {}", place.data().display());
    assert_eq!(place.refusal(&["status"], 1), missing);
    assert_eq!(place.refusal(&["queue", "list"], 1), missing);
    assert!(!place.data().exists(), "looking makes nothing");
    place.answer(&["config", "import", place.write("a.toml", OFFICE).to_str().unwrap()]);
    assert_eq!(place.refusal(&["collect"], 1), "no program runs on this data that could connect");
}

#[test]
fn a_user_that_does_not_exist() {
    let place = Place::new();
    let expected = if nix::unistd::geteuid().is_root() {
        "there is no user nobody-here on this system"
    } else {
        "--user needs the program to be started as root"
    };
    assert_eq!(place.refusal(&["run", "--user", "nobody-here"], 1), expected);
}
