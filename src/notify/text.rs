//! The words of a message to the administrator, and what `errors.lua` makes of them (spec lua-hooks §17).

use crate::hooks::scripts::errors::ProcessMessage3;
use crate::hooks::{Hooks, Script};
use crate::mail::{Address, dsn};

/// Values of `component`.
pub const SENDER: i64 = 1;
pub const COLLECTOR: i64 = 2;
pub const OTHER: i64 = 8;
pub const ROUTING: i64 = 32;
/// Values of `severity`.
pub const NOTICE: i64 = 1;
pub const ERROR: i64 = 4;
/// Longest text of a script, bytes.
const LONGEST: usize = 64 * 1024;

pub struct Text {
    pub title: String,
    /// Lines with LF between them; those with space in front keep it.
    pub message: String,
    /// A user, or an address.
    pub target: String,
    /// An address.
    pub sender: String,
}

/// What a message is about.
pub struct About {
    pub component: i64,
    pub id: i64,
    pub severity: i64,
    pub connect_error: bool,
}

impl Text {
    /// As a script has it. `false`: it is not to be sent.
    pub async fn scripted(&mut self, hooks: &Hooks, about: About) -> bool {
        let Some(mut script) = hooks.open(Script::Errors, None, ()).await else { return true };
        let asked = ProcessMessage3 {
            component: about.component,
            id: about.id,
            severity: about.severity,
            connect_error: about.connect_error,
            title: self.title.clone(),
            message: self.message.clone(),
            target: self.target.clone(),
            sender: self.sender.clone(),
            ..ProcessMessage3::default()
        };
        let returned = script.call(asked).await;
        if returned.target.as_deref().is_some_and(|target| target.trim().is_empty()) {
            return false;
        }
        let bounded = |text: String| text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().to_string();
        self.title = returned.title.map(bounded).unwrap_or(std::mem::take(&mut self.title));
        self.message = returned.message.map(bounded).unwrap_or(std::mem::take(&mut self.message));
        if let Some(target) = returned.target {
            self.target = target.trim().to_string();
        }
        if let Some(sender) = returned.sender.filter(|sender| Address::parse(sender.trim()).is_ok()) {
            self.sender = sender.trim().to_string();
        }
        true
    }
}

/// The lines of a text as lines of a mail.
pub fn body(out: &mut String, text: &str) {
    for line in text.lines() {
        match line.trim() {
            "" => out.push_str("\r\n"),
            words if line.starts_with(' ') => dsn::fold(out, "  ", words),
            words => dsn::fold(out, "", words),
        }
    }
}
