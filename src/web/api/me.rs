//! `me`: a person's own page.

use serde_json::{Value, json};

use crate::config::{Config, ServiceEncryption, User};

use super::operation::{Gives, May, Operation, PLAIN};
use super::{Answer, Api, ApiError, Caller};

pub const OPERATIONS: &[Operation] = &[Operation {
    path: "me",
    may: May::User,
    summary: "One's own addresses, and what to type into a mail program",
    gives: Gives::Object("name:string addresses:array host:string services:array"),
    run: |api, call| Box::pin(async move { api.me(call.caller) }),
    ..PLAIN
}];

impl Api {
    fn me(&self, caller: &Caller) -> Answer {
        let Caller::User(visitor) = caller else { return Err(ApiError::Forbidden) };
        let config = self.config.current();
        let user = config.user(visitor.user).ok_or_else(|| ApiError::Unknown(format!("user {}", visitor.name)))?;
        let host = &config.general.host_name;
        Ok(
            json!({ "name": user.name, "addresses": addresses(&config, user), "host": host, "services": services(&config) }),
        )
    }
}

/// In full; at the default domain where none is named.
fn addresses(config: &Config, user: &User) -> Vec<String> {
    let full = |name: &String| match name.contains('@') {
        true => name.clone(),
        false => format!("{name}@{}", config.general.default_domain),
    };
    std::iter::once(&user.name).chain(&user.aliases).map(full).collect()
}

/// The services a mail program should use, the safest first; one of each kind.
pub fn services(config: &Config) -> Vec<Value> {
    let rank = |encryption: ServiceEncryption| match encryption {
        ServiceEncryption::Implicit => 0,
        ServiceEncryption::Required => 1,
        ServiceEncryption::Optional => 2,
        ServiceEncryption::None => 3,
    };
    let words = |encryption: ServiceEncryption| match encryption {
        ServiceEncryption::Implicit => "SSL/TLS",
        ServiceEncryption::Required | ServiceEncryption::Optional => "STARTTLS",
        ServiceEncryption::None => "none",
    };
    let port = |listen: &[String]| -> Option<u16> {
        listen.first().and_then(|text| text.rsplit_once(':')).and_then(|(_, port)| port.parse().ok())
    };
    let pop3 = config.pop3.iter().filter(|service| service.enabled).min_by_key(|service| rank(service.encryption));
    let smtp = config.smtp.iter().filter(|service| service.enabled).min_by_key(|service| rank(service.encryption));
    let row = |incoming: bool, listen: &[String], encryption| {
        port(listen).map(|port| json!({ "incoming": incoming, "port": port, "encryption": words(encryption) }))
    };
    let incoming = pop3.and_then(|service| row(true, &service.listen, service.encryption));
    let outgoing = smtp.and_then(|service| row(false, &service.listen, service.encryption));
    incoming.into_iter().chain(outgoing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_services_are_told() {
        let told = services(&Config::fresh());
        assert_eq!(told[0], json!({ "incoming": true, "port": 995, "encryption": "SSL/TLS" }));
        assert_eq!(told[1], json!({ "incoming": false, "port": 465, "encryption": "SSL/TLS" }));
    }

    #[test]
    fn addresses_are_told_in_full() {
        let mut config = Config::default();
        config.general.default_domain = "office.example".into();
        let user = User { name: "anna".into(), aliases: vec!["info".into(), "a@b.example".into()], ..User::default() };
        assert_eq!(addresses(&config, &user), ["anna@office.example", "info@office.example", "a@b.example"]);
    }
}
