//! The SMTP service: the shell around `proto::smtp::server`.
//!
//! Reads, writes, and answers the session's requests: where a recipient leads, whether a password is right, whether a
//! mail is kept. Text of a message goes from the read buffer to the draft as it comes. Decides nothing by itself.

mod connection;
mod pace;

use std::net::{IpAddr, TcpListener};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use super::Context;
use super::listener::{Door, accept_loop};
use super::seats::{Class, Crowded, Limits};
use crate::config::{Authentication, Config, ServiceEncryption, SmtpService};
use crate::policy::{Admission, Lists};
use crate::proto::smtp::server::{LoginPolicy, Settings};
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
        |peer| door(&current(), peer),
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

fn door(service: &Service, peer: IpAddr) -> Door {
    let admission = service.admit(peer);
    if !admission.allowed && service.authentication == Authentication::Required {
        // Nothing is left that such a client could do.
        return Door::Shut(match service.encryption {
            ServiceEncryption::Implicit => b"",
            _ => b"554 5.7.1 Your address may not use this service\r\n",
        });
    }
    let class = if admission.no_auth { Class::Local } else { Class::Other };
    // The office's own machines are many behind one address, or one with many mails: the limit per address is for others.
    let max_per_address = if admission.no_auth { 0 } else { service.max_sessions_per_address };
    Door::Open(class, Limits { max_sessions: service.max_sessions, max_incoming: 0, reserved: 0, max_per_address })
}

/// What the session may offer to a client.
fn offer(service: &Service, admission: Admission) -> Settings {
    let config = &service.config;
    let encryption = service.encryption;
    Settings {
        host_name: config.general.host_name.clone(),
        max_size: service.max_message_size,
        max_recipients: service.max_recipients,
        max_errors: service.max_errors,
        starttls: matches!(encryption, ServiceEncryption::Optional | ServiceEncryption::Required),
        require_tls: encryption == ServiceEncryption::Required,
        encrypted: encryption == ServiceEncryption::Implicit,
        login: match service.authentication {
            _ if !admission.allowed => LoginPolicy::Off,
            Authentication::Off => LoginPolicy::Off,
            Authentication::Required if !admission.no_auth => LoginPolicy::Required,
            Authentication::Optional | Authentication::Required => LoginPolicy::Optional,
        },
        clear_login: admission.no_auth,
        cram_md5: config.general.reversible_passwords,
        dsn: !service.disable_dsn,
        refuse_percent: service.refuse_percent,
    }
}
