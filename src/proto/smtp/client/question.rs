//! Asking about replies: somebody may have another reply take the place of the server's before it counts.
//!
//! Commands then go one at a time, so that nothing is on its way that rests on what the server said. A 3xx is neither made nor
//! unmade: content would be taken for commands, or commands for content. After a reply that was changed the server may be
//! elsewhere than we are, so the next transaction begins with RSET.

use super::reply::{MAX_REPLY, append_clean, read_code};
use super::{Reply, Session, Stage, Transaction};

/// Replies that wait for a word.
#[derive(Default)]
pub(super) struct Questions {
    pub(super) asked: bool,
    held: Option<Reply>,
    /// What came behind it.
    unread: Vec<u8>,
}

impl Session {
    /// From now on nothing is made of a reply before [`Session::decide`]. Before anything was received.
    pub fn ask_about_replies(&mut self) {
        self.questions.asked = true;
    }

    /// The command, without secrets and empty for the greeting, and the reply that waits for a word.
    pub fn question(&self) -> Option<(String, &Reply)> {
        let reply = self.questions.held.as_ref()?;
        Some((self.last_command(), reply))
    }

    /// The reply counts as it is, or `instead` in its place. `false`: that is not fit, and the reply counted as it was.
    pub fn decide(&mut self, instead: Option<Reply>) -> bool {
        let Some(reply) = self.questions.held.take() else { return false };
        let asks = |reply: &Reply| (300..400).contains(&reply.code);
        let fit = instead.as_ref().is_none_or(|instead| asks(instead) == asks(&reply));
        let changed = instead.filter(|_| fit);
        let differs = changed.is_some() && matches!(self.stage, Stage::Ready);
        self.reply(changed.unwrap_or(reply));
        self.lingering |= differs;
        let unread = std::mem::take(&mut self.questions.unread);
        self.input(&unread);
        fit
    }

    pub(super) fn is_held(&self) -> bool {
        self.questions.held.is_some()
    }

    pub(super) fn hold(&mut self, reply: Reply) {
        self.questions.held = Some(reply);
    }

    pub(super) fn keep_unread(&mut self, bytes: &[u8]) {
        self.questions.unread.extend_from_slice(bytes);
    }

    fn last_command(&self) -> String {
        match self.stage {
            Stage::Ehlo => format!("EHLO {}", self.settings.helo),
            Stage::Helo => format!("HELO {}", self.settings.helo),
            Stage::StartTls => "STARTTLS".to_string(),
            Stage::Auth(_) => "AUTH".to_string(),
            Stage::Quit => "QUIT".to_string(),
            Stage::Ready => self.under_way.front().map(Transaction::last_command).unwrap_or_default(),
            Stage::Greeting | Stage::Handshake | Stage::Ended => String::new(),
        }
    }
}

impl Reply {
    /// Reads a reply that somebody wrote: a code of 200 to 599, and a text of one or more lines, each with or without the
    /// code. `None` where it does not begin with one, or is longer than a reply may be.
    pub fn written(text: &str) -> Option<Reply> {
        let (digits, rest) = text.as_bytes().split_first_chunk::<3>()?;
        let code = read_code(*digits)?;
        if text.len() > MAX_REPLY || rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut reply = Reply { code, text: String::new() };
        for (place, line) in text.trim_end().lines().enumerate() {
            if place > 0 {
                reply.text.push('\n');
            }
            let bare = line.as_bytes().strip_prefix(digits);
            let bare = bare.and_then(|rest| match rest.split_first() {
                None => Some(rest),
                Some((b' ' | b'-', rest)) => Some(rest),
                Some(_) => None,
            });
            append_clean(&mut reply.text, bare.unwrap_or(line.as_bytes()));
        }
        Some(reply)
    }

