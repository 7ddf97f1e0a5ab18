//! Realtime blacklists: asked once a session, at its first recipient, about clients that have not logged in.

use super::super::is_in;
use super::Connection;
use crate::config::RblAction;
use crate::mail::Address;
use crate::policy::{Event, blacklists};

impl Connection {
    pub(super) fn is_to_be_looked_up(&self) -> bool {
        !self.service.rbl_servers.is_empty()
            && !self.looked_up
            && !self.trusted
            && self.session.login().is_none()
            && !is_in(self.service.not_looked_up(), self.peer)
    }

    /// In the realtime blacklists; once a session.
    pub(super) async fn look_up(&mut self) {
        let (resolver, service) = (self.context.resolver.clone(), self.service.clone());
        let listed = blacklists::listed(&resolver, service.zones(), self.peer).await;
        if let Some(list) = &listed {
            self.note(Event::Blacklisted, list);
            log::info!("smtp: {}: listed by {list}", self.peer);
        }
        self.listed = listed.map(String::into_boxed_str);
        self.looked_up = true;
    }

    /// The list that keeps this recipient from getting the client's mail.
    pub(super) fn refused_by(&self, recipient: &Address) -> Option<&str> {
        let list = self.listed.as_deref().filter(|_| self.session.login().is_none())?;
        let complaints = ["postmaster", "abuse"].iter().any(|name| name.eq_ignore_ascii_case(recipient.local()));
        (self.service.rbl_action == RblAction::Reject && !complaints).then_some(list)
    }
}
