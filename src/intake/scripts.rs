//! `user_redirect.lua` and `delivery.lua`: where the copy of a mail for a user goes (spec lua-hooks §10, §11).
//!
//! Asked once for each user the mail leads to, before the commit; what they add is not asked about again, so that nothing
//! runs in a circle. Where all that a script wants is nobody, the user has the mail.

use std::sync::Arc;

use super::{Draft, MailParams};
use crate::config::Config;
use crate::hooks::scripts::delivery::{DeliverGlobals, DeliverMessage, MessageGlobals, PreDeliver, PreDeliverGlobals};
use crate::hooks::scripts::user_redirect::{RedirectGlobals, SizeRedirect};
use crate::hooks::{Hooks, Script};
use crate::mail::{Address, Header};
use crate::route::{self, Destination};

/// Addresses that one script may add.
const MOST: usize = 50;
/// Letters in X-VPOP3-RCPTTYPE.
const ASSISTANT: char = 'A';
const FORWARDED: char = 'F';

pub(super) fn wanted(hooks: &Hooks) -> bool {
    hooks.has(Script::UserRedirect) || hooks.has(Script::Delivery)
}

/// The destinations as the scripts of their users have them.
pub(super) async fn apply(
    draft: &Draft,
    config: &Arc<Config>,
    params: &MailParams,
    destinations: Vec<Destination>,
) -> Vec<Destination> {
    let hooks = draft.intake.hooks.clone();
    let mut kept = Vec::with_capacity(destinations.len());
    let mut asked: Vec<(u32, bool)> = Vec::new();
    let mut added = Vec::new();
    for destination in destinations {
        let Destination::Mailbox { user, original, .. } = &destination else {
            kept.push(destination);
            continue;
        };
        let stays = match asked.iter().find(|(known, _)| known == user) {
            Some((_, stays)) => *stays,
            None => {
                let places = redirect(&hooks, config, *user, original, draft.size()).await;
                let stays = places.as_ref().is_none_or(|(_, stays)| *stays);
                added.extend(places.into_iter().flat_map(|(places, _)| places));
                if stays {
                    added.extend(deliver(&hooks, draft, config, params, *user).await);
                }
                asked.push((*user, stays));
                stays
            }
        };
        if stays {
            kept.push(destination);
        }
    }
    kept.extend(added);
    kept
}

/// Where else the mail goes, and whether the user has it too. `None`: nothing changes.
async fn redirect(
    hooks: &Hooks,
    config: &Arc<Config>,
    user: u32,
    original: &Address,
    size: u64,
) -> Option<(Vec<Destination>, bool)> {
    let name = config.user(user)?.name.clone();
    let by_size = |bigger| SizeRedirect {
        target: Some(String::new()),
        threshold: Some(0.0),
        copy: Some(false),
        bigger: Some(bigger),
    };
    let before = RedirectGlobals {
        assistants: Some(String::new()),
        redirect_to_assistant: Some(false),
        forwards: Some(String::new()),
        use_forwards: Some(false),
        send_to_normal_recipient: Some(true),
        should_forward: Some(true),
        big_redirect: Some(by_size(true)),
        small_redirect: Some(by_size(false)),
    };
    let after = hooks.run(Script::UserRedirect, Some(&name), before).await?;
    if after.should_forward == Some(false) {
        return None;
    }
    let mut stays = after.send_to_normal_recipient.unwrap_or(true);
    let mut places = Vec::new();
    if after.use_forwards.unwrap_or_default() {
        places.extend(leading(config, &after.forwards.unwrap_or_default(), FORWARDED));
    }
    let assistants = leading(config, &after.assistants.unwrap_or_default(), ASSISTANT);
    if !assistants.is_empty() && after.redirect_to_assistant.unwrap_or_default() {
        stays = false;
    }
    places.extend(assistants);
    for redirect in [after.big_redirect, after.small_redirect].into_iter().flatten() {
        let targets = leading(config, &redirect.target.unwrap_or_default(), FORWARDED);
        let (kb, threshold) = (size as f64 / 1024.0, redirect.threshold.unwrap_or_default());
        let fires = if redirect.bigger.unwrap_or_default() { kb > threshold } else { kb < threshold };
        if targets.is_empty() || !fires {
            continue;
        }
        if !redirect.copy.unwrap_or_default() {
            (places, stays) = (Vec::new(), false);
        }
        places.extend(targets);
    }
    // One that is led back to the user is the user's.
    let own = |place: &Destination| matches!(place, Destination::Mailbox { user: found, .. } if *found == user);
    stays |= places.iter().any(own) || places.is_empty();
    places.retain(|place| !own(place));
    for place in &mut places {
        if let Destination::Mailbox { original: found, .. } = place {
            found.clone_from(original);
        }
    }
    places.truncate(MOST);
    Some((places, stays))
}

/// Where else the mail goes.
async fn deliver(
    hooks: &Hooks,
    draft: &Draft,
    config: &Arc<Config>,
    params: &MailParams,
    user: u32,
) -> Vec<Destination> {
    let Some(name) = config.user(user).map(|user| user.name.clone()).filter(|_| hooks.has(Script::Delivery)) else {
        return Vec::new();
    };
    let header = Header::of(draft.header());
    let fields = header.fields().take(500);
    let fields = fields.map(|field| vec![field.name.to_string(), field.unfolded()]);
    let about = MessageGlobals {
        user: Some(name.clone()),
        subject: Some(header.first("Subject").map(|field| field.decoded()).unwrap_or_default()),
        originator: Some(params.return_path.as_ref().map(Address::to_string).unwrap_or_default()),
        filename: Some(String::new()),
        message_size: Some(i64::try_from(draft.size()).unwrap_or(i64::MAX)),
        spam_score: Some(0.0),
        headers: Some(fields.collect()),
    };
    let Some(mut script) = hooks.open(Script::Delivery, Some(&name), about).await else { return Vec::new() };
    script.set(PreDeliverGlobals {
        forwards: Some(Vec::new()),
        header_mods: Some(Vec::new()),
        forwarding_sender_address: Some(String::new()),
        forwarding_sender_text: Some(String::new()),
        quarantine: Some(false),
    });
    script.set(DeliverGlobals {
        held: Some(false),
        seen: Some(false),
        flagged: Some(false),
        keywords: Some(Vec::new()),
        folders: Some(vec!["Inbox".into()]),
    });
    let (_, after) = script.call_reading::<_, PreDeliverGlobals>(PreDeliver {}).await;
    script.call(DeliverMessage {}).await;
    let forwards = after.and_then(|after| after.forwards).unwrap_or_default();
    let mut places: Vec<Destination> = forwards.iter().flat_map(|text| leading(config, text, FORWARDED)).collect();
    places.truncate(MOST);
    places
}

/// Where addresses lead that stand in a text with commas or semicolons between them. Those that are nobody are left out.
fn leading(config: &Config, text: &str, letter: char) -> Vec<Destination> {
    let names = text.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()).take(MOST);
    let mut places = Vec::new();
    for name in names {
        match route::target(config, name) {
            Some(found) => places.extend(found),
            None => log::warn!("scripts: {name} is nobody and no address"),
        }
    }
    for place in &mut places {
        if let Destination::Mailbox { reason, .. } = place {
            *reason = letter;
        }
    }
    places
}
