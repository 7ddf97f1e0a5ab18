//! Names and texts of scripts, as they may be stored.

/// Longest text of a script, bytes.
pub const LONGEST_SCRIPT: usize = 256 * 1024;
/// Longest name, bytes.
const LONGEST_NAME: usize = 200;

/// Whether a script may have this name: one file name, or `user/name`.
pub fn name_is_good(name: &str) -> bool {
    let steps: Vec<&str> = name.split('/').collect();
    let good = |step: &&str| !step.is_empty() && !step.starts_with('.') && !step.contains(['\\', ':']);
    name.len() <= LONGEST_NAME && steps.len() <= 2 && steps.iter().all(good) && !name.contains(char::is_control)
}

/// The text of a script, `None` where it is too long. Scripts of old are not always UTF-8; in comments and texts that is
/// no reason to refuse them.
pub fn script_text(bytes: &[u8]) -> Option<String> {
    if bytes.len() > LONGEST_SCRIPT {
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts() {
        for good in ["mxout.lua", "bob/delivery.lua", "my helpers", "ü.lua"] {
            assert!(name_is_good(good), "{good}");
        }
        for bad in ["", "/", "a/", "/a", "a/b/c", "../x", "a/..", ".x", "a\\b", "a\nb", "c:x", &"x".repeat(201)] {
            assert!(!name_is_good(bad), "{bad}");
        }
    }

    #[test]
    fn texts_of_scripts() {
        assert_eq!(script_text(b"\xef\xbb\xbfx = 1").unwrap(), "x = 1");
        assert_eq!(script_text(b"-- Gr\xfc\xdfe").unwrap(), "-- Grüße");
        assert!(script_text(&[b'x'; LONGEST_SCRIPT + 1]).is_none());
    }
}
