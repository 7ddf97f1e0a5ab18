//! An ordered list of rules, of which the first that matches decides.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Matching;
use crate::config::Derived;
use crate::rules::Mistake;
use crate::rules::conditions::{Conditions, Facts, Language, Stage};

/// A row of such a list.
pub trait Rule: Clone {
    const LANGUAGE: Language;

    fn common(&self) -> Common<'_>;

    /// The conditions, read. A mistake's line is the number of the condition.
    fn read(&self) -> Result<Conditions, Vec<Mistake>> {
        let Common { matching, conditions, .. } = self.common();
        Conditions::parse(conditions, matching == Matching::Any, Self::LANGUAGE)
    }
}

/// What rules of all languages have.
pub struct Common<'a> {
    pub name: &'a str,
    pub enabled: bool,
    pub matching: Matching,
    pub conditions: &'a [String],
}

/// On the outside it is the list of its rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<R>", into = "Vec<R>")]
#[serde(bound(serialize = "R: Rule + Serialize", deserialize = "R: Deserialize<'de>"))]
pub struct RuleList<R> {
    rules: Vec<R>,
    read: Derived<Vec<Read>>,
}

/// An enabled rule.
struct Read {
    position: usize,
    conditions: Conditions,
    stage: Stage,
}

impl<R: Rule> RuleList<R> {
    pub fn rules(&self) -> &[R] {
        &self.rules
    }

    /// Enabled rules. One that cannot be read is left out; validation keeps it out of the settings.
    fn read(&self) -> &[Read] {
        self.read.get_or_make(|| {
            let mut latest = Stage::Sender;
            let enabled = self.rules.iter().enumerate().filter(|(_, rule)| rule.common().enabled);
            let read = enabled.filter_map(|(position, rule)| {
                let conditions = rule.read().ok()?;
                // A rule without conditions means "otherwise": it waits for those above it.
                let stage = conditions.stage().unwrap_or(latest);
                latest = latest.max(stage);
                Some(Read { position, conditions, stage })
            });
            read.collect()
        })
    }

    /// No rule is enabled.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() || self.read().is_empty()
    }

    /// Whether a rule asks for the header of the message.
    pub fn need_header(&self) -> bool {
        self.read().iter().any(|rule| rule.conditions.need_header())
    }

    /// Whether a rule is to be asked at this stage.
    pub fn has(&self, stage: Stage) -> bool {
        self.read().iter().any(|rule| rule.stage == stage)
    }

    /// The first rule that matches, where all facts are known at once.
    pub fn first(&self, facts: &Facts<'_>) -> Option<&R> {
        self.found(self.read().iter().find(|rule| rule.conditions.hold(facts)))
    }

    /// The first rule of those to be asked at this stage that matches.
    pub fn first_at(&self, stage: Stage, facts: &Facts<'_>) -> Option<&R> {
        self.found(self.read().iter().find(|rule| rule.stage == stage && rule.conditions.hold(facts)))
    }

    /// The rules to be asked at this stage, with their conditions.
    pub fn at(&self, stage: Stage) -> impl Iterator<Item = (&R, &Conditions)> {
        let read = self.read().iter().filter(move |rule| rule.stage == stage);
        read.filter_map(|read| Some((self.rules.get(read.position)?, &read.conditions)))
    }

    fn found(&self, read: Option<&Read>) -> Option<&R> {
        self.rules.get(read?.position)
    }
}

impl<R> Default for RuleList<R> {
    fn default() -> RuleList<R> {
        Vec::new().into()
    }
}

impl<R> From<Vec<R>> for RuleList<R> {
    fn from(rules: Vec<R>) -> RuleList<R> {
        RuleList { rules, read: Derived::default() }
    }
}

impl<R> From<RuleList<R>> for Vec<R> {
    fn from(list: RuleList<R>) -> Vec<R> {
        list.rules
    }
}

impl<R: JsonSchema> JsonSchema for RuleList<R> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List of {}", R::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<R>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DownloadRule, SmtpRule};
    use super::*;

    fn smtp(rules: &[(&str, &[&str])]) -> RuleList<SmtpRule> {
        let rule = |(name, conditions): &(&str, &[&str])| SmtpRule {
            name: name.to_string(),
            conditions: conditions.iter().map(|line| line.to_string()).collect(),
            ..SmtpRule::default()
        };
        rules.iter().map(rule).collect::<Vec<_>>().into()
    }

    #[test]
    fn behaviour_07_first_match_only_and_no_conditions_match_everything() {
        let rule = |name: &str, conditions: &[&str], enabled| DownloadRule {
            name: name.into(),
            enabled,
            conditions: conditions.iter().map(|line| line.to_string()).collect(),
            ..DownloadRule::default()
        };
        let rules = vec![
            rule("off", &[], false),
            rule("large", &["MessageSize: 1000"], true),
            rule("very large", &["MessageSize: 5000"], true),
            rule("rest", &[], true),
            rule("never", &["MessageSize: 0"], true),
        ];
        let rules: RuleList<DownloadRule> = rules.into();
        for (size, expected) in [(6000, "large"), (1000, "large"), (10, "rest")] {
            let found = rules.first(&Facts { size: Some(size), ..Facts::default() });
            assert_eq!(found.map(|rule| rule.name.as_str()), Some(expected), "{size}");
        }
        assert!(!rules.is_idle());
        assert!(RuleList::from(vec![rule("off", &[], false)]).is_idle());
        assert!(!rules.need_header());
    }

    #[test]
    fn a_rule_is_asked_at_the_first_stage_where_all_is_known() {
        let rules = smtp(&[
            ("sender", &["MailFrom: *@spam.example"]),
            ("recipient", &["MailFrom: *@shop.example", "RcptTo: bob@*"]),
            ("header", &["Subject: *x*"]),
            ("rest", &[]),
        ]);
        let found = |stage, facts: &Facts<'_>| rules.first_at(stage, facts).map(|rule| rule.name.clone());
        let facts = Facts { mail_from: Some("a@spam.example"), ..Facts::default() };
        assert_eq!(found(Stage::Sender, &facts).as_deref(), Some("sender"));
        let facts = Facts { mail_from: Some("a@shop.example"), recipients: Some(&["bob@a.example"]), ..facts };
        assert_eq!(found(Stage::Sender, &facts), None);
        assert_eq!(found(Stage::Recipient, &facts).as_deref(), Some("recipient"));
        assert_eq!(found(Stage::Message, &facts).as_deref(), Some("rest"), "it waits for those above");
        assert!(rules.need_header());
        assert!(!smtp(&[("rest", &[])]).has(Stage::Message));
        assert!(smtp(&[("rest", &[])]).has(Stage::Sender));
    }
}