    /// As the server sent it, line by line, without line ends.
    pub fn lines(&self) -> Vec<String> {
        let last = self.text.split('\n').count().saturating_sub(1);
        let mark = |place: usize| if place == last { ' ' } else { '-' };
        let lines = self.text.split('\n').enumerate();
        lines.map(|(place, line)| format!("{}{}{line}", self.code, mark(place))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Encryption, Event, Mail, Recipient, Settings, Verdict};
    use super::*;

    fn written(text: &str) -> Option<(u16, String)> {
        Reply::written(text).map(|reply| (reply.code, reply.text))
    }

    #[test]
    fn reads_what_somebody_wrote() {
        assert_eq!(written("550 no"), Some((550, "no".into())));
        assert_eq!(written("550"), Some((550, String::new())));
        assert_eq!(written("550-a\r\n550 b\r\n"), Some((550, "a\nb".into())));
        assert_eq!(written("250 a\nb"), Some((250, "a\nb".into())));
        for bad in ["", "55", "no", "150 x", "650 x", "5500", "550x", " 550", "é50"] {
            assert_eq!(written(bad), None, "{bad}");
        }
        assert_eq!(written(&format!("250 {}", "x".repeat(MAX_REPLY))), None);
        let lines = Reply { code: 250, text: "a\nb".into() }.lines();
        assert_eq!(lines, ["250-a", "250 b"]);
    }

    /// What is written and asked, one reply at a time.
    struct Talk(Session);

    impl Talk {
        fn new() -> Talk {
            let settings = Settings { helo: "box.example".into(), encryption: Encryption::AsIs, login: None };
            let mut session = Session::new(settings);
            session.ask_about_replies();
            Talk(session)
        }

        /// The command the reply is for, and what is sent once it counts.
        fn reply(&mut self, reply: &str, instead: Option<&str>) -> (String, String, bool) {
            self.0.input(format!("{reply}\r\n").as_bytes());
            assert!(self.0.output().is_empty(), "nothing is sent before the word");
            let command = self.0.question().unwrap().0;
            let fit = self.0.decide(instead.map(|text| Reply::written(text).unwrap()));
            (command, self.output(), fit)
        }

        fn output(&mut self) -> String {
            let output = String::from_utf8(self.0.output().to_vec()).unwrap();
            self.0.written(output.len());
            output
        }

        fn begin(&mut self) -> String {
            let mail =
                Mail { return_path: "a@x.example", size: 3, eight_bit: false, smtputf8: false, ret: None, envid: None };
            let to = [Recipient { address: "b@y.example", notify: None, orcpt: None }];
            let content = Content::Whole(b"hi\n".as_slice().into());
            self.0.begin(0, &mail, to.into_iter(), content).unwrap();
            self.output()
        }
    }

    fn ready() -> Talk {
        let mut talk = Talk::new();
        assert_eq!(talk.reply("220 hi", None), (String::new(), "EHLO box.example\r\n".into(), true));
        assert_eq!(talk.reply("250-x\r\n250 PIPELINING", None).0, "EHLO box.example");
        assert_eq!(talk.0.event(), Some(Event::Ready));
        talk
    }

    #[test]
    fn a_changed_reply_counts_in_place_of_the_servers() {
        let mut talk = ready();
        assert_eq!(talk.begin(), "MAIL FROM:<a@x.example>\r\n");
        assert_eq!(talk.reply("250 ok", None).1, "RCPT TO:<b@y.example>\r\n");
        let (command, _, fit) = talk.reply("450 no such user", Some("550 no such user"));
        assert_eq!((command.as_str(), fit), ("RCPT TO:<b@y.example>", true));
        let Some(Event::Finished { verdicts, .. }) = talk.0.event() else { panic!("not over") };
        assert!(matches!(&verdicts[..], [Verdict::Refused(reply)] if reply.code == 550), "{verdicts:?}");
    }

    #[test]
    fn after_a_mail_refused_by_somebody_else_the_server_is_reset() {
        let mut talk = ready();
        talk.begin();
        talk.reply("250 ok", Some("451 later"));
        assert!(matches!(talk.0.event(), Some(Event::Finished { .. })));
        assert_eq!(talk.begin(), "RSET\r\n");
        assert_eq!(talk.reply("250 ok", None), ("RSET".into(), "MAIL FROM:<a@x.example>\r\n".into(), true));
    }

    #[test]
    fn a_go_ahead_is_neither_made_nor_unmade() {
        let mut talk = ready();
        talk.begin();
        talk.reply("250 ok", None);
        assert_eq!(talk.reply("250 ok", None).1, "DATA\r\n");
        assert_eq!(talk.reply("354 go", Some("550 no")), ("DATA".into(), "hi\r\n.\r\n".into(), false));
        assert!(!talk.reply("250 ok", Some("354 go")).2);
        let Some(Event::Finished { verdicts, .. }) = talk.0.event() else { panic!("not over") };
        assert!(matches!(&verdicts[..], [Verdict::Accepted(_)]), "{verdicts:?}");
    }

    #[test]
    fn what_came_behind_is_not_lost() {
        let mut talk = Talk::new();
        talk.0.input(b"220 hi\r\n250 x\r\n221");
        assert!(talk.0.decide(None) && talk.0.question().unwrap().1.code == 250);
        assert!(talk.0.decide(None) && talk.0.question().is_none());
        talk.0.input(b" bye\r\n");
        assert_eq!(talk.0.question().unwrap().1.text, "bye");
    }
}
