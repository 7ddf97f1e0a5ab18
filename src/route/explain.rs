//! Where a recipient leads, in words, for whoever wonders about the settings.

use serde::Serialize;

use super::search::{Search, Step};
use super::{Destination, Origin, is_ours};
use crate::config::Config;
use crate::mail::{Address, Recipient};

/// An answer: `sales@office.example`: "A mapping", "leads to the users anna and bob".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The address with its domain.
    pub address: String,
    /// Why: "There is a mapping for this address."
    pub why: String,
    /// Each place a copy goes to: "user anna", "out to bob@elsewhere.example", "LAN server mail.branch.example:25 for
    /// bob@branch.example", "nobody: it is thrown away". Empty where the mail is not taken.
    pub to: Vec<String>,
}

/// As [`super::resolve`] decides it. For collected mail the address counts as an accepted one.
pub fn explain(config: &Config, origin: Origin, address: &Address) -> Explanation {
    let recipient = Recipient::new(address.clone().or_domain(&config.general.default_domain));
    let local = is_ours(config, &recipient.address);
    let ours = local || origin == Origin::Collected;
    let implied = origin == Origin::Collected || !config.general.disable_default_mappings;
    let mut search = Search::new(config, origin, &recipient, implied);
    let step = search.run(ours);
    let mut why = match step {
        Some(Step::Mapping) => "There is a mapping or an alias for this address.".to_string(),
        Some(Step::Pattern) => "A mapping with * or ? means this address.".to_string(),
        Some(Step::User) => "It is the name of a user, at a domain of ours.".to_string(),
        Some(Step::Rule(rule)) => format!("The LAN forwarding rule \"{}\" has this address.", rule.name),
        Some(Step::LastMapping) => "Nobody else has it, and there is a mapping for ~@ its domain.".to_string(),
        Some(Step::LastRule(rule)) => {
            format!("Nobody else has it, and the LAN forwarding rule \"{}\" has ~@ its domain.", rule.name)
        }
        Some(Step::Always) => {
            "Nobody has it, but mail for this name always goes to the main administrator.".to_string()
        }
        None if ours => "The domain is ours, but nobody has this address.".to_string(),
        None => "The domain is not ours.".to_string(),
    };
    let mut to: Vec<String> = search.found.iter().map(|destination| place(config, destination)).collect();
    if to.is_empty() && search.remote {
        why.push_str(" It is *REMOTE, and the mail comes from outside.");
        to.push(place(config, &Destination::Nowhere(recipient.address.clone())));
    } else if to.is_empty() {
        let (more, out) = refused(config, origin, ours, step.is_some());
        why.push(' ');
        why.push_str(more);
        if out {
            to.push(format!("out to {}", recipient.address));
        }
    }
    Explanation { address: recipient.address.to_string(), why, to }
}

fn place(config: &Config, destination: &Destination) -> String {
    match destination {
        Destination::Mailbox { user, .. } => format!("user {}", config.user(*user).map_or("?", |user| &user.name)),
        Destination::Outgoing(Recipient { address, lan: Some(server), .. }) => format!("{server} for {address}"),
        Destination::Outgoing(recipient) => format!("out to {}", recipient.address),
        Destination::Answer { .. } => "the question it answers".into(),
        Destination::Nowhere(_) => "nobody: it is thrown away".into(),
    }
}

/// What happens where nobody gets it, and whether it goes out.
fn refused(config: &Config, origin: Origin, ours: bool, claimed: bool) -> (&'static str, bool) {
    match origin {
        Origin::Collected if claimed => ("Those it leads to get no mail: a routing error.", false),
        Origin::Collected => ("That is a routing error, unless another address of the mail leads to somebody.", false),
        Origin::Office if !ours && !claimed => ("Mail of the office for it goes out.", true),
        Origin::Office if !claimed && config.general.unknown_local_is_outgoing => {
            ("Mail of the office for unknown local recipients goes out.", true)
        }
        Origin::Outside if !ours && !claimed => {
            ("Mail from outside for it is refused: relaying is not allowed.", false)
        }
        _ if claimed => ("Those it leads to get no mail: it is refused.", false),
        _ => ("It is refused.", false),
    }
}
