//! A server's bytes against the client that asks it to send: whatever comes, in whatever pieces, it neither panics nor
//! keeps without bound, and what it sends is whole command lines.

#![no_main]

use languages::pieces;
use languages::proto::smtp::client::{Encryption, Login, Settings, Turn, TurnSession, Wish};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let encryption = [Encryption::AsIs, Encryption::Required, Encryption::IfOffered][usize::from(*mode) % 3];
    let login = (*mode & 64 != 0).then(|| Login { user: "anna".into(), password: "secret".into(), mechanism: None });
    let domains = vec!["a.example".to_string(), "b.example".to_string()];
    let wish = if *mode & 128 == 0 { Wish::Etrn(domains) } else { Wish::Atrn(domains) };
    let mut session = TurnSession::new(Settings { helo: "box".into(), encryption, login }, wish);
    for piece in pieces(data) {
        let turn = match session.input(piece) {
            Ok(turn) => turn,
            Err(_) => return,
        };
        let sent = session.take_output();
        assert!(sent.is_empty() || sent.ends_with(b"\r\n"));
        match turn {
            Some(Turn::StartTls) => session.encrypted(),
            Some(Turn::Over(_)) => return,
            None => {}
        }
    }
});
