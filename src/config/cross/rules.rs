//! Download rules and SMTP rules: conditions, addresses, names.

use std::collections::HashMap;

use super::Checks;
use super::collectors::target_problem;
use crate::config::directory::lower;
use crate::config::rules::{Rule, SmtpAction};

impl Checks<'_> {
    pub(super) fn rules(&mut self) {
        let config = self.config;
        self.conditions("download_rules", config.download_rules.rules());
        for (position, rule) in config.download_rules.rules().iter().enumerate() {
            let path = format!("download_rules[{position}].addresses");
            self.rule_addresses(&path, &rule.addresses, rule.action.has_addresses());
        }
        for (service, settings) in config.smtp.iter().enumerate() {
            let list = format!("smtp[{service}].rules");
            self.conditions(&list, settings.rules.rules());
            for (position, rule) in settings.rules.rules().iter().enumerate() {
                let path = format!("{list}[{position}]");
                self.rule_addresses(&format!("{path}.addresses"), &rule.addresses, rule.action.has_addresses());
                if rule.refusal().is_none() {
                    self.wrong(format!("{path}.reply"), "is no line of up to 400 ASCII characters");
                } else if rule.action != SmtpAction::Reject && !rule.reply.is_empty() {
                    self.wrong(format!("{path}.reply"), "is for the action reject only");
                }
            }
        }
    }

    fn conditions<R: Rule>(&mut self, list: &str, rules: &[R]) {
        let mut names = HashMap::new();
        for (position, rule) in rules.iter().enumerate() {
            let path = format!("{list}[{position}]");
            let name = rule.common().name;
            self.unique(&path, name, names.insert(lower(name), path.clone()));
            for mistake in rule.read().err().into_iter().flatten() {
                let path = format!("{path}.conditions[{}]", mistake.line - 1);
                self.wrong(path, format!("column {}: {}", mistake.column, mistake.text));
            }
        }
    }

    fn rule_addresses(&mut self, path: &str, addresses: &[String], needed: bool) {
        match (needed, addresses) {
            (true, []) => self.wrong(path, "is empty; the action needs a user or an address at least"),
            (false, [_, ..]) => self.wrong(path, "is for actions that copy or redirect only"),
            _ => {}
        }
        for (position, target) in addresses.iter().enumerate() {
            if let Some(problem) = target_problem(self.config, target) {
                self.wrong(format!("{path}[{position}]"), problem);
            }
        }
    }
}
