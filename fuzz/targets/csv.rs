//! Tables of mappings: rows are no wider than promised and in the order of their lines, what is read and written in quotes
//! reads the same, and a mistake lies inside the text.

#![no_main]

use languages::rules::csv::{WIDEST, rows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines = text.matches('\n').count() + 1;
    match rows(text) {
        Ok(found) => {
            assert!(found.iter().all(|row| (1..=WIDEST).contains(&row.values.len()) && row.line <= lines));
            assert!(found.windows(2).all(|pair| pair[0].line <= pair[1].line));
            let quoted = |value: &String| format!("\"{}\"", value.replace('"', "\"\""));
            let line = |values: &[String]| values.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
            let written: String = found.iter().map(|row| line(&row.values)).collect();
            let again = rows(&written).unwrap();
            assert!(again.iter().map(|row| &row.values).eq(found.iter().map(|row| &row.values)), "{written}");
        }
        Err(mistake) => {
            assert!((1..=lines).contains(&mistake.line), "{mistake} in {text:?}");
            assert!((1..=text.chars().count() + 1).contains(&mistake.column), "{mistake} in {text:?}");
        }
    }
});
