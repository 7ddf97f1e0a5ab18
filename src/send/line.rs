//! A way out as the configuration has it: the sender of a connection, or the forwarding to servers of the office, with
//! what a session towards it needs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::config::{Config, Connection, RelayEncryption, Sender, SendingMethod, name_servers};
use crate::mail::Address;
use crate::net::Resolver;
use crate::net::dns::Servers;
use crate::net::tls::ClientTls;
use crate::rules::pattern::matches;
use crate::rules::{DomainFilter, Overrides};

use super::meter::Meter;

/// The number of the forwarding to LAN servers on the board; connections count from 1.
pub const LAN: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Relay,
    Direct,
    Lan,
}

/// Immutable but for what goes on; a changed configuration makes a new one.
pub struct Line {
    /// Of the connection.
    pub id: u32,
    pub name: String,
    pub method: Method,
    pub sender: Sender,
    pub helo: String,
    /// Names of ours, which a list of MX hosts is cut at.
    pub own_names: [String; 2],
    ca_file: String,
    /// `None` where nothing is encrypted.
    pub tls: Option<ClientTls>,
    pub filter: DomainFilter,
    pub overrides: Overrides,
    /// Asks name servers of the sender's own; `None`: those of the box.
    pub resolver: Option<Resolver>,
    dns_servers: Option<Servers>,
    pub meter: Meter,
    /// Why nothing goes out whatever happens, in plain words.
    pub shut: Option<String>,
    /// Mail goes in runs only, which somebody starts.
    pub paused: bool,
    /// Mail may go now: at once, or in a run.
    open: AtomicBool,
    /// No longer in the configuration.
    gone: AtomicBool,
    /// It fails as a whole.
    pub sick: AtomicBool,
    /// In a run that ends when the limits of one session are used up: sessions that may still be opened.
    sessions: AtomicUsize,
    /// Connections of all its lanes.
    pub connections: AtomicUsize,
    /// Parcels that wait or are under way.
    pub parcels: AtomicUsize,
}

impl Line {
    /// The sender of a connection.
    pub fn of(config: &Config, connection: &Connection, sender: &Sender) -> Line {
        let method = match sender.method {
            SendingMethod::Relay => Method::Relay,
            SendingMethod::Direct => Method::Direct,
        };
        Line::new(config, connection.id, &connection.name, method, sender, connection.paused)
    }

    /// To servers of the office: tried again as the first sender does it.
    pub fn lan(config: &Config) -> Line {
        let first = config.connections.iter().find_map(|connection| connection.sender.as_ref());
        let first = first.cloned().unwrap_or_default();
        let sender = Sender {
            retry: first.retry,
            give_up_after: first.give_up_after,
            warn_after: first.warn_after,
            ..Sender::default()
        };
        Line::new(config, LAN, "LAN forwarding", Method::Lan, &sender, false)
    }

    fn new(config: &Config, id: u32, name: &str, method: Method, sender: &Sender, paused: bool) -> Line {
        let mut shut = None;
        if method == Method::Relay && sender.hosts.is_empty() {
            shut = Some("Outgoing mail waits: the sender has no relay host".to_string());
        }
        let tls = match sender.encryption {
            RelayEncryption::None => None,
            RelayEncryption::StarttlsIfAvailable => Some(ClientTls::opportunistic()),
            RelayEncryption::Ssl | RelayEncryption::Starttls => {
                let file = Some(config.tls.ca_file.as_str()).filter(|file| !file.is_empty());
                let tls = ClientTls::verified(file.map(Path::new));
                tls.inspect_err(|error| shut = Some(format!("Outgoing mail waits: {error}"))).ok()
            }
        };
        let helo = Some(&sender.helo_name).filter(|name| !name.is_empty()).unwrap_or(&config.general.host_name);
        let dns_servers = own_servers(config, sender).filter(|_| method == Method::Direct);
        let cache = usize::try_from(sender.dns_cache_size).unwrap_or(usize::MAX);
        let window = Duration::from_secs(60 * u64::from(sender.recipients_limit_minutes));
        Line {
            id,
            name: name.to_string(),
            method,
            sender: sender.clone(),
            helo: helo.clone(),
            own_names: [config.general.host_name.to_ascii_lowercase(), helo.to_ascii_lowercase()],
            ca_file: config.tls.ca_file.clone(),
            tls,
            filter: DomainFilter::parse(sender.domain_filter.iter().map(String::as_str)).unwrap_or_default(),
            overrides: Overrides::parse(sender.dns_overrides.iter().map(String::as_str)).unwrap_or_default(),
            resolver: dns_servers.clone().map(|servers| Resolver::with_cache(servers, cache)),
            dns_servers,
            meter: Meter::new(sender.recipients_limit, window),
            shut,
            paused,
            open: AtomicBool::new(!paused),
            gone: AtomicBool::new(false),
            sick: AtomicBool::new(false),
            sessions: AtomicUsize::new(usize::MAX),
            connections: AtomicUsize::new(0),
            parcels: AtomicUsize::new(0),
        }
    }

    /// Whether connections made for `other` serve this one as well.
    pub fn same_as(&self, other: &Line) -> bool {
        self.id == other.id
            && self.method == other.method
            && self.sender == other.sender
            && self.own_names == other.own_names
            && self.helo == other.helo
            && self.ca_file == other.ca_file
            && self.dns_servers == other.dns_servers
            && self.shut == other.shut
            && self.paused == other.paused
            && self.name == other.name
    }

