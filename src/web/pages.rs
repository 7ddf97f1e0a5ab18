//! The files of the page, part of the binary.
//!
//! `index.html` is asked for anew each time; all others stand below `/w/` and a word made from their contents, so that a
//! browser keeps them until the program changes. Relative imports stay below the same word.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A file of the page.
pub struct Page {
    pub kind: &'static str,
    /// For Cache-Control.
    pub cache: &'static str,
    /// For ETag.
    pub tag: String,
    pub bytes: Cow<'static, [u8]>,
    /// The same as gzip.
    pub packed: Vec<u8>,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_bytes!(concat!("../../www/", $name)) as &[u8])),*] };
}

/// What stands in `www/`.
static FILES: [(&str, &[u8]); 27] = files!(
    "app.js",
    "favicon.svg",
    "index.html",
    "lib/api.js",
    "lib/dialog.js",
    "lib/dom.js",
    "lib/fields.js",
    "lib/form.js",
    "lib/frame.js",
    "lib/layout.js",
    "lib/search.js",
    "lib/table.js",
    "lib/text.js",
    "pages/about.js",
    "pages/blocks.js",
    "pages/changes.js",
    "pages/find.js",
    "pages/first.js",
    "pages/login.js",
    "pages/mailbox.js",
    "pages/me.js",
    "pages/queue.js",
    "pages/sessions.js",
    "pages/settings.js",
    "pages/today.js",
    "style.css",
    "texts/en.js",
);

const ASKED_ANEW: &str = "no-cache";
const KEPT: &str = "public, max-age=31536000, immutable";
/// Stands in `index.html` for the word in front of the others' names.
const MARK: &str = "/w/VERSION/";

/// The file at a path.
pub fn page(path: &str) -> Option<&'static Page> {
    static PAGES: OnceLock<HashMap<String, Page>> = OnceLock::new();
    let pages = PAGES.get_or_init(all);
    let path = path.split('?').next().unwrap_or_default();
    pages.get(if path == "/" { "/index.html" } else { path })
}

fn all() -> HashMap<String, Page> {
    let mut digest = Sha256::new();
    FILES.iter().for_each(|(_, bytes)| digest.update(bytes));
    let word: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let place = format!("/w/{word}/");
    let mut pages = HashMap::new();
    for (name, bytes) in FILES {
        let (path, cache, bytes) = match name {
            "index.html" => {
                let text = String::from_utf8_lossy(bytes).replace(MARK, &place);
                (format!("/{name}"), ASKED_ANEW, Cow::from(text.into_bytes()))
            }
            _ => (format!("{place}{name}"), KEPT, Cow::from(bytes)),
        };
        let packed = gzip(&bytes, 9);
        pages.insert(path, Page { kind: kind(name), cache, tag: format!("\"{word}\""), bytes, packed });
    }
    pages
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Whether a client takes gzip, by its Accept-Encoding (RFC 9110 §12.5.3).
pub fn takes_gzip(accepted: Option<&str>) -> bool {
    let is_gzip = |coding: &str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.chars().all(|c| "0.".contains(c)));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    };
    accepted.is_some_and(|accepted| accepted.split(',').any(is_gzip))
}

pub fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(level));
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Sent with every answer. The page needs nothing from anywhere else. No Strict-Transport-Security: it would lock people
/// out when the certificate becomes a self-signed one again.
pub const FIELDS: [(&str, &str); 5] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn names(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => names(&entry.path(), &format!("{name}/"), found),
                false => drop(found.insert(name)),
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_in_the_program() {
        let mut there = BTreeSet::new();
        names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("www"), "", &mut there);
        assert_eq!(there, FILES.iter().map(|(name, _)| name.to_string()).collect());
    }

    #[test]
    fn the_first_load_is_small() {
        let index = page("/").unwrap();
        let text = String::from_utf8(index.bytes.to_vec()).unwrap();
        let first = text.split('"').filter(|name| name.starts_with("/w/")).map(|name| page(name).expect(name));
        let size: usize = index.packed.len() + first.map(|page| page.packed.len()).sum::<usize>();
        assert!(size < 60 * 1024, "{size} bytes");
    }

    #[test]
    fn no_script_or_style_stands_in_the_page() {
        for (name, bytes) in FILES.iter().filter(|(name, _)| name.ends_with(".html") || name.ends_with(".js")) {
            let text = std::str::from_utf8(bytes).unwrap();
            for bad in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "onclick="]
            {
                assert!(!text.contains(bad), "{name} has {bad}");
            }
        }
    }

    #[test]
    fn clients_say_whether_they_take_gzip() {
        for (accepted, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("identity", false),
        ] {
            assert_eq!(takes_gzip(Some(accepted)), expected, "{accepted}");
        }
        assert!(!takes_gzip(None));
    }
}
