//! Rules as the reference product writes them, and back.

use super::{Common, DownloadAction, DownloadRule, Matching, Rule, SmtpAction, SmtpRule};
use crate::rules::Mistake;
use crate::rules::classic::{ClassicRule, Sign, parse, write};

/// A kind of rule that has a classic form.
pub trait Classic: Rule + Sized {
    fn from_classic(rule: ClassicRule) -> Self;

    /// `None`: the form has no sign for its action.
    fn sign(&self) -> Option<Sign>;
}

/// Rules from a text. Whether their addresses are somebody is for the check of the whole configuration.
pub fn from_classic<R: Classic>(text: &str) -> Result<Vec<R>, Vec<Mistake>> {
    Ok(parse(text, R::LANGUAGE)?.into_iter().map(R::from_classic).collect())
}

/// Rules as a text that means the same. What the form cannot say is left out, with a line that says so. A rule of which
/// one condition is enough becomes a rule for each condition.
pub fn to_classic<R: Classic>(rules: &[R]) -> String {
    let mut text = String::new();
    for rule in rules {
        let Common { name, enabled, matching, conditions } = rule.common();
        let left_out = |why: &str| format!("# left out: {name}, {why}\n");
        match rule.sign() {
            _ if !enabled => text.push_str(&left_out("not enabled")),
            None => text.push_str(&left_out("there is no sign for its action")),
            Some(sign) if matching == Matching::Any && conditions.len() > 1 => {
                for condition in conditions {
                    text.push_str(&write(&sign, name, std::slice::from_ref(condition), R::LANGUAGE));
                }
            }
            Some(sign) => text.push_str(&write(&sign, name, conditions, R::LANGUAGE)),
        }
    }
    text
}

impl Classic for DownloadRule {
    fn from_classic(rule: ClassicRule) -> DownloadRule {
        let ClassicRule { sign, name, conditions } = rule;
        let (action, addresses) = match sign {
            Sign::Take => (DownloadAction::Download, Vec::new()),
            Sign::Refuse => (DownloadAction::DeleteAndWarn, Vec::new()),
            Sign::Delete => (DownloadAction::SilentlyDelete, Vec::new()),
            Sign::Ignore => (DownloadAction::Ignore, Vec::new()),
            Sign::Redirect(addresses) => (DownloadAction::Redirect, addresses),
            Sign::Copy(addresses) => (DownloadAction::Copy, addresses),
        };
        DownloadRule { name, action, addresses, conditions, ..DownloadRule::default() }
    }

    fn sign(&self) -> Option<Sign> {
        match self.action {
            DownloadAction::Download => Some(Sign::Take),
            DownloadAction::DeleteAndWarn => Some(Sign::Refuse),
            DownloadAction::SilentlyDelete => Some(Sign::Delete),
            DownloadAction::Ignore => Some(Sign::Ignore),
            DownloadAction::Redirect => Some(Sign::Redirect(self.addresses.clone())),
            DownloadAction::Copy => Some(Sign::Copy(self.addresses.clone())),
            _ => None,
        }
    }
}

impl Classic for SmtpRule {
    fn from_classic(rule: ClassicRule) -> SmtpRule {
        let ClassicRule { sign, name, conditions } = rule;
        let (action, addresses) = match sign {
            Sign::Take => (SmtpAction::Accept, Vec::new()),
            Sign::Refuse | Sign::Delete => (SmtpAction::Reject, Vec::new()),
            Sign::Ignore => (SmtpAction::Ignore, Vec::new()),
            Sign::Redirect(addresses) => (SmtpAction::Redirect, addresses),
            Sign::Copy(addresses) => (SmtpAction::Copy, addresses),
        };
        SmtpRule { name, action, addresses, conditions, ..SmtpRule::default() }
    }

    fn sign(&self) -> Option<Sign> {
        Some(match self.action {
            SmtpAction::Accept => Sign::Take,
            SmtpAction::Reject => Sign::Refuse,
            SmtpAction::Ignore => Sign::Ignore,
            SmtpAction::Redirect => Sign::Redirect(self.addresses.clone()),
            SmtpAction::Copy => Sign::Copy(self.addresses.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_and_go() {
        let text = "3*No offers\nSubject: *offer*\n2>boss<Old\nRcptTo: old@*\n1~Night\nTimeNow: 22:00-6:00\n1<Rest\n";
        let rules: Vec<SmtpRule> = from_classic(text).unwrap();
        let actions: Vec<_> = rules.iter().map(|rule| rule.action).collect();
        assert_eq!(actions, [SmtpAction::Reject, SmtpAction::Redirect, SmtpAction::Ignore, SmtpAction::Accept]);
        assert_eq!(to_classic(&rules), text);

        let text = "*Large\nMessageSize: 5000\n@Spam\n~Later\n<Rest\n>a,b<To both\n>+a<Copy\n";
        let rules: Vec<DownloadRule> = from_classic(text).unwrap();
        assert_eq!(rules[0].action, DownloadAction::DeleteAndWarn);
        assert_eq!(rules[4].addresses, ["a", "b"]);
        assert_eq!(to_classic(&rules), text);
    }

    #[test]
    fn what_the_form_cannot_say() {
        let rule = |name: &str, action| DownloadRule { name: name.into(), action, ..DownloadRule::default() };
        let mut any = rule("Any", DownloadAction::Ignore);
        any.matching = Matching::Any;
        any.conditions = vec!["Subject: a".into(), "Subject: b".into()];
        let off = DownloadRule { enabled: false, ..rule("Off", DownloadAction::Ignore) };
        let text = to_classic(&[any, off, rule("Ask", DownloadAction::Query)]);
        assert_eq!(
            text,
            "~Any\nSubject: a\n~Any\nSubject: b\n# left out: Off, not enabled\n# left out: Ask, there is no sign for its action\n"
        );
        assert_eq!(from_classic::<DownloadRule>(&text).unwrap().len(), 2);
    }
}
