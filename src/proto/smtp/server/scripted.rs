//! Where a script takes part in a session: between the check of a command and what follows it.
//!
//! A script may answer in other words, or refuse; it cannot make a command do what it would not have done, nor leave one
//! without its reply. Without a script none of this is asked.

use super::reply::Reply;
use super::verbs::{Command, Hello};
use super::{Answer, Moment, Next, Session, State};

/// Lines of a reply, and their length in bytes (RFC 5321 §4.5.3.1.5).
const MOST_LINES: usize = 50;
const LONGEST_LINE: usize = 500;

impl Session {
    /// A script takes part: it is asked about commands ([`super::Request::Script`]).
    pub fn scripted(&mut self) {
        self.scripted = true;
    }

    /// Greets in other words. An error ends the session.
    pub fn greet_with(&mut self, lines: Vec<Reply>) {
        let ends = lines.last().is_some_and(Reply::is_error);
        self.output.clear();
        self.write_lines(&lines);
        if ends {
            self.state = State::Closed;
        }
    }

    /// What EHLO offers, a line each, the host's name first.
    pub fn offered(&mut self) -> Vec<String> {
        let output = std::mem::take(&mut self.output);
        self.say_hello(true);
        let offered = std::mem::replace(&mut self.output, output);
        let text = String::from_utf8_lossy(&offered);
        text.lines().filter_map(|line| line.get(4..)).map(String::from).collect()
    }

    /// The limit of a message from now on, bytes; 0 is no limit.
    pub fn limit_size(&mut self, bytes: u64) {
        self.settings.max_size = bytes;
    }

    pub fn max_size(&self) -> u64 {
        self.settings.max_size
    }

    /// Ends the session after the reply that is due.
    pub fn disconnect(&mut self) {
        self.closing = true;
    }

    pub(super) fn moment(&self, command: &Command) -> Option<Moment> {
        if !self.scripted {
            return None;
        }
        match command {
            Command::Hello(Hello { name, extended }) => Some(Moment::Hello { name: name.clone(), extended: *extended }),
            Command::Help => Some(Moment::Help),
            Command::Quit => Some(Moment::Quit),
            Command::Noop => Some(Moment::Noop),
            Command::Reset => Some(Moment::Reset),
            _ => None,
        }
    }

    pub(super) fn by_script(&mut self, command: Option<Command>, answer: Answer) -> Option<Next<'static>> {
        match (command, answer) {
            (_, Answer::No(reply)) => self.refuse(reply),
            // The client has heard of no error.
            (None, Answer::Say(lines)) => {
                self.write_lines(&lines);
                None
            }
            (None, _) => self.refuse(Reply::unknown_command()),
            (Some(command), Answer::Say(lines)) => self.in_other_words(lines, |session| session.proceed(command)),
            (Some(command), _) => self.proceed(command),
        }
    }

    /// Does `work`, and says `lines` in place of what that says.
    pub(super) fn in_other_words(
        &mut self,
        lines: Vec<Reply>,
        work: impl FnOnce(&mut Session) -> Option<Next<'static>>,
    ) -> Option<Next<'static>> {
        let before = self.output.len();
        let next = work(self);
        if !lines.is_empty() {
            self.output.truncate(before);
            self.write_lines(&lines);
        }
        next
    }

    fn write_lines(&mut self, lines: &[Reply]) {
        let Some((last, others)) = lines.split_last() else { return };
        others.iter().for_each(|line| line.write_continued(&mut self.output));
        last.write_to(&mut self.output);
    }
}

impl Reply {
    /// A reply as a script gives it: its code, and one line or more, each with the code or without. `None` where there
    /// is no code from 200 to 599.
    pub fn by_script(text: &str) -> Option<Vec<Reply>> {
        let code = |line: &str| -> Option<u16> {
            let digits = line.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok().filter(|code| (200..600).contains(code))
        };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(MOST_LINES).collect();
        let first = code(lines.first()?)?;
        let line = |line: &&str| {
            let rest = match code(line) {
                Some(own) if own == first => line.get(3..).unwrap_or_default().trim_start_matches(['-', ' ']),
                _ => line,
            };
            let clean = rest.chars().map(|c| if c.is_control() { ' ' } else { c });
            let mut clean: String = clean.collect();
            clean.truncate(clean.floor_char_boundary(LONGEST_LINE));
            Reply::made(first, "", clean.trim().to_string())
        };
        Some(lines.iter().map(line).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_scripts() {
        let said = |text: &str| {
            Reply::by_script(text)
                .map(|lines| lines.iter().map(|line| (line.code(), line.text().to_string())).collect())
        };
        let one = |code: u16, text: &str| Some(vec![(code, text.to_string())]);
        assert_eq!(said("250 fine"), one(250, "fine"));
        assert_eq!(said("550 5.7.1 No\tway\r\n"), one(550, "5.7.1 No way"));
        assert_eq!(said("250"), one(250, ""));
        let two: Option<Vec<_>> = Some(vec![(214, "a".to_string()), (214, "b".to_string())]);
        assert_eq!(said("214-a\r\n214 b"), two);
        assert_eq!(said("214 a\nb"), two);
        for bad in ["", "fine", "99 x", "600 x", "25x", "\u{e4}\u{e4}"] {
            assert_eq!(said(bad), None::<Vec<(u16, String)>>, "{bad}");
        }
    }
}
