//! Runs `tests/dialogs/smtp/*.dlg`: against the bare session, whole and cut into pieces, and over a real socket with
//! the real rooms behind.
//!
//! A script says what the service allows (`set WORD…`), then `->` what the client sends, `=>` what it sends without
//! waiting, `<-` the lines it gets; a `*` at the end of a line stands for anything. `<- (closed)` and `<- (TLS)` are
//! what they say. `kept FROM TO…|TEXT` is a mail that was kept, `timeout`, `stop` and `gone` end the input. Sent text
//! has the escapes `\r`, `\n`, `\0`, `\xNN`, `\\` and `{N×TEXT}`; CRLF is added unless it ends in `\-`.
//!
//! The office has the user anna (password `secret word`) at office.example; bob is unknown. A script with `bare` in its `set` line
//! needs an answerer that fails on demand: see `bare.rs`; one with `real` needs the rooms behind.

mod bare;
mod script;
mod socket;
