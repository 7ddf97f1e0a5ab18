//! Mail programs of the office: swaks sends, mpop and fetchmail fetch.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::office::{BOB, BOBS_PASSWORD, Office};
use crate::process::{command, have, run, run_to};

/// Whether swaks is there, with the module it needs for TLS.
pub fn have_swaks() -> bool {
    if !have(&["swaks"]) {
        return false;
    }
    let support = command("swaks").arg("--support").output().unwrap();
    let speaks_tls = String::from_utf8_lossy(&support.stdout).contains("=== TLS supported");
    if !speaks_tls {
        eprintln!("skipped: swaks lacks Net::SSLeay");
    }
    speaks_tls
}

/// swaks towards this port, with no more than a recipient.
pub fn swaks(port: u16, to: &str) -> Command {
    let mut swaks = command("swaks");
    swaks.args(["--server", "127.0.0.1", "--port", &port.to_string(), "--to", to, "--from", "scanner@office.example"]);
    swaks.args(["--ehlo", "scanner.office.example", "--hide-all"]);
    swaks
}

/// What makes swaks log in by this mechanism.
pub fn login(mechanism: &str) -> [String; 6] {
    ["--auth", mechanism, "--auth-user", BOB, "--auth-password", BOBS_PASSWORD].map(String::from)
}

/// Fetches bob's mail with mpop, which pipelines, over STLS. Everything there is.
pub fn mpop(office: &Office) -> Vec<Vec<u8>> {
    let dir = office.dir.join("mpop");
    for part in ["", "new", "cur", "tmp"] {
        fs::create_dir_all(dir.join("mail").join(part)).unwrap();
    }
    let text = format!(
        "account office\nhost 127.0.0.1\nport {}\nuser {BOB}\npassword {BOBS_PASSWORD}\nauth user\ntls on\ntls_starttls on\n\
         tls_certcheck off\nkeep off\nonly_new off\nuidls_file {}\ndelivery maildir {}\n",
        office.pop3_port,
        dir.join("uidls").display(),
        dir.join("mail").display()
    );
    let file = private(&dir.join("mpoprc"), &text);
    run(command("mpop").arg("-C").arg(&file).args(["-q", "office"]));
    let fetched = fs::read_dir(dir.join("mail/new")).unwrap().flatten();
    fetched.map(|entry| fs::read(entry.path()).unwrap()).collect()
}

/// Fetches bob's mail with fetchmail, which does not pipeline, over TLS from the first byte. Everything there is, one
/// after the other.
pub fn fetchmail(office: &Office) -> Vec<u8> {
    let dir = office.dir.join("fetchmail");
    fs::create_dir_all(&dir).unwrap();
    let got = dir.join("got");
    let text = format!(
        "set no bouncemail\npoll 127.0.0.1 protocol pop3 port {} timeout 30:\n user \"{BOB}\" password \"{BOBS_PASSWORD}\"\n \
         ssl no sslcertck fetchall no keep mda \"cat >> {}\"\n",
        office.pop3s_port,
        got.display()
    );
    let file = private(&dir.join("rc"), &text);
    // 1 says that there was no mail, which the caller may wait for.
    let mut fetchmail = command("fetchmail");
    fetchmail.env("FETCHMAILHOME", &dir).env("HOME", &dir).arg("-f").arg(&file).args(["--nosyslog", "-v"]);
    run_to(&mut fetchmail, &[0, 1]);
    fs::read(&got).unwrap_or_default()
}

/// Both programs refuse a file with passwords that others may read.
fn private(file: &Path, text: &str) -> std::path::PathBuf {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    file.to_path_buf()
}

/// The body with bare line feeds, as maildirs have it.
pub fn body(message: &[u8]) -> Vec<u8> {
    let bare: Vec<u8> = message.iter().copied().filter(|byte| *byte != b'\r').collect();
    let start = bare.windows(2).position(|two| two == b"\n\n").map_or(bare.len(), |at| at + 2);
    bare[start..].to_vec()
}

/// Fails unless what arrived has the bodies that were sent, each once, and names those that differ. Blank lines at the
/// end do not count: swaks has its own mind about them.
pub fn assert_same_bodies(arrived: &[Vec<u8>], sent: &[Vec<u8>], log: &str) {
    let bodies = |messages: &[Vec<u8>]| {
        let mut bodies: Vec<_> = messages.iter().map(|message| body(message).trim_ascii_end().to_vec()).collect();
        bodies.sort();
        bodies
    };
    let (arrived, sent) = (bodies(arrived), bodies(sent));
    let beyond = |these: &[Vec<u8>], those: &[Vec<u8>]| -> Vec<String> {
        let shown =
            |body: &Vec<u8>| format!("{} bytes {:?}", body.len(), String::from_utf8_lossy(&body[..body.len().min(80)]));
        these.iter().filter(|body| !those.contains(body)).map(shown).collect()
    };
    let (missing, foreign) = (beyond(&sent, &arrived), beyond(&arrived, &sent));
    assert!(arrived == sent, "missing {missing:?}, not sent {foreign:?}, {} of {}\n{log}", arrived.len(), sent.len());
}

/// Messages of several shapes, with bare line feeds.
pub fn samples() -> Vec<Vec<u8>> {
    let header = |subject: &str| {
        format!(
            "From: Anna <anna@elsewhere.example>\nTo: office@provider.example\nSubject: {subject}\n\
             Message-ID: <{subject}@elsewhere.example>\nDate: Mon, 2 Nov 2026 10:00:00 +0100\n\n"
        )
    };
    let shapes: [(&str, Vec<u8>); 8] = [
        ("plain", b"Hello Bob\n".to_vec()),
        ("dots", b".\n..\n...three\n.leading\n.\nlast\n".to_vec()),
        ("empty-lines", b"\n\n\nafter three\n\n".to_vec()),
        ("latin1", b"Gr\xfc\xdfe aus M\xfcnchen\n".to_vec()),
        ("utf8", "Grüße, 你好\n".as_bytes().to_vec()),
        ("long-line", [vec![b'x'; 900], b"\n".to_vec()].concat()),
        ("large", b"0123456789 and so on, a line of a larger message\n".repeat(20_000)),
        ("no-body", Vec::new()),
    ];
    shapes.into_iter().map(|(subject, body)| [header(subject).into_bytes(), body].concat()).collect()
}
