//! What travels beside a message: return path, recipients and the delivery wishes of RFC 3461 (DSN).

use serde::{Deserialize, Serialize};

use super::Address;

/// `BODY=` of RFC 6152 and RFC 3030.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyType {
    #[default]
    SevenBit,
    EightBitMime,
}

/// `RET=` of RFC 3461 §4.3: how much of the message a notification returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ret {
    Full,
    Headers,
}

/// `NOTIFY=` of RFC 3461 §4.1. The default, no parameter given, is failure and delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
    /// The client said so itself; only then the parameter is passed on to the next host.
    pub given: bool,
}

impl Default for Notify {
    fn default() -> Notify {
        Notify { success: false, failure: true, delay: true, given: false }
    }
}

/// One recipient as the client gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub address: Address,
    pub notify: Notify,
    /// `ORCPT=` as received, still in xtext, e.g. `rfc822;bob@example.com`.
    pub orcpt: Option<String>,
    /// The one server this copy goes to; `None` leaves the way to a sender.
    pub lan: Option<Box<LanServer>>,
}

/// Another mail server of the office that mail is forwarded to: fixed, without a look at MX records, not scheduled. A
/// password is not here; whoever sends takes it from the settings by these three.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LanServer {
    /// Name in lower case, or address without brackets.
    pub host: String,
    pub port: u16,
    /// Login name; empty: no login.
    pub user: String,
}

impl std::fmt::Display for LanServer {
    /// `LAN server 192.168.1.5:25`, without the login.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LanServer { host, port, .. } = self;
        if host.contains(':') { write!(f, "LAN server [{host}]:{port}") } else { write!(f, "LAN server {host}:{port}") }
    }
}

impl Recipient {
    /// A recipient without DSN parameters.
    pub fn new(address: Address) -> Recipient {
        Recipient { address, notify: Notify::default(), orcpt: None, lan: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// `None` is the null return path `<>`.
    pub return_path: Option<Address>,
    pub recipients: Vec<Recipient>,
    pub body: BodyType,
    /// The transaction asked for SMTPUTF8 (RFC 6531): it may only go on to a host that offers it.
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    /// `ENVID=` as received, still in xtext.
    pub envid: Option<String>,
}
