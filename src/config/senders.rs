//! Connectors > Mail Senders (spec connectors-and-smtp §5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Login;
use crate::proto::smtp::client::Mechanism;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelayEncryption {
    /// No encryption.
    None,
    /// Encrypted from the first byte, often port 465.
    Ssl,
    /// Plain, then STARTTLS; nothing is sent where it is not offered.
    Starttls,
    /// STARTTLS where offered, else plain. The certificate is not checked.
    #[default]
    StarttlsIfAvailable,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct RelayHost {
    /// Name or address.
    pub host: String,
    /// Often 25, 465 or 587.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
}

impl Default for RelayHost {
    fn default() -> RelayHost {
        RelayHost { host: String::new(), port: 25 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SendingMethod {
    /// Everything goes to a relay host of the provider (smarthost).
    #[default]
    Relay,
    /// Straight to the mail servers of the recipients' domains. Needs a fixed address with reverse DNS, or most will
    /// refuse the mail.
    Direct,
}

/// Another return path for mail of some senders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct ReturnAddress {
    /// The return path the mail came with; * and ? are allowed.
    pub from: String,
    /// The return path it is sent with.
    pub to: String,
}

/// How a relay is told the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoginMethod {
    /// In an encrypted session PLAIN, LOGIN or CRAM-MD5, in clear CRAM-MD5, PLAIN or LOGIN: the first that is offered. If
    /// it is refused, the next one is tried, once.
    #[default]
    Automatic,
    /// PLAIN only.
    Plain,
    /// LOGIN only.
    Login,
    /// CRAM-MD5 only: the password itself is not sent, but the server must keep it readable.
    CramMd5,
}

impl LoginMethod {
    /// `None`: whatever suits.
    pub fn mechanism(self) -> Option<Mechanism> {
        match self {
            LoginMethod::Automatic => None,
            LoginMethod::Plain => Some(Mechanism::Plain),
            LoginMethod::Login => Some(Mechanism::Login),
            LoginMethod::CramMd5 => Some(Mechanism::CramMd5),
        }
    }
}

/// Mail Sender, by SMTP relay (smarthost) or direct.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// Where the mail goes.
    #[schemars(title = "Sending method")]
    pub method: SendingMethod,
    /// Relay: the hosts, tried in order until one responds. An error from one that has answered does not lead to the next.
    #[schemars(title = "SMTP relay servers")]
    pub hosts: Vec<RelayHost>,
    /// How sessions are protected. Direct: "ssl" is not possible, and with "starttls" every server needs a certificate
    /// that is valid for its name.
    #[schemars(title = "Session encryption")]
    pub encryption: RelayEncryption,
    /// Relay: the login, if it asks for one.
    pub login: Option<Login>,
    /// Relay: how the password is sent, should the automatic choice not suit the server.
    pub login_method: LoginMethod,
    /// The return path of all mail sent here. Empty: as it came. Notifications without a return path keep none.
    #[schemars(title = "SMTP return address")]
    pub return_address: String,
    /// Return paths for mail of some senders; the first row that matches counts, before the return address above.
    pub return_addresses: Vec<ReturnAddress>,
    /// The name given in EHLO. Empty: the host name of General.
    #[schemars(title = "EHLO/HELO name")]
    pub helo_name: String,
    /// Connections at the same time: to the relay, or (direct) to one domain.
    #[schemars(range(min = 1, max = 50))]
    pub max_connections: u32,
    /// Most messages in one connection. The others wait for another one, which follows at once; but where mail waits for
    /// runs of the connection, a relay gets one a run. 0: no limit.
    #[schemars(range(max = 1_000_000))]
    pub max_messages_per_session: u32,
    /// Most recipients in one transaction; a message with more is sent several times.
    #[schemars(title = "Max recipients per message", range(min = 1, max = 50_000))]
    pub max_recipients: u32,
    /// Most recipients in one connection, as for messages. 0: no limit.
    #[schemars(range(max = 1_000_000))]
    pub max_recipients_per_session: u32,
    /// Most recipients in the time below. 0: no limit.
    #[schemars(title = "Max recipients", range(max = 1_000_000))]
    pub recipients_limit: u32,
    /// The time for which the most recipients above count. It begins anew when the program starts.
    #[schemars(title = "Max recipients per", range(min = 1, max = 10_080), extend("x-unit" = "minutes"))]
    pub recipients_limit_minutes: u32,
    /// Direct: addresses of name servers. Empty: those of the page DNS.
    #[schemars(title = "DNS servers to use")]
    pub dns_servers: Vec<String>,
    /// Direct: servers in place of a domain's MX records, one a line: a domain (* and ? are allowed), then
    /// user:password@host:port (host alone will do; 465 is encrypted from the first byte), then, if wanted,
    /// $priority:N (10; smaller is asked first), $size>=N (bytes), $sender:pattern, $auth:pattern, $tries>=N, $age>=N
    /// (minutes), $end (no line after this one counts). A password in a line can be read by everybody who may change
    /// these settings.
    #[schemars(title = "DNS overrides")]
    pub dns_overrides: Vec<String>,
    /// Direct: answers of name servers that are kept, at most.
    #[schemars(title = "DNS cache size", range(max = 100_000))]
    pub dns_cache_size: u32,
    /// Direct: connections to all domains together at the same time.
    #[schemars(title = "MX sending threads", range(min = 1, max = 100))]
    pub threads: u32,
    /// Which mail this sender takes, one rule a line: "Attempt:" or "Skip:", then conditions that must all hold: All,
    /// None, Size>=N (bytes), From=pattern, To=pattern, Auth=pattern, Header:Name=pattern, with ! before one to turn it
    /// round. A pattern has * and ?, or is a /regular expression/; one for From and To without @ is a domain. The first
    /// line that matches decides. Empty: all. Mail goes by the first sender that takes it, may send now and works.
    pub domain_filter: Vec<String>,
    /// Where mail waits for runs of the connection: send in a run only what was there at its start.
    #[schemars(title = "Only send messages waiting at start of connection")]
    pub only_waiting_at_start: bool,
    /// Among messages of the same priority, the smaller go first; else the older.
    #[schemars(title = "Send smaller messages first")]
    pub smaller_first: bool,
    /// The newest first, or (with the setting above) the largest.
    #[schemars(title = "Reverse send order")]
    pub reverse_order: bool,
    /// When mail that could not be sent is tried again.
    #[schemars(title = "Sender retry")]
    pub retry: Vec<RetryStep>,
    /// Give up after this time and tell the sender.
    #[schemars(range(min = 1, max = 720), extend("x-unit" = "hours"))]
    pub give_up_after: u32,
    /// Tell the sender after this time that the mail still waits. 0: never.
    #[schemars(range(max = 720), extend("x-unit" = "hours"))]
    pub warn_after: u32,
}

impl Default for Sender {
    fn default() -> Sender {
        Sender {
            method: SendingMethod::default(),
            hosts: Vec::new(),
            encryption: RelayEncryption::default(),
            login: None,
            login_method: LoginMethod::default(),
            return_address: String::new(),
            return_addresses: Vec::new(),
            helo_name: String::new(),
            max_connections: 4,
            max_messages_per_session: 0,
            max_recipients: 100,
            max_recipients_per_session: 0,
            recipients_limit: 0,
            recipients_limit_minutes: 60,
            dns_servers: Vec::new(),
            dns_overrides: Vec::new(),
            dns_cache_size: 1000,
            threads: 8,
            domain_filter: Vec::new(),
            only_waiting_at_start: false,
            smaller_first: false,
            reverse_order: false,
            retry: vec![
                RetryStep { every: 5, until: 60 },
                RetryStep { every: 30, until: 1440 },
                RetryStep { every: 120, until: 0 },
            ],
            give_up_after: 72,
            warn_after: 4,
        }
    }
}

/// Try every so many minutes until a mail is of this age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-inline" = true))]
pub struct RetryStep {
    /// Time between tries.
    #[schemars(range(min = 1, max = 10_080), extend("x-unit" = "minutes"))]
    pub every: u32,
    /// Up to this age of the mail. 0: until it is given up.
    #[schemars(range(max = 43_200), extend("x-unit" = "minutes"))]
    pub until: u32,
}

impl Default for RetryStep {
    fn default() -> RetryStep {
        RetryStep { every: 30, until: 0 }
    }
}
