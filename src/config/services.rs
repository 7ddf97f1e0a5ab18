//! Services > SMTP, POP3, Web (spec connectors-and-smtp §8.1–8.4, 8.7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::{ANY, AccessList, AccessRule, ROUTERS};
use super::derived::Derived;
use super::networks::{LOCAL_NETWORKS, Networks};
use super::rules::{RuleList, SmtpRule};
use crate::rules::Zone;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceEncryption {
    /// Offers STARTTLS (STLS on POP3); a client may go on in clear.
    #[default]
    Optional,
    /// STARTTLS (STLS) is needed before login or mail.
    Required,
    /// Encrypted from the first byte.
    Implicit,
    /// No encryption offered.
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Login needed to send out, not for internal and incoming mail.
    #[default]
    Optional,
    /// Login needed for everything.
    Required,
    /// No login offered.
    Off,
}

/// What happens to mail from a client that is listed in a realtime blacklist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RblAction {
    /// Its recipients are refused, except postmaster and abuse.
    #[default]
    Reject,
    /// It is taken, with a header field X-RBL-Warning that rules can ask for.
    Tag,
}

/// How sending out without a login is authorised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AntiRelay {
    /// By the client's address: one with no_auth in the access restrictions may.
    #[default]
    ClientAddress,
    /// By the client's address, and the sender's address must be one of this box's, or empty (a bounce).
    ClientAndSenderAddress,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpService {
    /// A number that stays; scripts and rules of this service are kept under it. 0 is replaced by a free one.
    #[schemars(range(max = 4_294_967_295u32), extend("x-hidden" = true, "x-keep" = true))]
    pub id: u32,
    /// A name for displays.
    #[schemars(extend("x-keep" = true))]
    pub name: String,
    /// Off: nothing listens.
    #[schemars(extend("x-keep" = true))]
    pub enabled: bool,
    /// Addresses and ports to listen on, such as 0.0.0.0:25 or [::]:25.
    #[schemars(extend("x-keep" = true))]
    pub listen: Vec<String>,
    /// How sessions are protected. A service that takes mail from other servers stays on optional.
    #[schemars(extend("x-keep" = true))]
    pub encryption: ServiceEncryption,
    /// Who has to log in. Addresses with "no_auth" in the access restrictions never have to.
    pub authentication: Authentication,
    /// The name in the greeting of this service. Empty: the host name of General.
    pub host_name: String,
    /// A client that was logged in on a POP3 service needs no login here, from the log-on until some time after the
    /// log-off. Its access row must allow it.
    #[schemars(title = "POP3 then SMTP authentication")]
    pub pop3_then_smtp: bool,
    /// How long after the POP3 session ends.
    #[schemars(title = "POP3 then SMTP timeout", range(min = 1, max = 1440), extend("x-unit" = "minutes"))]
    pub pop3_then_smtp_timeout: u32,
    /// How sending out without a login is authorised. Nobody ever sends out from any address without one.
    #[schemars(title = "SMTP anti-relay protection")]
    pub anti_relay: AntiRelay,
    /// IP access restrictions: rows in order, the first that has the client's address decides. A client that is not
    /// allowed cannot log in nor send out; mail for local recipients is taken from it unless a login is required for
    /// everything. No rows: everybody may log in.
    pub access: AccessList,
    /// Clients must pass Security > global access restrictions too.
    pub use_global_access: bool,
    /// Largest message. 0 is no limit.
    #[schemars(range(max = 10_737_418_240u64), extend("x-unit" = "bytes"))]
    pub max_message_size: u64,
    /// Most recipients of one message.
    #[schemars(range(min = 100, max = 50_000))]
    pub max_recipients: u32,
    /// Most sessions at a time.
    #[schemars(range(min = 1, max = 20_000))]
    pub max_sessions: u32,
    /// Most sessions at a time of clients that are not local, that is, may not send without a login. 0 is no limit.
    #[schemars(range(max = 20_000))]
    pub max_incoming_sessions: u32,
    /// So many of the incoming sessions are kept for the addresses in reserved_for.
    #[schemars(range(max = 20_000))]
    pub reserved_sessions: u32,
    /// Networks and addresses of mail gateways.
    pub reserved_for: Vec<String>,
    /// Most sessions at a time from one address that may not send without a login. 0 is no limit.
    #[schemars(range(max = 20_000))]
    pub max_sessions_per_address: u32,
    /// The same for an address that may. 0 is no limit.
    #[schemars(range(max = 20_000))]
    pub max_sessions_per_local_address: u32,
    /// Bandwidth throttling: most KiB a second of the service, both directions and all sessions together. 0 is no limit.
    #[schemars(range(max = 10_000_000), extend("x-unit" = "KiB/s"))]
    pub max_bandwidth: u32,
    /// The same for each session. 0 is no limit.
    #[schemars(range(max = 10_000_000), extend("x-unit" = "KiB/s"))]
    pub max_session_bandwidth: u32,
    /// A session that is silent for this long is ended.
    #[schemars(range(min = 10, max = 3600), extend("x-unit" = "seconds"))]
    pub timeout: u32,
    /// Refuse after this many commands with errors in one session.
    #[schemars(range(min = 3, max = 1000))]
    pub max_errors: u32,
    /// Refuse SMTP connections from clients that name themselves with this text in it, such as .myisp.example. Empty:
    /// nobody.
    #[schemars(title = "Refuse SMTP connections from")]
    pub refuse_hello: String,
    /// Refuse recipients with a % in their address.
    pub refuse_percent: bool,
    /// Do not offer delivery status notifications (DSN).
    #[schemars(title = "Disable DSN")]
    pub disable_dsn: bool,
    /// SMTP rules, for all mail that comes to this service, from outside and from the office. In order; the first that
    /// matches decides. A rule is asked as soon as what its conditions are about is known: the sender at MAIL FROM, a
    /// recipient at RCPT TO, a header when the message is there.
    #[schemars(title = "SMTP rules", extend("x-keep" = true))]
    pub rules: RuleList<SmtpRule>,
    /// RBL servers to use: zones that are asked for the address of each client that is not local and has not logged in, such
    /// as zen.spamhaus.org. Of zone(regex) only answers count that match the regular expression. Only of use where mail
    /// comes directly from its senders' servers.
    #[schemars(title = "RBL servers")]
    pub rbl_servers: Vec<String>,
    /// What happens to mail from a listed client.
    #[schemars(title = "RBL action")]
    pub rbl_action: RblAction,
    /// Networks and addresses that are not looked up.
    #[schemars(title = "RBL exemptions")]
    pub rbl_exempt: Vec<String>,
    /// Enable VRFY and EXPN: tell the addresses in vrfy_expn_access who is behind an address.
    #[schemars(title = "VRFY and EXPN")]
    pub vrfy_expn: bool,
    /// Who may use VRFY and EXPN. No rows: nobody.
    #[schemars(title = "VRFY and EXPN access restrictions")]
    pub vrfy_expn_access: AccessList,
    /// Who may ask with ETRN for the mail that waits for a domain. No rows: nobody, and ETRN is not offered.
    #[schemars(title = "ETRN access restrictions")]
    pub etrn_access: AccessList,
    /// No setting: `reserved_for`, read at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub gateways: Derived<Networks>,
    /// No setting: `rbl_servers`, read at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub zones: Derived<Vec<Zone>>,
    /// No setting: `rbl_exempt`, read at first use.
    #[serde(skip)]
    #[schemars(skip)]
    pub not_looked_up: Derived<Networks>,
}

