//! SMTP rules: asked at `MAIL`, at each `RCPT` and when the message is there (spec connectors-and-smtp §8.5).
//!
//! The first rule that matches decides: one about the sender for the mail, one about a recipient for that recipient, one
//! about the message for the recipients no rule has decided on yet, and if it asks for recipients too, for those of them
//! that match. Only a refusal after the message cannot be said for one recipient: it is for all, so that the sender learns
//! of each. Where no rule is enabled there is no [`Ruling`], and nothing is asked. What a rule does is in `smtprules.log`;
//! a refusal is also an event of the intrusion detection.

use std::net::IpAddr;

use jiff::tz::TimeZone;

use super::Service;
use crate::config::{SmtpAction, SmtpRule};
use crate::live::LogFiles;
use crate::mail::{Address, Header};
use crate::net::local_now;
use crate::proto::smtp::server::Reply;
use crate::route::{self, Destination};
use crate::rules::Facts;
use crate::rules::conditions::Stage;

/// What rules have said of the mail that is announced.
pub(super) struct Ruling {
    mail_from: String,
    client: IpAddr,
    login: String,
    zone: TimeZone,
    /// How many recipients have been taken.
    taken: u64,
    /// Those no rule about recipients has decided on.
    open: Vec<Open>,
    /// By a rule about the sender, for the whole mail.
    of_mail: Option<Fate>,
    /// Where the recipients lead that a rule has decided on.
    settled: Vec<Destination>,
    /// For the journal: rules that changed where the mail goes.
    pub fired: Vec<String>,
}

struct Open {
    /// As written.
    address: String,
    destinations: Vec<Destination>,
}

/// What a rule makes of the mail, or of a recipient.
pub(super) enum Fate {
    Accepted,
    Refused(Reply),
    Ignored,
    Redirected(Vec<Destination>),
    Copied(Vec<Destination>),
}

impl Fate {
    fn of(service: &Service, rule: &SmtpRule) -> Fate {
        let places = || {
            let targets = rule.addresses.iter().filter_map(|text| route::target(&service.config, text));
            targets.flatten().collect::<Vec<_>>()
        };
        match rule.action {
            SmtpAction::Accept => Fate::Accepted,
            SmtpAction::Reject => {
                let (code, text) = rule.refusal().unwrap_or((550, "Message refused by a rule"));
                Fate::Refused(Reply::by_rule(code, text))
            }
            SmtpAction::Ignore => Fate::Ignored,
            SmtpAction::Redirect => Fate::Redirected(places()),
            SmtpAction::Copy => Fate::Copied(places()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Refused(_) => "refused",
            Fate::Ignored => "ignored",
            Fate::Redirected(_) => "redirected",
            Fate::Copied(_) => "copied",
        }
    }

    /// Where the mail goes that was to go to `destinations`.
    fn applied(self, destinations: Vec<Destination>) -> Vec<Destination> {
        match self {
            Fate::Accepted | Fate::Refused(_) => destinations,
            Fate::Ignored => Vec::new(),
            Fate::Redirected(places) => places,
            Fate::Copied(places) => destinations.into_iter().chain(places).collect(),
        }
    }
}

impl Ruling {
    /// `None`, where no rule is enabled.
    pub fn begin(
        service: &Service,
        client: IpAddr,
        login: Option<&str>,
        return_path: Option<&Address>,
    ) -> Option<Box<Ruling>> {
        if service.rules.is_idle() {
            return None;
        }
        Some(Box::new(Ruling {
            mail_from: return_path.map(Address::to_string).unwrap_or_default(),
            client,
            login: login.unwrap_or_default().to_string(),
            zone: service.config.time_zone(),
            taken: 0,
            open: Vec::new(),
            of_mail: None,
            settled: Vec::new(),
            fired: Vec::new(),
        }))
    }

    /// `Some`: the mail is refused.
    pub fn on_sender(&mut self, service: &Service, logs: &LogFiles) -> Option<Reply> {
        let fate = self.ask(service, Stage::Sender, self.facts(), &self.mail_from, logs)?;
        match fate {
            (Fate::Refused(reply), _) => Some(reply),
            (fate, line) => {
                self.fired.extend(line);
                self.of_mail = Some(fate);
                None
            }
        }
    }

