//! The message that `ProcessMessage` is about: its sections and attachments, and the helpers that read it (spec lua-hooks
//! §8, §23.3). Read as it is; nothing is decoded but file names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use mlua::Lua;

use super::scripts::process_message::{Attachment, MimeSection};

/// A larger message is not looked into: bytes.
pub const LARGEST: usize = 4 * 1024 * 1024;
/// Sections named at most, and how deep.
const SECTIONS: usize = 1000;
const DEPTH: usize = 20;
/// Lines of one `GetMessageLines`.
const LINES: usize = 10_000;

/// What the helpers read; empty outside of `ProcessMessage`.
#[derive(Clone, Default)]
pub(super) struct Current {
    inner: Arc<Mutex<Reading>>,
}

#[derive(Default)]
struct Reading {
    message: Option<Arc<[u8]>>,
    /// Where `GetMessageLines` goes on.
    at: usize,
}

impl Current {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, message: Option<Arc<[u8]>>) {
        *self.reading() = Reading { message, at: 0 };
    }

    /// The next lines, without their ends.
    fn lines(&self, count: usize) -> Vec<Vec<u8>> {
        let mut reading = self.reading();
        let Some(message) = reading.message.clone() else { return Vec::new() };
        let mut lines = Vec::new();
        while lines.len() < count.min(LINES) {
            let rest = message.get(reading.at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            reading.at += end;
            let line = rest.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            lines.push(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
        }
        lines
    }

    fn part(&self, path: &str, which: Which) -> Option<Vec<u8>> {
        let message = self.reading().message.clone()?;
        let section = sections(&message).into_iter().find(|section| section.path.as_deref() == Some(path))?;
        let place = |at: Option<i64>| usize::try_from(at.unwrap_or_default()).unwrap_or_default();
        let (start, body, end) = (place(section.start), place(section.body_start), place(section.end));
        let range = match which {
            Which::Whole => start..end,
            Which::Header => start..body,
            Which::Body => body..end,
        };
        message.get(range).map(<[u8]>::to_vec)
    }
}

#[derive(Clone, Copy)]
enum Which {
    Whole,
    Header,
    Body,
}

/// The table `VPOP3`, which is made where it is not there.
pub(super) fn library(lua: &Lua) -> mlua::Result<mlua::Table> {
    if let Some(table) = lua.globals().get::<Option<mlua::Table>>("VPOP3")? {
        return Ok(table);
    }
    let table = lua.create_table()?;
    lua.globals().set("VPOP3", &table)?;
    Ok(table)
}

/// Puts the helpers into the table `VPOP3`.
pub(super) fn install(lua: &Lua, table: &mlua::Table, current: &Current) -> mlua::Result<()> {
    let here = current.clone();
    let lines = move |lua: &Lua, count: Option<usize>| {
        here.lines(count.unwrap_or(1)).into_iter().map(|line| lua.create_string(line)).collect::<mlua::Result<Vec<_>>>()
    };
    table.set("GetMessageLines", lua.create_function(lines)?)?;
    let here = current.clone();
    let reset = move |_: &Lua, ()| {
        here.reading().at = 0;
        Ok(())
    };
    table.set("MessageReset", lua.create_function(reset)?)?;
    for (name, which) in
        [("GetMessagePart", Which::Whole), ("GetMessagePartHeader", Which::Header), ("GetMessagePartBody", Which::Body)]
    {
        let here = current.clone();
        let part =
            move |lua: &Lua, path: String| here.part(&path, which).map(|part| lua.create_string(part)).transpose();
        table.set(name, lua.create_function(part)?)?;
    }
    Ok(())
}

/// The sections of a message, in order. A message that is no multipart is its own section `1`.
pub fn sections(message: &[u8]) -> Vec<MimeSection> {
    let mut found = Vec::new();
    if let Some(parsed) = MessageParser::default().parse(message)
        && let Some(root) = parsed.parts.first()
    {
        match &root.body {
            PartType::Multipart(children) => add_children(&parsed, children, "", DEPTH, &mut found),
            _ => found.push(section("1".into(), root)),
        }
    }
    found
}

fn add_children(message: &Message<'_>, children: &[u32], path: &str, depth: usize, found: &mut Vec<MimeSection>) {
    for (child, number) in children.iter().zip(1..) {
        let part = usize::try_from(*child).ok().and_then(|place| message.parts.get(place));
        let Some(part) = part.filter(|_| depth > 0 && found.len() < SECTIONS) else { return };
        let path = if path.is_empty() { format!("{number}") } else { format!("{path}.{number}") };
        found.push(section(path.clone(), part));
        if let PartType::Multipart(children) = &part.body {
            add_children(message, children, &path, depth - 1, found);
        }
    }
}

fn section(path: String, part: &MessagePart<'_>) -> MimeSection {
    let kind = part.content_type();
    let disposition = part.content_disposition();
    let text = |text: Option<&str>| Some(text.unwrap_or_default().to_string());
    let offset = |at: u32| Some(i64::from(at));
    MimeSection {
        path: Some(path),
        content_type: Some(kind.map_or("text", |kind| kind.ctype()).to_lowercase()),
        content_subtype: Some(kind.and_then(|kind| kind.subtype()).unwrap_or("plain").to_lowercase()),
        content_type_filename: text(kind.and_then(|kind| kind.attribute("name"))),
        content_disposition: text(disposition.map(|disposition| disposition.ctype())),
        content_disposition_filename: text(disposition.and_then(|disposition| disposition.attribute("filename"))),
        start: offset(part.offset_header),
        body_start: offset(part.offset_body),
        end: offset(part.offset_end),
        encoding: Some(
            match part.encoding {
                Encoding::None => part.content_transfer_encoding().unwrap_or("7bit"),
                Encoding::QuotedPrintable => "quoted-printable",
                Encoding::Base64 => "base64",
            }
            .to_lowercase(),
        ),
    }
}

/// Those of the sections that are attachments: what has a file name, or says so.
pub fn attachments(sections: &[MimeSection]) -> Vec<Attachment> {
    let is = |text: &Option<String>, what: &str| text.as_deref() == Some(what);
    let mut found = Vec::new();
    for (section, number) in sections.iter().zip(1..) {
        let names = [&section.content_disposition_filename, &section.content_type_filename];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        if is(&section.content_type, "multipart") || (name.is_none() && !is(&section.content_disposition, "attachment"))
        {
            continue;
        }
        let words = |text: &Option<String>| text.clone().unwrap_or_default();
        found.push(Attachment {
            mime_section: Some(number),
            name: Some(name.cloned().unwrap_or_default()),
            mime_type: Some(format!("{}/{}", words(&section.content_type), words(&section.content_subtype))),
            size: Some(section.end.unwrap_or_default() - section.body_start.unwrap_or_default()),
            kind: Some(
                if name.is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat")) { "TNEF" } else { "MIME" }.into(),
            ),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\n\r\nplain\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>\r\n--c--\r\n\
        --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=b.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

    #[test]
    fn sections_have_imap_paths_and_their_places() {
        let found = sections(MAIL.as_bytes());
        let shown: Vec<String> = found
            .iter()
            .map(|s| {
                let of = |text: &Option<String>| text.clone().unwrap();
                format!("{} {}/{}", of(&s.path), of(&s.content_type), of(&s.content_subtype))
            })
            .collect();
        assert_eq!(shown, ["1 multipart/alternative", "1.1 text/plain", "1.2 text/html", "2 application/pdf"]);
        let pdf = attachments(&found);
        assert_eq!(pdf.len(), 1);
        assert_eq!((pdf[0].name.as_deref(), pdf[0].mime_section), (Some("b.pdf"), Some(4)));
        assert_eq!(sections(b"Subject: x\r\n\r\nhi\r\n")[0].path.as_deref(), Some("1"));
        assert!(attachments(&sections(b"")).is_empty());
    }

    #[test]
    fn helpers_read_lines_and_parts() {
        let current = Current::default();
        assert!(current.lines(3).is_empty() && current.part("1", Which::Whole).is_none());
        current.set(Some(MAIL.as_bytes().into()));
        assert_eq!(current.lines(1), [b"Subject: x"]);
        assert_eq!(current.lines(100).len(), MAIL.lines().count() - 1);
        current.reading().at = 0;
        assert_eq!(current.lines(1), [b"Subject: x"]);
        let part = |path, which| String::from_utf8(current.part(path, which).unwrap()).unwrap();
        assert_eq!(part("1.2", Which::Body).trim_end(), "<p>");
        assert_eq!(part("2", Which::Body).trim_end(), "AAAA");
        assert!(part("2", Which::Header).starts_with("Content-Type: application/pdf"));
    }
}
