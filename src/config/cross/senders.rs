//! Mail Senders: hosts, return paths, the rules for domains, the times of retries.

use super::{Checks, is_domain};
use crate::config::{RelayEncryption, Sender, SendingMethod};
use crate::mail::Address;
use crate::rules::{DomainFilter, Mistake, Overrides};

impl Checks<'_> {
    pub(super) fn sender(&mut self, path: &str, sender: &Sender, enabled: bool) {
        match sender.method {
            SendingMethod::Relay if enabled && sender.hosts.is_empty() => {
                self.wrong(format!("{path}.hosts"), "is empty; name at least one relay host");
            }
            SendingMethod::Direct if sender.encryption == RelayEncryption::Ssl => {
                let message = "\"ssl\" is not possible with direct sending: no mail server of a domain offers it";
                self.wrong(format!("{path}.encryption"), message);
            }
            SendingMethod::Relay | SendingMethod::Direct => {}
        }
        for (position, host) in sender.hosts.iter().enumerate() {
            self.host(&format!("{path}.hosts[{position}].host"), &host.host);
        }
        if !sender.helo_name.is_empty() && !is_domain(&sender.helo_name) {
            self.wrong(format!("{path}.helo_name"), format!("\"{}\" is no host name", sender.helo_name));
        }
        if let Some(login) = &sender.login {
            self.login(&format!("{path}.login"), login);
        }
        self.return_paths(path, sender);
        self.name_servers(&format!("{path}.dns_servers"), &sender.dns_servers);
        if let Err(mistakes) = Overrides::parse(sender.dns_overrides.iter().map(String::as_str)) {
            self.mistakes(&format!("{path}.dns_overrides"), mistakes);
        }
        if let Err(mistakes) = DomainFilter::parse(sender.domain_filter.iter().map(String::as_str)) {
            self.mistakes(&format!("{path}.domain_filter"), mistakes);
        }
        self.retry(path, sender);
    }

    fn return_paths(&mut self, path: &str, sender: &Sender) {
        let is_path = |text: &str| Address::parse(text).is_ok_and(|address| !address.domain().is_empty());
        let fixed = sender.return_address.as_str();
        if !fixed.is_empty() && !is_path(fixed) {
            self.wrong(format!("{path}.return_address"), format!("\"{fixed}\" is no address"));
        }
        for (position, row) in sender.return_addresses.iter().enumerate() {
            let path = format!("{path}.return_addresses[{position}]");
            if row.from.is_empty() {
                self.wrong(format!("{path}.from"), "is empty; * stands for everybody");
            }
            if !is_path(&row.to) {
                self.wrong(format!("{path}.to"), format!("\"{}\" is no address", row.to));
            }
        }
    }

    /// Of a list of lines: each where its line is.
    fn mistakes(&mut self, path: &str, mistakes: Vec<Mistake>) {
        for mistake in mistakes {
            let place = format!("{path}[{}]", mistake.line.saturating_sub(1));
            self.wrong(place, format!("column {}: {}", mistake.column, mistake.text));
        }
    }

    fn retry(&mut self, path: &str, sender: &Sender) {
        let mut age = 0;
        for (position, step) in sender.retry.iter().enumerate() {
            let path = format!("{path}.retry[{position}].until");
            let is_last = position + 1 == sender.retry.len();
            match step.until {
                0 if is_last => {}
                0 => self.wrong(path, "only the last step may go on until the mail is given up (0)"),
                _ if is_last => self.wrong(path, "the last step must go on until the mail is given up (0)"),
                until if until <= age => self.wrong(path, format!("{until} is not above the {age} of the step before")),
                until => age = until,
            }
        }
        if sender.retry.is_empty() {
            self.wrong(format!("{path}.retry"), "is empty; one step at least is needed");
        }
    }
}
