//! `--name value` and `--switch` from the command line; what nobody asked for is an error.

use std::collections::HashMap;
use std::str::FromStr;

const SWITCHES: [&str; 3] = ["pipelining", "no-pipelining", "chunking"];

pub struct Options {
    values: HashMap<String, Vec<String>>,
}

impl Options {
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut arguments = arguments.peekable();
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").ok_or_else(|| format!("{argument}: options begin with --"))?;
            let value = match SWITCHES.contains(&name) {
                true => String::new(),
                false => arguments.next().ok_or_else(|| format!("--{name} needs a value"))?,
            };
            values.entry(name.to_string()).or_default().push(value);
        }
        Ok(Options { values })
    }

    pub fn switch(&mut self, name: &str) -> bool {
        self.values.remove(name).is_some()
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)?.pop()
    }

    pub fn texts(&mut self, name: &str) -> Vec<String> {
        self.values.remove(name).unwrap_or_default()
    }

    pub fn needed(&mut self, name: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("--{name} is needed"))
    }

    pub fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        match self.text(name) {
            Some(text) => text.parse().map(Some).map_err(|_| format!("--{name} {text}: not such a number")),
            None => Ok(None),
        }
    }

    /// To be called when all known options have been taken out.
    pub fn done(self) -> Result<(), String> {
        match self.values.keys().next() {
            Some(name) => Err(format!("--{name} is not known here")),
            None => Ok(()),
        }
    }
}
