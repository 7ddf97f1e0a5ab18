//! What can be said of a script before it is trusted: `pillarbox hooks check`.

use std::sync::Arc;

use super::scripts::{ALL, Script};
use super::shelf::Stored;
use super::{CallError, Hooks};

/// A global function that a script has defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    pub name: String,
    /// Arguments that it names.
    pub arguments: usize,
    /// Takes any number of arguments.
    pub any: bool,
    pub line: usize,
}

impl Hooks {
    /// What is wrong with a script, or looks like a mistake, one a line. The script is run once, as it would be loaded,
    /// without anything that it could have an effect on.
    pub async fn check(&self, name: &str, text: &str) -> Vec<String> {
        let stored = Arc::new(Stored::new(name, text));
        if let Some(mistake) = stored.mistake() {
            return vec![mistake.to_string()];
        }
        let mut found = Vec::new();
        let script = Script::of_file(name);
        if script.is_none()
            && let Some(near) = nearest(name, names())
        {
            found.push(format!("{name}: is not called by itself; did you mean {near}?"));
        }
        // What is no script of a known name is tried as one that has no functions to be called.
        let tried = self.try_out(script.unwrap_or(Script::UserRedirect), stored, Vec::new()).await;
        match tried {
            Ok(mut instance) => {
                let defined = instance.defined_functions().await.unwrap_or_default();
                if let Some(script) = script {
                    found.extend(defined.iter().filter_map(|function| doubt(name, script, function)));
                    found.extend(without_effect(name, script, &defined));
                }
            }
            Err(CallError::Failed(error)) => {
                let first = error.lines().next().unwrap_or_default();
                found.push(format!("{name}: does not load by itself: {first}"));
            }
            Err(error) => found.push(format!("{name}: {error}")),
        }
        found
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|declaration| declaration.name)
}

fn without_effect(name: &str, script: Script, defined: &[Defined]) -> Option<String> {
    let declaration = script.declaration();
    let known = |function: &Defined| declaration.functions.iter().any(|declared| declared.name == function.name);
    // SMTP rules name functions of their own.
    let named_elsewhere = matches!(script, Script::SmtpRules(_));
    let nothing = !declaration.functions.is_empty() && !named_elsewhere && !defined.iter().any(known);
    nothing.then(|| {
        let functions: Vec<&str> = declaration.functions.iter().map(|declared| declared.name).collect();
        format!("{name}: defines none of the functions that are called: {}", functions.join(", "))
    })
}

/// What looks like a mistake in a function.
fn doubt(name: &str, script: Script, function: &Defined) -> Option<String> {
    let declared = script.declaration().functions;
    let Defined { name: given, arguments, any, line } = function;
    let Some(known) = declared.iter().find(|declared| declared.name == given) else {
        let near = nearest(given, declared.iter().map(|declared| declared.name))?;
        return Some(format!("{name}:{line}: {given} is not called by itself; did you mean {near}?"));
    };
    let most = known.arguments.len();
    (!any && *arguments > most)
        .then(|| format!("{name}:{line}: {given} names {arguments} arguments, and is called with {most}"))
}

/// The name that this one might be meant to be, if it is none of them.
fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = given.to_lowercase();
    let near = names.map(|name| (distance(&lower, &name.to_lowercase()), name));
    near.filter(|(distance, name)| *distance <= (name.len() / 4).max(1)).min().map(|(_, name)| name)
}

/// Letters to change, leave out, put in or swap to get from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> Vec<String> {
        smol::block_on(Hooks::default().check(name, text))
    }

    #[test]
    fn a_good_script_is_not_doubted() {
        let four = "function CheckServer(domain, server, retries, size) end function helper(a, b, c, d, e, f) end";
        assert_eq!(check("mxserverrules.lua", four), [""; 0]);
        assert_eq!(check("MXOUT.LUA", "function CheckFile(...) end"), [""; 0]);
        assert_eq!(check("smtprules_1.lua", "function Mine(message) end"), [""; 0]);
        assert_eq!(check("common.lua", "x = 1"), [""; 0]);
        assert_eq!(check("bob/user_redirect.lua", "UseForwards = false"), [""; 0]);
    }

    #[test]
    fn mistakes_are_named_with_a_suggestion() {
        assert_eq!(check("mxout.lua", "x ="), ["mxout.lua:1: unexpected symbol near <eof>"]);
        assert_eq!(
            check("mxout.lua", "function checkfile() end\nfunction ServerDetials() end"),
            [
                "mxout.lua:2: ServerDetials is not called by itself; did you mean ServerDetails?",
                "mxout.lua:1: checkfile is not called by itself; did you mean CheckFile?",
                "mxout.lua: defines none of the functions that are called: CheckFile, ServerDetails, ParseURL, \
                 ModifyReturnPath, ReturnCodeHandler",
            ]
        );
        assert_eq!(
            check("passwordcheck.lua", "function Check(a, b, c, d) end"),
            ["passwordcheck.lua:1: Check names 4 arguments, and is called with 3"]
        );
        assert_eq!(check("mxot.lua", ""), ["mxot.lua: is not called by itself; did you mean mxout.lua?"]);
        assert!(check("mxout.lua", "error('no')")[0].contains("does not load by itself"));
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("abc", "abd", 1), ("abcd", "abdc", 1), ("ab", "abc", 1), ("x", "", 1)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
