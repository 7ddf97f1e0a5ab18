//! What was said in a test, for people who look for a fault: line by line, without passwords and without the mail.

/// Lines kept, and bytes of one.
const LINES: usize = 100;
const LONGEST: usize = 200;
/// Commands of ours that hold no secret; all else is starred.
const OPEN: [&str; 16] = [
    "CAPA", "USER", "STLS", "LIST", "UIDL", "STAT", "QUIT", "EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "DATA", "BDAT",
    "RSET", "NOOP",
];

#[derive(Debug, Default)]
pub struct Spoken {
    lines: Vec<String>,
    /// The mail itself goes out.
    content: bool,
}

impl Spoken {
    pub fn ours(&mut self, bytes: &[u8]) {
        if self.content {
            return;
        }
        for line in String::from_utf8_lossy(bytes).lines() {
            let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            if OPEN.contains(&verb.as_str()) {
                self.note("C", line);
            } else if let ("AUTH", Some(method)) = (verb.as_str(), line.split_whitespace().nth(1)) {
                self.note("C", &format!("AUTH {method} ********"));
            } else if verb == "PASS" || verb == "APOP" {
                self.note("C", &format!("{verb} ********"));
            } else {
                self.note("C", "********");
            }
            // Behind them may follow the mail, in the same piece.
            if matches!(verb.as_str(), "DATA" | "BDAT") {
                self.content = true;
                return;
            }
        }
    }

    pub fn theirs(&mut self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.note("S", line);
        }
    }

    pub fn encrypted(&mut self) {
        self.note("–", "encrypted from here on");
    }

    fn note(&mut self, who: &str, line: &str) {
        if self.lines.len() < LINES {
            let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            self.lines.push(format!("{who}: {line}"));
        }
    }

    pub fn lines(self) -> Vec<String> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_and_no_mail_is_told() {
        let mut spoken = Spoken::default();
        for ours in ["USER anna\r\nPASS geheim\r\n", "AUTH PLAIN AGFubmEAZ2VoZWlt\r\n", "AGFubmEAZ2VoZWlt\r\n"] {
            spoken.ours(ours.as_bytes());
        }
        spoken.theirs(b"+OK\r\n");
        spoken.ours(b"MAIL FROM:<a@b>\r\nDATA\r\nSubject: geheim\r\n");
        spoken.ours(b"geheim\r\n.\r\n");
        let lines = spoken.lines();
        assert!(!lines.iter().any(|line| line.contains("geheim") || line.contains("AGF")), "{lines:?}");
        assert_eq!(lines[..3], ["C: USER anna", "C: PASS ********", "C: AUTH PLAIN ********"]);
        assert_eq!(lines.last().unwrap(), "C: DATA");
    }
}