impl SmtpService {
    /// `rbl_servers`, read.
    pub fn zones(&self) -> &[Zone] {
        self.zones.get_or_make(|| self.rbl_servers.iter().filter_map(|text| Zone::parse(text).ok()).collect())
    }

    /// `rbl_exempt`, read.
    pub fn not_looked_up(&self) -> &Networks {
        self.not_looked_up.get_or_make(|| Networks::of(&self.rbl_exempt))
    }

    /// `reserved_for`, read.
    pub fn gateways(&self) -> &Networks {
        self.gateways.get_or_make(|| Networks::of(&self.reserved_for))
    }
}

impl Default for SmtpService {
    fn default() -> SmtpService {
        SmtpService {
            id: 0,
            name: "SMTP Server".into(),
            enabled: true,
            listen: vec!["0.0.0.0:25".into(), "[::]:25".into()],
            encryption: ServiceEncryption::Optional,
            authentication: Authentication::Optional,
            host_name: String::new(),
            pop3_then_smtp: false,
            pop3_then_smtp_timeout: 5,
            anti_relay: AntiRelay::default(),
            // Port 25 takes the world's mail, so nobody is turned away. Routers come first and have to log in: what they
            // forward looks as if it came from the office.
            access: [AccessRule::allow(ROUTERS), AccessRule::trust(LOCAL_NETWORKS), AccessRule::allow(ANY)].into(),
            use_global_access: false,
            max_message_size: 50 * 1024 * 1024,
            max_recipients: 1000,
            max_sessions: 1000,
            // Strangers never take all the places from the office.
            max_incoming_sessions: 500,
            reserved_sessions: 0,
            reserved_for: Vec::new(),
            max_sessions_per_address: 20,
            max_sessions_per_local_address: 0,
            max_bandwidth: 0,
            max_session_bandwidth: 0,
            timeout: 300,
            max_errors: 20,
            refuse_hello: String::new(),
            refuse_percent: true,
            disable_dsn: false,
            rules: RuleList::default(),
            rbl_servers: Vec::new(),
            rbl_action: RblAction::default(),
            rbl_exempt: vec![LOCAL_NETWORKS.into()],
            vrfy_expn: false,
            vrfy_expn_access: AccessList::default(),
            etrn_access: AccessList::default(),
            gateways: Derived::default(),
            zones: Derived::default(),
            not_looked_up: Derived::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pop3Service {
    /// A name for displays.
    #[schemars(extend("x-keep" = true))]
    pub name: String,
    /// Off: nothing listens.
    #[schemars(extend("x-keep" = true))]
    pub enabled: bool,
    /// Addresses and ports to listen on, such as 0.0.0.0:110.
    #[schemars(extend("x-keep" = true))]
    pub listen: Vec<String>,
    /// How sessions are protected.
    #[schemars(extend("x-keep" = true))]
    pub encryption: ServiceEncryption,
    /// IP access restrictions: rows in order, the first that has the client's address decides. No rows: everybody.
    pub access: AccessList,
    /// Clients must pass Security > global access restrictions too.
    pub use_global_access: bool,
    /// Most sessions at a time.
    #[schemars(range(min = 1, max = 20_000))]
    pub max_sessions: u32,
    /// Bandwidth throttling: most KiB a second of the service, both directions and all sessions together. 0 is no limit.
    #[schemars(range(max = 10_000_000), extend("x-unit" = "KiB/s"))]
    pub max_bandwidth: u32,
    /// The same for each session. 0 is no limit.
    #[schemars(range(max = 10_000_000), extend("x-unit" = "KiB/s"))]
    pub max_session_bandwidth: u32,
    /// A session that is silent for this long is ended. RFC 1939 asks for at least 600.
    #[schemars(range(min = 30, max = 7200), extend("x-unit" = "seconds"))]
    pub timeout: u32,
    /// Allow a login in clear text from clients outside the local networks. Off is safer.
    pub clear_text_login_from_outside: bool,
}

impl Default for Pop3Service {
    fn default() -> Pop3Service {
        Pop3Service {
            name: "POP3 Server".into(),
            enabled: true,
            listen: vec!["0.0.0.0:110".into(), "[::]:110".into()],
            encryption: ServiceEncryption::Optional,
            access: AccessList::default(),
            use_global_access: false,
            max_sessions: 500,
            max_bandwidth: 0,
            max_session_bandwidth: 0,
            timeout: 600,
            clear_text_login_from_outside: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebService {
    /// Off: no page; settings are changed on the command line.
    #[schemars(extend("x-keep" = true))]
    pub enabled: bool,
    /// Addresses and ports to listen on, HTTPS.
    #[schemars(extend("x-keep" = true))]
    pub listen: Vec<String>,
    /// IP access restrictions: rows in order, the first that has the client's address decides. No rows: everybody.
    pub access: AccessList,
    /// Clients must pass Security > global access restrictions too.
    pub use_global_access: bool,
    /// Addresses and ports, such as 0.0.0.0:80, at which a browser that comes without encryption is sent on to HTTPS.
    pub redirect_from: Vec<String>,
    /// Whoever does nothing on the page for this time has to log in again.
    #[schemars(range(min = 5, max = 1440), extend("x-unit" = "minutes"))]
    pub idle_timeout: u32,
    /// Everybody has to log in again after this time.
    #[schemars(title = "Longest session", range(min = 1, max = 168), extend("x-unit" = "hours"))]
    pub session_hours: u32,
}

impl Default for WebService {
    fn default() -> WebService {
        WebService {
            enabled: true,
            listen: vec!["0.0.0.0:443".into(), "[::]:443".into()],
            access: AccessList::default(),
            use_global_access: false,
            redirect_from: Vec::new(),
            idle_timeout: 30,
            session_hours: 12,
        }
    }
}
