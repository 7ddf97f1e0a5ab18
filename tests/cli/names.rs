//! `dns`: name servers in use, and their test.

use crate::program::{OFFICE, Place};

#[test]
fn name_servers_are_shown_and_tested() {
    // Taken over TCP, so that nobody else listens there; over UDP nobody does.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = taken.local_addr().unwrap().to_string();
    let config = format!("{OFFICE}\n[dns]\nservers = [\"{server}\"]\ndetect_servers = false\n");
    let place = Place::new();
    let file = place.write("names.toml", &config);
    place.answer(&["config", "import", file.to_str().unwrap()]);
    let shown = place.answer(&["dns"]);
    assert_eq!(shown, format!("Name servers: not tested yet\n  {server}: not tested yet\n"));
    let shown = place.answer(&["dns", "test"]);
    assert!(shown.contains(&format!("  {server}: cannot be reached: connection refused\n")), "{shown}");
    assert!(shown.contains("    example.com: cannot be reached: connection refused, after "), "{shown}");
    // The running program remembers what it has found out.
    let program = place.start(&config);
    assert_eq!(place.json(&["dns"])["servers"][0]["state"], "not tested yet");
    place.answer(&["dns", "test"]);
    let status = place.json(&["status"]);
    assert_eq!(status["name_servers"]["ok"], false);
    assert!(place.answer(&["status"]).contains("\nName servers: no name server can be relied on"));
    // Other servers are asked from now on.
    let other = config.replace(&server, "127.0.0.1:1");
    let file = place.write("other.toml", &other);
    assert_eq!(place.answer(&["config", "import", file.to_str().unwrap()]), "");
    let deadline = std::time::Instant::now() + crate::program::PATIENCE;
    while place.json(&["dns"])["servers"][0]["address"] != "127.0.0.1:1" {
        assert!(std::time::Instant::now() < deadline);
    }
    drop(program);
}

#[test]
fn without_any_name_server_nothing_is_put_in_force() {
    let place = Place::new();
    let file = place.write("none.toml", &format!("{OFFICE}\n[dns]\ndetect_servers = false\n"));
    let refusal = place.ask(&["config", "import", file.to_str().unwrap()]);
    let text = String::from_utf8(refusal.stderr).unwrap();
    assert!(text.contains("dns.servers: is empty, and servers are not detected either"), "{text}");
}
