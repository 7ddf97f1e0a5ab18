//! A message with some of its header lines replaced, and the rest as it was.

/// Longest line put in, bytes, and how many.
const LONGEST: usize = 8 * 1024;
const MOST: usize = 100;

/// `lines` are whole header lines (`Name: value`), which take the place of all lines of the same names; they come at the
/// end of the header. Lines that are none are left out; line breaks in them are taken out.
pub fn with_header_lines(message: &[u8], lines: &[String]) -> Vec<u8> {
    let lines: Vec<(&str, String)> = lines.iter().take(MOST).filter_map(|line| header_line(line)).collect();
    let mut out = Vec::with_capacity(message.len() + 256);
    let mut rest = message;
    let mut replaced = false;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        if line.trim_ascii().is_empty() {
            break;
        }
        rest = after;
        if !line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            replaced = lines.iter().any(|(name, _)| is_named(line, name));
        }
        if !replaced {
            out.extend_from_slice(line);
        }
    }
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    for (_, line) in &lines {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if rest.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(rest);
    out
}

fn is_named(line: &[u8], name: &str) -> bool {
    let Some(found) = line.get(..name.len()) else { return false };
    let behind = line.get(name.len()..).unwrap_or_default().trim_ascii_start();
    found.eq_ignore_ascii_case(name.as_bytes()) && behind.first() == Some(&b':')
}

/// Name and line.
fn header_line(text: &str) -> Option<(&str, String)> {
    let (name, _) = text.split_once(':')?;
    let name = name.trim_end();
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    let line: String = text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    (good && line.len() <= LONGEST).then_some((name, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(message: &str, lines: &[&str]) -> String {
        let lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        String::from_utf8(with_header_lines(message.as_bytes(), &lines)).unwrap()
    }

    #[test]
    fn lines_take_the_place_of_those_of_their_name() {
        let message = "From: a@b.example\r\nSubject: old\r\n text\r\nSUBJECT : too\r\nX: y\r\n\r\nSubject: body\r\n";
        assert_eq!(
            changed(message, &["Subject: new\r\nBcc: x", "no line", "X-New: 1"]),
            "From: a@b.example\r\nX: y\r\nSubject: new  Bcc: x\r\nX-New: 1\r\n\r\nSubject: body\r\n"
        );
        assert_eq!(changed(message, &[]), message);
        assert_eq!(changed("A: b\r\n", &["C: d"]), "A: b\r\nC: d\r\n\r\n");
        assert_eq!(changed("\r\nbody", &["C: d"]), "C: d\r\n\r\nbody");
        assert_eq!(changed("A: b", &["a: c"]), "a: c\r\n\r\n");
    }
}