    /// Takes a recipient that leads to `destinations`. `Err`: it is refused.
    pub fn on_recipient(
        &mut self,
        service: &Service,
        recipient: &Address,
        destinations: Vec<Destination>,
        logs: &LogFiles,
    ) -> Result<(), Reply> {
        let found = match self.of_mail {
            Some(_) => None,
            None => {
                let users = users_of(service, &destinations);
                let recipients = [recipient.as_str()];
                let facts = Facts { recipients: Some(&recipients), users: Some(&users), ..self.facts() };
                self.ask(service, Stage::Recipient, facts, recipient.as_str(), logs)
            }
        };
        match found {
            None => self.open.push(Open { address: recipient.to_string(), destinations }),
            Some((Fate::Refused(reply), _)) => return Err(reply),
            Some((fate, line)) => {
                self.fired.extend(line);
                self.settled.extend(fate.applied(destinations));
            }
        }
        self.taken += 1;
        Ok(())
    }

    /// Whether a recipient has been taken.
    pub fn has_recipients(&self) -> bool {
        self.taken > 0
    }

    /// Where the mail goes. `Err`: it is refused.
    pub fn on_message(
        mut self,
        service: &Service,
        header: &[u8],
        size: u64,
        logs: &LogFiles,
    ) -> Result<(Vec<Destination>, Vec<String>), Reply> {
        let mut open = std::mem::take(&mut self.open);
        if let Some(fate) = self.of_mail.take() {
            self.settled.extend(fate.applied(places(open)));
            return Ok((self.settled, self.fired));
        }
        for (rule, conditions) in service.rules.at(Stage::Message) {
            let of_message = Facts {
                recipient_count: Some(self.taken),
                size: Some(size),
                header: Some(Header::of(header)),
                ..self.facts()
            };
            let (found, rest) = if conditions.ask_recipients() {
                open.into_iter().partition(|open| {
                    let (recipients, users) = ([open.address.as_str()], users_of(service, &open.destinations));
                    conditions.hold(&Facts { recipients: Some(&recipients), users: Some(&users), ..of_message })
                })
            } else if conditions.hold(&of_message) {
                (open, Vec::new())
            } else {
                (Vec::new(), open)
            };
            open = rest;
            if !found.is_empty() {
                let about: Vec<&str> = found.iter().map(|open| open.address.as_str()).collect();
                let (fate, line) = self.fired(service, rule, &about.join(", "), logs);
                if let Fate::Refused(reply) = fate {
                    return Err(reply);
                }
                self.fired.extend(line);
                self.settled.extend(fate.applied(places(found)));
            }
        }
        self.settled.extend(places(open));
        Ok((self.settled, self.fired))
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: local_now(&self.zone),
            mail_from: Some(&self.mail_from),
            auth_user: Some(&self.login),
            client: Some(self.client),
            ..Facts::default()
        }
    }

    /// The first rule of this stage that matches: what it does, and a line for the journal if it changes something.
    fn ask(
        &self,
        service: &Service,
        stage: Stage,
        facts: Facts<'_>,
        about: &str,
        logs: &LogFiles,
    ) -> Option<(Fate, Option<String>)> {
        let rule = service.rules.first_at(stage, &facts)?;
        Some(self.fired(service, rule, about, logs))
    }

    /// As [`Ruling::ask`] has it, of a rule that has matched.
    fn fired(&self, service: &Service, rule: &SmtpRule, about: &str, logs: &LogFiles) -> (Fate, Option<String>) {
        let fate = Fate::of(service, rule);
        let (name, action) = (&rule.name, fate.name());
        let line = format!("{}: from <{}>, {about}: {action} by rule \"{name}\"", self.client, self.mail_from);
        logs.write("smtprules.log", &line);
        let line = (!matches!(fate, Fate::Accepted)).then(|| format!("{action} by rule {name}"));
        (fate, line)
    }
}

fn places(open: Vec<Open>) -> Vec<Destination> {
    open.into_iter().flat_map(|open| open.destinations).collect()
}

fn users_of<'a>(service: &'a Service, places: &[Destination]) -> Vec<&'a str> {
    places.iter().filter_map(|place| user_of(service, place)).collect()
}

fn user_of<'a>(service: &'a Service, place: &Destination) -> Option<&'a str> {
    match place {
        Destination::Mailbox { user, .. } => service.config.user(*user).map(|user| user.name.as_str()),
        _ => None,
    }
}
