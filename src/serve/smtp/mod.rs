//! The SMTP service: the shell around `proto::smtp::server`.
//!
//! Reads, writes, and answers the session's requests: where a recipient leads, whether a password is right, whether a
//! mail is kept. Text of a message goes from the read buffer to the draft as it comes. Decides nothing by itself.

mod connection;
mod etrn;
mod pace;
mod people;
mod rules;

use std::net::{IpAddr, TcpListener};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::Context;
use super::listener::{Door, accept_loop};
use super::seats::{Class, Crowded, Limits};
use super::throttle::Throttle;
use crate::config::{Authentication, Config, Networks, ServiceEncryption, SmtpService};
use crate::net::Stream;
use crate::net::listen::is_local;
use crate::policy::access::is_listed;
use crate::policy::{Admission, Lists};
use crate::proto::smtp::server::{LoginPolicy, Lookups, Settings};
use connection::serve;

/// Serves sessions on `listener` by the settings of the SMTP service at `service` in the configuration's list, until
/// `context.stop`; then lets transactions in flight finish, 10 s at most.
pub async fn run(mut context: Context, service: usize, listener: TcpListener) {
    // Some mail servers take a session ticket for an error; hardly any would come back with it.
    context.tls = context.tls.without_tickets();
    let current = || Service { config: context.config.current(), index: service };
    let state = context.services.of("smtp", service);
    accept_loop(
        &context,
        "smtp",
        listener,
        state.seats,
        |peer| door(&context, &current(), peer),
        |crowded| match (current().encryption, crowded) {
            // Words in clear would only break the handshake.
            (ServiceEncryption::Implicit, _) => b"",
            (_, Crowded::Service) => b"421 4.3.2 Too many connections - try later\r\n",
            (_, Crowded::Address) => b"421 4.3.2 Too many connections from your IP address - try later\r\n",
        },
        |tcp, peer, guard| serve(context.clone(), current(), tcp, peer, guard),
    )
    .await;
}

/// Serves the connection of an ODMR collector whose roles have been reversed, by the settings of the first enabled SMTP
/// service. Gives how many mails came.
pub async fn reversed(context: Context, stream: Stream, peer: IpAddr) -> std::io::Result<u64> {
    let config = context.config.current();
    let index = config.smtp.iter().position(|service| service.enabled).unwrap_or_default();
    connection::serve_reversed(context, Service { config, index }, stream, peer).await
}

/// A service as it is in one snapshot of the configuration.
#[derive(Clone)]
struct Service {
    config: Arc<Config>,
    index: usize,
}

impl Service {
    fn admit(&self, client: IpAddr) -> Admission {
        Lists::of_smtp(&self.config, self).admit(client)
    }
}

impl Deref for Service {
    type Target = SmtpService;

    fn deref(&self) -> &SmtpService {
        /// For a service that was taken out of the list and runs on until the next start.
        static GONE: LazyLock<SmtpService> = LazyLock::new(SmtpService::default);
        self.config.smtp.get(self.index).unwrap_or(&GONE)
    }
}

fn door(context: &Context, service: &Service, peer: IpAddr) -> Door {
    // Words in clear would only break the handshake.
    let words = |line: &'static [u8]| match service.encryption {
        ServiceEncryption::Implicit => Door::Shut(b""),
        _ => Door::Shut(line),
    };
    if !context.watch.admit(&service.config, peer) {
        return words(b"421 4.7.0 Your connection has been blocked temporarily - Try again later\r\n");
    }
    let admission = service.admit(peer);
    if !admission.allowed && service.authentication == Authentication::Required {
        // Nothing is left that such a client could do.
        return words(b"554 5.7.1 Your address may not use this service\r\n");
    }
    let (class, max_per_address) = match admission.no_auth {
        true => (Class::Local, service.max_sessions_per_local_address),
        false if is_in(service.gateways(), peer) => (Class::Reserved, 0),
        false => (Class::Other, service.max_sessions_per_address),
    };
    let limits = Limits {
        max_sessions: service.max_sessions,
        max_incoming: service.max_incoming_sessions,
        reserved: service.reserved_sessions,
        max_per_address,
    };
    Door::Open(class, limits)
}

fn is_in(networks: &Networks, peer: IpAddr) -> bool {
    networks.contains(peer) || (networks.local && is_local(peer))
}

/// `None`, at no cost, where bandwidth is not limited.
fn throttle(context: &Context, service: &Service) -> Option<Box<Throttle>> {
    let (all, each) = (service.max_bandwidth, service.max_session_bandwidth);
    if all == 0 && each == 0 {
        return None;
    }
    Throttle::new(&context.services.of("smtp", service.index).bucket, all, each)
}

/// What a client may do before it has logged in.
#[derive(Clone, Copy)]
struct Rights {
    /// Log in, if the service has logins.
    log_in: bool,
    /// Send mail without a login though one is required, and send it out.
    no_auth: bool,
    /// Say a password in clear.
    clear_login: bool,
}

impl Rights {
    fn of(context: &Context, service: &Service, peer: IpAddr) -> Rights {
        let admission = service.admit(peer);
        let was_on_pop3 = || {
            let timeout = Duration::from_secs(60 * u64::from(service.pop3_then_smtp_timeout));
            context.pop3_logins.has(peer, timeout, Instant::now())
        };
        let by_pop3 = service.pop3_then_smtp && admission.allowed && was_on_pop3();
        Rights { log_in: admission.allowed, no_auth: admission.no_auth || by_pop3, clear_login: admission.no_auth }
    }
}

/// What the session may offer to a client at `peer`.
fn offer(service: &Service, rights: Rights, peer: IpAddr) -> Settings {
    let config = &service.config;
    let host_name = if service.host_name.is_empty() { &config.general.host_name } else { &service.host_name };
    let lookups = match service.vrfy_expn {
        false => Lookups::Off,
        true if is_listed(&service.vrfy_expn_access, peer) => Lookups::On,
        true => Lookups::Denied,
    };
    let encryption = service.encryption;
    Settings {
        host_name: host_name.clone(),
        max_size: service.max_message_size,
        max_recipients: service.max_recipients,
        max_errors: service.max_errors,
        starttls: matches!(encryption, ServiceEncryption::Optional | ServiceEncryption::Required),
        require_tls: encryption == ServiceEncryption::Required,
        encrypted: encryption == ServiceEncryption::Implicit,
        login: match service.authentication {
            _ if !rights.log_in => LoginPolicy::Off,
            Authentication::Off => LoginPolicy::Off,
            Authentication::Required if !rights.no_auth => LoginPolicy::Required,
            Authentication::Optional | Authentication::Required => LoginPolicy::Optional,
        },
        clear_login: rights.clear_login,
        cram_md5: config.general.reversible_passwords,
        dsn: !service.disable_dsn,
        refuse_percent: service.refuse_percent,
        refuse_hello: service.refuse_hello.to_lowercase(),
        lookups,
        etrn: !service.etrn_access.rules().is_empty(),
    }
}
