//! Mails of many shapes, as they come in an office: the same ones each time, each one different from all others.

/// A mail with CRLF line ends, before dot-stuffing.
pub struct Sample {
    pub subject: String,
    pub bytes: Vec<u8>,
}

/// How many [`samples`] makes.
pub const COUNT: usize = 25;

const HTML: &str = "<html><body><h1>Offer</h1>\r\n<p>Dear customer, &hellip;</p></body></html>\r\n";
const TWO_PARTS: &str =
    "--B\r\nContent-Type: text/plain\r\n\r\nOffer\r\n--B\r\nContent-Type: text/html\r\n\r\n<p>Offer\r\n--B--\r\n";
const DOTS: &str = ".\r\n..\r\n.. .\r\n.leading\r\n...\r\n";
const NESTED: &str = "From: a@example.net\r\nSubject: inner\r\nMIME-Version: 1.0\r\n\r\ninner text\r\n";

/// `direction` (a word) makes the mails of one way different from those of the other.
pub fn samples(direction: &str) -> Vec<Sample> {
    let mut all = Vec::with_capacity(COUNT);
    let mut add = |subject: &str, head: &str, body: &[u8]| {
        let number = all.len() + 1;
        let subject = format!("{subject} ({direction} {number})");
        let date = if number % 2 == 0 { "Date: Tue, 3 Mar 2026 09:00:00 +0100\r\n" } else { "" };
        let start = format!("From: Berta <berta@example.net>\r\n{date}Subject: {subject}\r\n{head}\r\n");
        let bytes = [start.as_bytes(), body].concat();
        all.push(Sample { subject, bytes });
    };
    let text = "Content-Type: text/plain; charset=us-ascii\r\n";
    add("Plain text", text, b"Good morning,\r\n\r\nthe delivery comes on Tuesday.\r\n");
    add("HTML", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n", HTML.as_bytes());
    add(
        "Text and HTML",
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=B\r\n",
        TWO_PARTS.as_bytes(),
    );
    add("Lines of dots", text, DOTS.as_bytes());
    add("Nothing in it", text, b"");
    add("One empty line", text, b"\r\n");
    add("8-bit UTF-8", "Content-Type: text/plain; charset=utf-8\r\n", "Grüße aus Köln, 東京 и Москва\r\n".as_bytes());
    add("8-bit Latin-1", "Content-Type: text/plain; charset=iso-8859-1\r\n", b"Gr\xfc\xdfe aus K\xf6ln\r\n");
    add("Spaces at line ends", text, b"quoted-printable undone  \r\n\t\r\n -- \r\nAnna\t\r\n");
    add("Forwarded mail", "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n", NESTED.as_bytes());
    add("=?utf-8?B?R3LDvMOfZQ==?=", text, b"An encoded subject.\r\n");
    add(
        "Folded header",
        &format!("References:{}\r\n", "\r\n <abcdefgh@example.net>".repeat(150)),
        b"A long thread.\r\n",
    );
    add("Many header lines", &"X-Filter: passed\r\n".repeat(300), b"Through many hands.\r\n");
    add("Line of 990 characters", text, format!("{}\r\n", "x".repeat(990)).as_bytes());
    broken(&mut add);
    for size in [4, 63, 65, 300, 1024, 10 * 1024] {
        add(
            &format!("Attachment of {size} KiB"),
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n",
            &attachment(size),
        );
    }
    all
}

fn broken(add: &mut impl FnMut(&str, &str, &[u8])) {
    add("Header line without colon", "This is no header line\r\n", b"Broken, but mail.\r\n");
    add("Two subjects, no date", "Subject: second\r\nSubject:\r\n", b"Which one?\r\n");
    add("Header that never ends", "X-Last: line", b"");
    add("8-bit header", "X-Firma: M\u{fc}ller GmbH\r\n", b"Raw umlauts above.\r\n");
    add(
        "Boundary that never comes",
        "Content-Type: multipart/mixed; boundary=\"nowhere\"\r\n",
        b"text\r\n--elsewhere\r\n",
    );
}

/// Something that looks like an encoded file of about `kib` KiB.
fn attachment(kib: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = fastrand::Rng::with_seed(kib as u64);
    let pool: Vec<u8> = std::iter::repeat_with(|| *random.choice(ALPHABET).unwrap_or(&b'A')).take(4096).collect();
    let mut bytes = Vec::with_capacity(kib * 1024 + 80);
    while bytes.len() < kib * 1024 {
        let start = random.usize(..pool.len() - 76);
        bytes.extend(pool.iter().skip(start).take(76));
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_said_and_none_ends_like_another() {
        let all: Vec<Sample> = ["in", "out"].iter().flat_map(|way| samples(way)).collect();
        assert_eq!(all.len(), 2 * COUNT);
        for (number, sample) in all.iter().enumerate() {
            let same = all.iter().filter(|other| other.bytes.ends_with(&sample.bytes)).count();
            assert_eq!(same, 1, "sample {number}");
            assert!(sample.bytes.ends_with(b"\r\n"));
        }
        assert!(all.iter().any(|sample| sample.bytes.len() >= 10 * 1024 * 1024));
    }
}
