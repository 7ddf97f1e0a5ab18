//! Reads the command line into words and options, and holds each command to the options it knows.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

const DATA: &str = "/var/lib/pillarbox";

/// The command is not understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}; see pillarbox --help")]
pub struct Usage(pub String);

#[derive(Debug, Default)]
pub struct Arguments {
    /// The command's words, such as `queue hold 1F`.
    pub words: Vec<String>,
    pub json: bool,
    data: Option<PathBuf>,
    options: Vec<(&'static str, Option<OsString>)>,
}

/// Options beside `--data` and `--json`, and whether each takes a value.
const OPTIONS: [(&str, bool); 21] = [
    ("config", true),
    ("high-ports", false),
    ("user", true),
    ("once", false),
    ("full-name", true),
    ("for", true),
    ("alias", true),
    ("administrator", false),
    ("password-stdin", false),
    ("secrets", false),
    ("type", true),
    ("comment", true),
    ("server", true),
    ("mail", true),
    ("appliance", false),
    ("state", true),
    ("boot", true),
    ("watchdog", false),
    ("log", true),
    ("help", false),
    ("version", false),
];

impl Arguments {
    pub fn read(mut parser: Parser) -> anyhow::Result<Arguments> {
        let mut read = Arguments::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Arg::Long("data") => read.data = Some(parser.value().map_err(usage)?.into()),
                Arg::Long("json") => read.json = true,
                Arg::Short('h') => read.options.push(("help", None)),
                Arg::Short('V') => read.options.push(("version", None)),
                Arg::Long(name) => {
                    let Some(&(name, takes_value)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
                        return Err(Usage(format!("there is no option --{name}")).into());
                    };
                    let value = takes_value.then(|| parser.value()).transpose().map_err(usage)?;
                    read.options.push((name, value));
                }
                Arg::Short(letter) => return Err(Usage(format!("there is no option -{letter}")).into()),
                Arg::Value(word) => read.words.push(word.string().map_err(usage)?),
            }
        }
        Ok(read)
    }

    /// The data directory, as a full path: it is shown, and the program may have another working directory.
    pub fn data(&self) -> PathBuf {
        let data = self.data.clone().unwrap_or_else(|| DATA.into());
        std::path::absolute(&data).unwrap_or(data)
    }

    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == option)
    }

    /// The last value given.
    pub fn path(&self, option: &str) -> Option<PathBuf> {
        self.options.iter().rev().find(|(name, _)| *name == option).and_then(|(_, value)| value.clone()).map(Into::into)
    }

    pub fn text(&self, option: &str) -> anyhow::Result<Option<String>> {
        Ok(self.texts(option)?.pop())
    }

    pub fn texts(&self, option: &str) -> anyhow::Result<Vec<String>> {
        let given = self.options.iter().filter(|(name, _)| *name == option).filter_map(|(_, value)| value.clone());
        given.map(|value| value.string().map_err(usage)).collect()
    }

    /// Refuses options that are not among those this command knows.
    pub fn only(&self, known: &[&str]) -> anyhow::Result<()> {
        match self.options.iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => Err(Usage(format!("--{name} does not go with {}", self.words.join(" "))).into()),
            None => Ok(()),
        }
    }
}

fn usage(error: lexopt::Error) -> anyhow::Error {
    Usage(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> anyhow::Result<Arguments> {
        Arguments::read(Parser::from_args(words))
    }

    #[test]
    fn options_may_stand_anywhere() {
        let given = read(&["--data", "/x", "user", "add", "anna", "--alias=a", "--alias", "b", "--json"]).unwrap();
        assert_eq!(given.words, ["user", "add", "anna"]);
        assert_eq!(given.data(), PathBuf::from("/x"));
        assert_eq!(given.texts("alias").unwrap(), ["a", "b"]);
        assert!(given.json);
        assert!(given.only(&["alias"]).is_ok());
        assert!(given.only(&[]).is_err());
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (words, expected) in [
            (&["--frobnicate"][..], "there is no option --frobnicate"),
            (&["-x"], "there is no option -x"),
            (&["--config"], "missing argument"),
        ] {
            let error = read(words).unwrap_err();
            assert!(error.is::<Usage>() && error.to_string().contains(expected), "{error}");
        }
    }
}
