//! Runs `tests/dialogs/pop3/*.dlg` against the bare session, and the same bytes cut into pieces at random.
//!
//! A script: `offer WORD…` first if need be (`stls`, `needs-encryption`, `apop`, `encrypted`), then `->` what the client
//! sends and `<-` the lines it gets; a `*` at the end of a line stands for anything. `<- (closed)` and `<- (TLS)` are
//! what they say. The box has the users anna (three mails), busy (another session has the mailbox), broken (the mailbox
//! cannot be opened) and full (deletes fail); all have the password `secret word`.

use std::path::{Path, PathBuf};

use pillarbox::proto::pop3::server::{Credentials, Login, Maildrop, Message, Session, Settings, Step};
use proptest::prelude::*;

const PASSWORD: &str = "secret word";
const DIGEST: &str = "c4c9334bac560ecc979e58001b3e22fb";
const MAILS: [&str; 3] =
    ["Subject: one\r\n\r\nBody\r\n", ".Subject: two\r\n\r\n.\r\n..\r\nlast", "Subject: three\r\n\r\n"];

/// What a real shell would do, in memory.
struct Shell {
    session: Session,
    out: Vec<u8>,
    input: Vec<u8>,
    user: String,
    deleted: Vec<u32>,
    closed: bool,
    tls: bool,
}

impl Shell {
    fn new(offers: &[&str]) -> Shell {
        let offer = |word| offers.contains(&word);
        let settings = Settings {
            stls: offer("stls"),
            login_needs_encryption: offer("needs-encryption"),
            timestamp: offer("apop").then(|| "<1896.697170952@dbc.mtview.ca.us>".into()),
        };
        let mut out = Vec::new();
        let session = Session::new(settings, offer("encrypted"), &mut out);
        let (closed, tls) = (false, false);
        Shell { session, out, input: Vec::new(), user: String::new(), deleted: Vec::new(), closed, tls }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while !self.closed {
            let (used, step) = self.session.step(&self.input, &mut self.out);
            self.input.drain(..used);
            match step {
                Step::Read => return,
                Step::Next | Step::Flush => {}
                Step::Login(credentials) => {
                    let login = self.login(credentials);
                    self.session.login(login, &mut self.out);
                }
                Step::Message(retrieval) => {
                    let mail = MAILS[retrieval.message.name as usize];
                    if self.user == "full" {
                        self.session.message_failed(&mut self.out);
                        continue;
                    }
                    let mut writer = self.session.message(&retrieval, &mut self.out);
                    writer.write(mail.as_bytes(), &mut self.out);
                    writer.finish(&mut self.out);
                }
                Step::Commit => {
                    let done = self.user != "full";
                    if done {
                        self.deleted = self.session.deleted();
                    }
                    self.session.committed(done, &mut self.out);
                }
                Step::StartTls => {
                    self.input.clear();
                    self.tls = true;
                    self.session.encrypted();
                }
                Step::Close => self.closed = true,
            }
        }
    }

    fn login(&mut self, credentials: Credentials) -> Login {
        let name = match credentials {
            Credentials::Password { name, password } if password == PASSWORD => name,
            Credentials::Apop { name, digest } if digest == DIGEST => name,
            _ => return Login::Refused,
        };
        self.user = name;
        match self.user.as_str() {
            "anna" | "full" => {
                let message = |(at, mail): (usize, &&str)| Message {
                    uid: at as u32 + 17,
                    note: 0,
                    name: at as u64,
                    size: mail.len() as u64,
                };
                Login::Granted(Maildrop::new(0xa, MAILS.iter().enumerate().map(message).collect()))
            }
            "busy" => Login::InUse,
            "broken" => Login::Unavailable,
            _ => Login::Refused,
        }
    }

