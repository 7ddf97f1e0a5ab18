//! What a server announces in its answer to CAPA (RFC 2449 §5).

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// There was a list. Without one, UIDL and TOP are simply tried.
    pub known: bool,
    pub pipelining: bool,
    pub stls: bool,
    pub top: bool,
    pub uidl: bool,
    /// USER and PASS.
    pub user: bool,
    /// SASL PLAIN.
    pub plain: bool,
    /// SASL CRAM-MD5.
    pub cram_md5: bool,
}

impl Capabilities {
    /// Takes one line of the list.
    pub(super) fn line(&mut self, line: &[u8]) {
        let mut words = line.split(|&b| b == b' ').filter(|word| !word.is_empty());
        let Some(tag) = words.next() else { return };
        let is = |name: &str| tag.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("PIPELINING") => self.pipelining = true,
            () if is("STLS") => self.stls = true,
            () if is("TOP") => self.top = true,
            () if is("UIDL") => self.uidl = true,
            () if is("USER") => self.user = true,
            () if is("SASL") => {
                for word in words {
                    self.plain |= word.eq_ignore_ascii_case(b"PLAIN");
                    self.cram_md5 |= word.eq_ignore_ascii_case(b"CRAM-MD5");
                }
            }
            () => {}
        }
    }

    /// Worth a try: announced, or nothing was.
    pub fn may_top(&self) -> bool {
        self.top || !self.known
    }

    /// A server that keeps quiet about UIDL often has it all the same, and a `-ERR` costs one round trip.
    pub(super) fn prefers_plain(&self) -> bool {
        self.known && self.plain && !self.user
    }
}
