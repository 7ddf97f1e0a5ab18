//! Which servers a provider has: the common ones from a table, found by the domain of the address or by the mail servers
//! of that domain; else names that exist in DNS.

use std::time::Duration;

use serde::Serialize;

use crate::net::dns::Resolver;
use crate::net::timeout;

const PATIENCE: Duration = Duration::from_secs(8);

/// Servers to begin with. They are tried before they are saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The provider's name, empty where nobody knows it.
    pub provider: &'static str,
    pub pop3_host: String,
    pub pop3_port: u16,
    /// As in the settings of a collector.
    pub pop3_encryption: &'static str,
    pub smtp_host: String,
    pub smtp_port: u16,
    /// As in the settings of a sender.
    pub smtp_encryption: &'static str,
    /// What the login name is like: `address` or `local`, the part before the @.
    pub login: &'static str,
    /// What has to be done at the provider first; empty for nothing.
    pub hint: &'static str,
}

struct Provider {
    name: &'static str,
    /// Domains of its addresses, and ends of its mail servers' names.
    domains: &'static [&'static str],
    servers: &'static [&'static str],
    pop3: &'static str,
    smtp: (&'static str, u16),
    hint: &'static str,
}

const APP_PASSWORD: &str =
    "Make a password for programs (\"app password\") in the security settings of the account and enter it here.";
const SWITCH_ON: &str = "Switch on access by POP3 in the settings of the mailbox first.";