    /// The next line of output.
    fn line(&mut self) -> Option<String> {
        let Some(end) = self.out.iter().position(|byte| *byte == b'\n') else {
            assert!(self.out.is_empty(), "half a line: {:?}", String::from_utf8_lossy(&self.out));
            let note = if std::mem::take(&mut self.tls) { Some("(TLS)") } else { self.closed.then_some("(closed)") };
            return note.map(str::to_owned);
        };
        let line: Vec<u8> = self.out.drain(..=end).collect();
        let line = String::from_utf8(line).expect("replies are text");
        Some(line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned())
    }
}

/// What a script line sends: escapes `\0`, `\xNN`, and `{N×TEXT}` for long lines.
fn sent(text: &str) -> Vec<u8> {
    let text = match text.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (inside, after))) => {
            let (count, unit) = inside.split_once('×').expect("{N×TEXT}");
            format!("{before}{}{after}", unit.repeat(count.parse().expect("a number")))
        }
        None => text.to_owned(),
    };
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).expect("two hex digits"));
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn matches(expected: &str, got: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(start) => got.starts_with(start),
        None => got == expected,
    }
}

fn scripts() -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs/pop3");
    let files = std::fs::read_dir(dir).expect("the scripts are there").map(|entry| entry.expect("readable").path());
    let mut scripts: Vec<_> =
        files.map(|path| (path.clone(), std::fs::read_to_string(path).expect("a script is text"))).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    scripts
}

fn offers(script: &str) -> Vec<&str> {
    script.lines().filter_map(|line| line.strip_prefix("offer ")).flat_map(str::split_whitespace).collect()
}

fn run(path: &Path, script: &str) {
    let mut shell = Shell::new(&offers(script));
    let place = |number: usize| format!("{}:{}", path.display(), number + 1);
    for (number, line) in script.lines().enumerate() {
        if let Some(text) = line.strip_prefix("-> ") {
            assert_eq!(shell.line(), None, "{}: the script does not expect this", place(number));
            shell.receive(&sent(text));
        } else if let Some(text) = line.strip_prefix("=> ") {
            // Pipelined: nothing is expected before.
            shell.receive(&sent(text));
        } else if let Some(expected) = line.strip_prefix("<-") {
            let expected = expected.strip_prefix(' ').unwrap_or(expected);
            let got = shell.line().unwrap_or_else(|| panic!("{}: nothing came", place(number)));
            assert!(matches(expected, &got), "{}: got {got:?}", place(number));
        } else if let Some(uids) = line.strip_prefix("deleted") {
            assert_eq!(format!("{:?}", shell.deleted), uids.trim(), "{}", place(number));
        } else {
            let known = line.is_empty() || line.starts_with('#') || line.starts_with("offer ");
            assert!(known, "{}: what is {line:?}?", place(number));
        }
    }
    let left = if shell.closed { None } else { shell.line() };
    assert_eq!(left, None, "{}: more came than the script expects", path.display());
}

#[test]
fn dialogs() {
    for (path, script) in scripts() {
        run(&path, &script);
    }
}

/// The whole output for client bytes that come in the given pieces.
fn conversation(offers: &[&str], bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<u32>, bool) {
    let mut shell = Shell::new(offers);
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        shell.receive(piece);
        rest = after;
    }
    (shell.out, shell.deleted, shell.closed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_make_no_difference(cuts in proptest::collection::vec(1usize..40, 1..12)) {
        for (path, script) in scripts() {
            // What comes behind STLS is thrown away with the read it came in.
            if script.contains("(TLS)") {
                continue;
            }
            let client = script.lines().filter_map(|line| line.strip_prefix("-> ").or(line.strip_prefix("=> ")));
            let bytes: Vec<u8> = client.flat_map(sent).collect();
            let whole = conversation(&offers(&script), &bytes, &[usize::MAX]);
            prop_assert_eq!(conversation(&offers(&script), &bytes, &cuts), whole, "{}", path.display());
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut in 1usize..300) {
        let (out, deleted, _) = conversation(&["stls", "apop"], &bytes, &[cut]);
        prop_assert!(out.starts_with(b"+OK Pillarbox"));
        prop_assert!(deleted.is_empty());
    }
}
