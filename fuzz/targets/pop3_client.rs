//! A server's bytes against the POP3 client: whatever comes, in whatever pieces, it neither panics nor keeps without
//! bound, and what it sends is whole command lines.

#![no_main]

use languages::pieces;
use languages::proto::pop3::client::{Command, Encryption, Event, Login, MAX_LINE, Method, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let encryption = [Encryption::AsIs, Encryption::Required, Encryption::IfAvailable][usize::from(*mode) % 3];
    let login = Login { user: "anna".into(), password: "secret".into() };
    let method = [Method::Plain, Method::Apop, Method::CramMd5][usize::from(*mode) / 3 % 3];
    let mut session = Session::new(encryption, login).with_method(method);
    let mut buffer = Vec::new();
    for piece in pieces(data) {
        buffer.extend_from_slice(piece);
        let mut input = buffer.as_slice();
        loop {
            match session.next(&mut input) {
                Ok(Some(Event::StartTls)) => session.encrypted(),
                Ok(Some(Event::LoggedIn)) => {
                    for command in [Command::Uidl, Command::List, Command::Retr(1), Command::Top(2), Command::Dele(1)] {
                        session.ask(command);
                    }
                }
                // A longer one than allowed is for the collector to judge.
                Ok(Some(Event::Uid { uid, .. })) => assert!(!uid.is_empty() && uid.len() <= MAX_LINE),
                Ok(Some(Event::Body(_, bytes))) => assert!(!bytes.is_empty()),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(input.len() <= MAX_LINE, "{} bytes kept", input.len());
        let sent = session.output();
        assert!(sent.is_empty() || sent.ends_with(b"\r\n"));
        session.wrote(sent.len());
        buffer = input.to_vec();
    }
});
