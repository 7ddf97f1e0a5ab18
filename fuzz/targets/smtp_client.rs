//! A server's bytes against the SMTP client, with two mails to send: whatever comes, in whatever pieces, each mail has
//! exactly one outcome, and the session comes to an end.

#![no_main]

use languages::pieces;
use languages::proto::smtp::client::{Content, Encryption, Event, Mail, Recipient, Session, Settings};
use libfuzzer_sys::fuzz_target;

const MAIL: Mail<'static> = Mail {
    return_path: "anna@office.example",
    size: 16,
    eight_bit: true,
    smtputf8: false,
    ret: Some("HDRS"),
    envid: Some("x"),
};
const BODY: &[u8] = b"A: b\r\n\r\n.\r\nmail\r\n";

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let encryption = [Encryption::AsIs, Encryption::Required, Encryption::IfOffered][usize::from(*mode) % 3];
    let mut session = Session::new(Settings { helo: "box".into(), encryption, login: None });
    let mut outcomes = [0; 2];
    let (mut begun, mut given) = (0, 0);
    for piece in pieces(data) {
        session.input(piece);
        events(&mut session, &mut outcomes);
        while begun < 2 && session.can_begin() && begin(&mut session, begun) {
            begun += 1;
        }
        if session.wants_content() {
            given += 1;
            session.content(BODY, given % 3 == 0);
        }
        session.written(session.output().len());
    }
    session.lost("the input is at its end");
    events(&mut session, &mut outcomes);
    assert!(outcomes.iter().take(begun).all(|count| *count == 1), "{begun} begun, outcomes {outcomes:?}");
    assert!(outcomes.iter().skip(begun).all(|count| *count == 0));
});

/// One mail whole, the other in pieces.
fn begin(session: &mut Session, tag: usize) -> bool {
    let content = if tag == 0 { Content::Whole(BODY.into()) } else { Content::Pieces };
    let recipients = ["one@far.example", "two@far.example"];
    let recipients = recipients.iter().map(|address| Recipient { address, notify: Some("FAILURE"), orcpt: None });
    session.begin(tag as u64, &MAIL, recipients, content).is_ok()
}

fn events(session: &mut Session, outcomes: &mut [u32; 2]) {
    while let Some(event) = session.event() {
        match event {
            Event::StartTls => session.encrypted(),
            Event::Finished { tag, verdicts } => {
                assert_eq!(verdicts.len(), 2);
                outcomes[tag as usize] += 1;
            }
            Event::Untouched { tag } => outcomes[tag as usize] += 1,
            Event::Ready | Event::Ended(_) => {}
        }
    }
}