    /// Mail may go now.
    pub fn is_open(&self) -> bool {
        self.shut.is_none() && self.open.load(Ordering::Acquire) && !self.gone.load(Ordering::Acquire)
    }

    /// `true` when that is a change.
    pub fn set_open(&self, open: bool) -> bool {
        self.open.swap(open, Ordering::AcqRel) != open
    }

    /// A run begins, or ends. Between whose runs mail waits has one session a run where a session is limited: what is
    /// left goes in the next run (spec connectors-and-smtp §5.2).
    pub fn begin_run(&self, waits_for_runs: bool) {
        let limited = self.sender.max_messages_per_session > 0 || self.sender.max_recipients_per_session > 0;
        let sessions = if waits_for_runs && limited && self.method == Method::Relay { 1 } else { usize::MAX };
        self.sessions.store(sessions, Ordering::Release);
    }

    /// Another session may be opened; it counts.
    pub fn use_session(&self) -> bool {
        let less = |left: usize| if left == usize::MAX { Some(left) } else { left.checked_sub(1) };
        self.sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    pub fn is_session_used(&self) -> bool {
        self.sessions.load(Ordering::Acquire) == 0
    }

    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// It is not in the configuration any more.
    pub fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub fn max_connections(&self) -> usize {
        usize::try_from(self.sender.max_connections).unwrap_or(1).max(1)
    }

    /// Connections to all its servers together.
    pub fn threads(&self) -> usize {
        match self.method {
            Method::Direct => usize::try_from(self.sender.threads).unwrap_or(1).max(1),
            Method::Relay | Method::Lan => usize::MAX,
        }
    }

    /// Recipients in one transaction, at most.
    pub fn max_recipients(&self) -> usize {
        usize::try_from(self.sender.max_recipients).unwrap_or(usize::MAX).max(1)
    }

    /// The return path a mail is sent with. The null one always stays (RFC 5321 §4.5.5).
    pub fn return_path<'a>(&'a self, original: Option<&'a Address>) -> &'a str {
        let Some(original) = original else { return "" };
        let rows = self.sender.return_addresses.iter();
        let row = rows.into_iter().find(|row| matches(&row.from, original.as_str())).map(|row| row.to.as_str());
        row.or(Some(self.sender.return_address.as_str()).filter(|to| !to.is_empty())).unwrap_or(original.as_str())
    }
}

/// Where a sender asks name servers of its own, or those of the box through a cache of its own.
fn own_servers(config: &Config, sender: &Sender) -> Option<Servers> {
    if !sender.dns_servers.is_empty() {
        return Some(Servers { listed: name_servers(&sender.dns_servers), detected: false });
    }
    let of_the_box = || Servers { listed: name_servers(&config.dns.servers), detected: config.dns.detect_servers };
    (sender.dns_cache_size != Sender::default().dns_cache_size).then(of_the_box)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RelayHost, ReturnAddress};

    fn line(change: impl FnOnce(&mut Config, &mut Connection, &mut Sender)) -> Line {
        let host = RelayHost { host: "smtp.example".into(), port: 25 };
        let mut sender = Sender { hosts: vec![host], encryption: RelayEncryption::None, ..Sender::default() };
        let (mut config, mut connection) = (Config::default(), Connection { id: 2, ..Connection::default() });
        change(&mut config, &mut connection, &mut sender);
        Line::of(&config, &connection, &sender)
    }

    #[test]
    fn what_keeps_mail_waiting_is_said() {
        assert!(line(|_, _, _| {}).is_open());
        assert!(!line(|_, connection, _| connection.paused = true).is_open());
        let none = line(|_, _, sender| sender.hosts.clear());
        assert!(none.shut.unwrap().contains("no relay host"));
        assert!(line(|_, _, sender| (sender.method, sender.hosts) = (SendingMethod::Direct, Vec::new())).is_open());
    }

    #[test]
    fn a_change_that_matters_makes_another_line() {
        let old = line(|_, _, _| {});
        assert!(old.same_as(&line(|_, _, _| {})));
        assert!(!old.same_as(&line(|config, _, _| config.general.host_name = "new.example".into())));
        assert!(!old.same_as(&line(|_, _, sender| sender.smaller_first = true)));
    }

    #[test]
    fn the_return_path_is_rewritten_but_the_null_one() {
        let row = |from: &str, to: &str| ReturnAddress { from: from.into(), to: to.into() };
        let rewriting = line(|_, _, sender| {
            sender.return_address = "office@isp.example".into();
            sender.return_addresses = vec![row("boss@*", "boss@isp.example")];
        });
        let (boss, ann) =
            (Address::parse("boss@office.example").unwrap(), Address::parse("ann@office.example").unwrap());
        assert_eq!(rewriting.return_path(Some(&boss)), "boss@isp.example");
        assert_eq!(rewriting.return_path(Some(&ann)), "office@isp.example");
        assert_eq!(rewriting.return_path(None), "");
        assert_eq!(line(|_, _, _| {}).return_path(Some(&ann)), "ann@office.example");
    }
}
