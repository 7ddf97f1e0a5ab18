//! Reads scripts.

use std::path::Path;

pub struct Script {
    pub name: String,
    pub words: Vec<String>,
    pub lines: Vec<(usize, Line)>,
}

pub enum Line {
    Send { bytes: Vec<u8>, pipelined: bool },
    Expect(String),
    Kept(Vec<u8>),
    Timeout,
    Stop,
    Gone,
}

impl Script {
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The number in `word=NUMBER`.
    pub fn number(&self, word: &str) -> Option<u64> {
        let value = self.words.iter().find_map(|known| known.strip_prefix(word)?.strip_prefix('='))?;
        Some(value.parse().expect("a number"))
    }

    pub fn place(&self, number: usize) -> String {
        format!("{}:{}", self.name, number + 1)
    }
}

pub fn all() -> Vec<Script> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs/smtp");
    let files = std::fs::read_dir(dir).expect("the scripts are there").map(|entry| entry.expect("readable").path());
    let mut paths: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "dlg")).collect();
    paths.sort();
    assert!(paths.len() >= 25, "{} scripts", paths.len());
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Script {
    let text = std::fs::read_to_string(path).expect("a script is text");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut script = Script { name, words: Vec::new(), lines: Vec::new() };
    for (number, text) in text.lines().enumerate() {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let line = match word {
            "" | "#" => continue,
            "set" => {
                script.words.extend(rest.split_whitespace().map(str::to_string));
                continue;
            }
            "->" => Line::Send { bytes: line(rest), pipelined: false },
            "=>" => Line::Send { bytes: line(rest), pipelined: true },
            "<-" => Line::Expect(rest.to_string()),
            "kept" => Line::Kept(unescape(rest)),
            "timeout" => Line::Timeout,
            "stop" => Line::Stop,
            "gone" => Line::Gone,
            _ => panic!("{}: what is {text:?}?", script.place(number)),
        };
        script.lines.push((number, line));
    }
    script
}

fn line(text: &str) -> Vec<u8> {
    match text.strip_suffix("\\-") {
        Some(text) => unescape(text),
        None => [unescape(text), b"\r\n".to_vec()].concat(),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    if let Some((before, rest)) = text.split_once('{')
        && let Some((inside, after)) = rest.split_once('}')
        && let Some((count, unit)) = inside.split_once('×')
    {
        let unit = unescape(unit).repeat(count.parse().expect("a number"));
        return [unescape(before), unit, unescape(after)].concat();
    }
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (escape, after) = after.split_at(1);
        rest = after;
        match escape {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "0" => bytes.push(0),
            "\\" => bytes.push(b'\\'),
            "x" => {
                bytes.push(u8::from_str_radix(&after[..2], 16).expect("two hex digits"));
                rest = &after[2..];
            }
            other => panic!("no escape: \\{other}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

pub fn matches(expected: &str, got: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(start) => got.starts_with(start),
        None => got == expected,
    }
}
