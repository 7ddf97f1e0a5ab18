//! What a server announces in its reply to EHLO.

use super::Reply;

/// Keywords we act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870 is offered.
    pub size: bool,
    /// Its limit in bytes, where one is named.
    pub size_limit: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 3207.
    pub starttls: bool,
    pub auth_cram_md5: bool,
    pub auth_plain: bool,
    pub auth_login: bool,
}

impl Capabilities {
    /// From the lines of the reply; the first is the greeting.
    pub(super) fn read(reply: &Reply) -> Capabilities {
        let mut found = Capabilities::default();
        for line in reply.text.split('\n').skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            match keyword.to_ascii_uppercase().as_str() {
                "PIPELINING" => found.pipelining = true,
                "SIZE" => {
                    found.size = true;
                    found.size_limit = words.next().and_then(|n| n.parse().ok()).filter(|&limit| limit > 0);
                }
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "CHUNKING" => found.chunking = true,
                "DSN" => found.dsn = true,
                "STARTTLS" => found.starttls = true,
                "AUTH" => found.mechanisms(words),
                // Written so by old servers for old clients.
                keyword => {
                    if let Some(first) = keyword.strip_prefix("AUTH=") {
                        found.mechanisms(std::iter::once(first).chain(words));
                    }
                }
            }
        }
        found
    }

    fn mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words {
            match word.to_ascii_uppercase().as_str() {
                "CRAM-MD5" => self.auth_cram_md5 = true,
                "PLAIN" => self.auth_plain = true,
                "LOGIN" => self.auth_login = true,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Capabilities {
        Capabilities::read(&Reply { code: 250, text: lines.into() })
    }

    #[test]
    fn reads_keywords_in_any_case() {
        let found = read("mx DSN\npipelining\nSIZE 1000\nChunking\nAUTH plain X-Y cram-md5\n8BITMIME\n");
        let expected = Capabilities {
            pipelining: true,
            size: true,
            size_limit: Some(1000),
            chunking: true,
            auth_plain: true,
            auth_cram_md5: true,
            eight_bit_mime: true,
            ..Capabilities::default()
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn size_without_a_number_and_old_auth() {
        let found = read("mx\nSIZE\nAUTH=LOGIN PLAIN");
        assert!(found.size && found.size_limit.is_none() && found.auth_login && found.auth_plain);
        assert_eq!(read("mx\nSIZE 0").size_limit, None);
        assert_eq!(read("PIPELINING"), Capabilities::default());
    }
}