const PROVIDERS: [Provider; 20] = [
    Provider {
        name: "Gmail",
        domains: &["gmail.com", "googlemail.com"],
        servers: &["google.com", "googlemail.com"],
        pop3: "pop.gmail.com",
        smtp: ("smtp.gmail.com", 465),
        hint: APP_PASSWORD,
    },
    Provider {
        name: "GMX",
        domains: &["gmx.de", "gmx.net", "gmx.at", "gmx.ch"],
        servers: &["gmx.net"],
        pop3: "pop.gmx.net",
        smtp: ("mail.gmx.net", 465),
        hint: SWITCH_ON,
    },
    Provider {
        name: "GMX",
        domains: &["gmx.com", "gmx.us", "gmx.co.uk"],
        servers: &["gmx.com"],
        pop3: "pop.gmx.com",
        smtp: ("mail.gmx.com", 465),
        hint: SWITCH_ON,
    },
    Provider {
        name: "WEB.DE",
        domains: &["web.de"],
        servers: &["web.de"],
        pop3: "pop3.web.de",
        smtp: ("smtp.web.de", 587),
        hint: SWITCH_ON,
    },
    Provider {
        name: "T-Online",
        domains: &["t-online.de", "magenta.de"],
        servers: &["t-online.de"],
        pop3: "securepop.t-online.de",
        smtp: ("securesmtp.t-online.de", 465),
        hint: "Set a password for mail programs in the customer centre first.",
    },
    Provider {
        name: "IONOS",
        domains: &["online.de"],
        servers: &["ionos.de", "kundenserver.de", "1and1.com"],
        pop3: "pop.ionos.de",
        smtp: ("smtp.ionos.de", 465),
        hint: "",
    },
    Provider {
        name: "IONOS",
        domains: &[],
        servers: &["ionos.com", "ionos.co.uk"],
        pop3: "pop.ionos.com",
        smtp: ("smtp.ionos.com", 465),
        hint: "",
    },
    Provider {
        name: "STRATO",
        domains: &[],
        servers: &["rzone.de", "strato.de"],
        pop3: "pop3.strato.de",
        smtp: ("smtp.strato.de", 465),
        hint: "",
    },
    Provider {
        name: "Yahoo",
        domains: &["yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "ymail.com", "aol.com"],
        servers: &["yahoodns.net"],
        pop3: "pop.mail.yahoo.com",
        smtp: ("smtp.mail.yahoo.com", 465),
        hint: APP_PASSWORD,
    },
    Provider {
        name: "freenet",
        domains: &["freenet.de"],
        servers: &["freenet.de"],
        pop3: "mx.freenet.de",
        smtp: ("mx.freenet.de", 587),
        hint: "",
    },
    Provider {
        name: "Posteo",
        domains: &["posteo.de", "posteo.net", "posteo.eu"],
        servers: &["posteo.de"],
        pop3: "posteo.de",
        smtp: ("posteo.de", 465),
        hint: "",
    },
    Provider {
        name: "mailbox.org",
        domains: &["mailbox.org"],
        servers: &["mailbox.org"],
        pop3: "pop3.mailbox.org",
        smtp: ("smtp.mailbox.org", 465),
        hint: "",
    },
    Provider {
        name: "Fastmail",
        domains: &["fastmail.com", "fastmail.fm"],
        servers: &["messagingengine.com"],
        pop3: "pop.fastmail.com",
        smtp: ("smtp.fastmail.com", 465),
        hint: APP_PASSWORD,
    },
    Provider {
        name: "Zoho",
        domains: &["zohomail.com", "zoho.com"],
        servers: &["zoho.com"],
        pop3: "pop.zoho.com",
        smtp: ("smtp.zoho.com", 465),
        hint: SWITCH_ON,
    },
    Provider {
        name: "Zoho",
        domains: &["zohomail.eu"],
        servers: &["zoho.eu"],
        pop3: "pop.zoho.eu",
        smtp: ("smtp.zoho.eu", 465),
        hint: SWITCH_ON,
    },
    Provider {
        name: "OVHcloud",
        domains: &[],
        servers: &["ovh.net"],
        pop3: "ssl0.ovh.net",
        smtp: ("ssl0.ovh.net", 465),
        hint: "",
    },
    Provider {
        name: "Gandi",
        domains: &[],
        servers: &["gandi.net"],
        pop3: "mail.gandi.net",
        smtp: ("mail.gandi.net", 465),
        hint: "",
    },
    Provider {
        name: "Orange",
        domains: &["orange.fr", "wanadoo.fr"],
        servers: &["orange.fr"],
        pop3: "pop.orange.fr",
        smtp: ("smtp.orange.fr", 465),
        hint: "",
    },
    Provider {
        name: "BT",
        domains: &["btinternet.com", "btconnect.com"],
        servers: &["btinternet.com"],
        pop3: "mail.btinternet.com",
        smtp: ("mail.btinternet.com", 465),
        hint: "",
    },
    Provider {
        name: "Hetzner",
        domains: &[],
        servers: &["your-server.de"],
        pop3: "mail.your-server.de",
        smtp: ("mail.your-server.de", 465),
        hint: "",
    },
];

/// Providers that give no POP3 with a password any more.
const CLOSED: [(&str, &[&str]); 2] = [
    ("Microsoft", &["outlook.com", "hotmail.com", "live.com", "msn.com", "office365.com"]),
    ("iCloud", &["icloud.com", "me.com", "mac.com"]),
];

/// For an address, or its domain.
pub async fn suggest(resolver: &Resolver, domain: &str) -> Suggestion {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    if let Some(provider) = PROVIDERS.iter().find(|provider| provider.domains.contains(&domain.as_str())) {
        return provider.suggestion();
    }
    if let Some(closed) = closed(&domain) {
        return closed;
    }
    let servers = timeout(PATIENCE, resolver.mx(&domain)).await;
    let servers = servers.ok().and_then(Result::ok).unwrap_or_default();
    for server in &servers {
        let host = server.host.trim_end_matches('.').to_ascii_lowercase();
        let known = PROVIDERS.iter().find(|provider| provider.servers.iter().any(|end| is_below(&host, end)));
        if let Some(provider) = known {
            return provider.suggestion();
        }
        if host.ends_with(".protection.outlook.com") {
            return closed("outlook.com").unwrap_or_else(|| guess(&domain, ""));
        }
    }
    let mut found = String::new();
    for name in ["pop3", "pop", "mail"] {
        let host = format!("{name}.{domain}");
        if timeout(PATIENCE, resolver.addresses(&host)).await.is_ok_and(|addresses| addresses.is_ok()) {
            found = host;
            break;
        }
    }
    guess(&domain, &found)
}

fn is_below(host: &str, end: &str) -> bool {
    host == end || host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'))
}

fn closed(domain: &str) -> Option<Suggestion> {
    let (name, _) = CLOSED.iter().find(|(_, domains)| domains.contains(&domain))?;
    Some(Suggestion {
        provider: name,
        hint: "This provider lets nobody collect mail by POP3 with a password any more. Have it forward the mail, or use \
               another provider.",
        ..guess(domain, "")
    })
}

fn guess(domain: &str, pop3: &str) -> Suggestion {
    let or = |found: &str, usual: &str| if found.is_empty() { format!("{usual}.{domain}") } else { found.to_string() };
    Suggestion {
        provider: "",
        pop3_host: or(pop3, "pop3"),
        pop3_port: 995,
        pop3_encryption: "ssl",
        smtp_host: format!("smtp.{domain}"),
        smtp_port: 465,
        smtp_encryption: "ssl",
        login: "address",
        hint: "",
    }
}

impl Provider {
    fn suggestion(&self) -> Suggestion {
        let (smtp_host, smtp_port) = self.smtp;
        Suggestion {
            provider: self.name,
            pop3_host: self.pop3.into(),
            pop3_port: 995,
            pop3_encryption: "ssl",
            smtp_host: smtp_host.into(),
            smtp_port,
            smtp_encryption: if smtp_port == 465 { "ssl" } else { "starttls" },
            login: "address",
            hint: self.hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(domain: &str) -> Suggestion {
        // Nobody answers there.
        smol::block_on(suggest(&Resolver::new(Vec::new()), domain))
    }

    #[test]
    fn common_providers_are_known_by_their_domains() {
        let gmail = asked("GoogleMail.com");
        assert_eq!((gmail.pop3_host.as_str(), gmail.smtp_host.as_str()), ("pop.gmail.com", "smtp.gmail.com"));
        assert_eq!(asked("web.de").smtp_encryption, "starttls");
        assert!(asked("outlook.com").hint.contains("POP3"));
    }

    #[test]
    fn mail_servers_belong_to_a_provider_by_the_end_of_their_name() {
        assert!(is_below("smtpin.rzone.de", "rzone.de") && is_below("rzone.de", "rzone.de"));
        assert!(!is_below("notrzone.de", "rzone.de"));
    }
}
