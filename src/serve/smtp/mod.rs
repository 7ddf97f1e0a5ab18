//! The SMTP service: the shell around `proto::smtp::server`.
//!
//! Reads, writes, and answers the session's requests: where a recipient leads, whether a password is right, whether a
//! mail is kept. Text of a message goes from the read buffer to the draft as it comes. Decides nothing by itself.

mod connection;
mod pace;

use std::net::{IpAddr, TcpListener};

use super::Context;
use super::listener::{Crowded, Limits, accept_loop};
use crate::config::{Authentication, Config, ServiceEncryption, SmtpService};
use crate::policy;
use crate::proto::smtp::server::{LoginPolicy, Settings};
use connection::serve;

/// Serves sessions on `listener` by the settings of the SMTP service at `service` in the configuration's list, until
/// `context.stop`; then lets transactions in flight finish, 10 s at most.
pub async fn run(mut context: Context, service: usize, listener: TcpListener) {
    // Some mail servers take a session ticket for an error; hardly any would come back with it.
    context.tls = context.tls.without_tickets();
    let settings = || context.config.current().smtp.get(service).cloned().unwrap_or_default();
    accept_loop(
        &context,
        "smtp",
        listener,
        |peer| limits(&settings(), peer),
        |crowded| match (settings().encryption, crowded) {
            // Words in clear would only break the handshake.
            (ServiceEncryption::Implicit, _) => b"",
            (_, Crowded::Service) => b"421 4.3.2 Too many connections - try later\r\n",
            (_, Crowded::Address) => b"421 4.3.2 Too many connections from your IP address - try later\r\n",
        },
        |tcp, peer, guard| serve(context.clone(), settings(), tcp, peer, guard),
    )
    .await;
}

/// The office's own machines are many behind one address, or one with many mails: the limit per address is for others.
fn limits(service: &SmtpService, peer: IpAddr) -> Limits {
    let max_per_address = match policy::may_relay(service, peer) {
        true => 0,
        false => service.max_sessions_per_address,
    };
    Limits { max_sessions: service.max_sessions, max_per_address }
}

/// What the session may offer to a client at `peer`. `may_relay`: it may send out without a login.
fn offer(config: &Config, service: &SmtpService, may_relay: bool) -> Settings {
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
            Authentication::Off => LoginPolicy::Off,
            Authentication::Optional => LoginPolicy::Optional,
            Authentication::Required => LoginPolicy::Required,
        },
        clear_login: may_relay,
        cram_md5: config.general.reversible_passwords,
        dsn: !service.disable_dsn,
        refuse_percent: service.refuse_percent,
    }
}
