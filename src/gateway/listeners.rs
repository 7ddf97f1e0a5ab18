//! The sockets the program listens on: which the configuration asks for, and binding them all before anything else.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::{Config, ServiceEncryption};
use crate::live::Listening;
use crate::net::listen;

/// The name of the page's row in tables.
pub const STATUS_PAGE: &str = "Status page";

/// Which service a socket is for; services are named by their place in the configuration's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Smtp(usize),
    Pop3(usize),
    Web,
    /// Sends browsers on to the page.
    WebRedirect,
}

/// A socket the configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub service: Service,
    pub name: String,
    pub address: SocketAddr,
    pub encryption: &'static str,
}

/// A bound socket.
pub struct Bound {
    pub wanted: Wanted,
    /// With the port the system chose, where 0 was asked for.
    pub address: SocketAddr,
    pub listener: TcpListener,
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{service}: {text} is not an address with a port, such as 0.0.0.0:25")]
    Address { service: String, text: String },
    #[error(
        "port{} {}: permission denied: start as root, give the program the right to bind low ports (setcap \
         cap_net_bind_service=+ep), or use --high-ports",
        if .ports.contains(',') { "s" } else { "" }, .ports
    )]
    Denied { ports: String },
    #[error("port {port} is taken: another program listens on {address}")]
    Taken { port: u16, address: SocketAddr },
    #[error("{address}: {source}")]
    Other { address: SocketAddr, source: io::Error },
}

impl Bound {
    pub fn shown(&self) -> Listening {
        Listening {
            service: self.wanted.name.clone(),
            address: self.address.to_string(),
            encryption: self.wanted.encryption.into(),
        }
    }
}

/// Sockets of all enabled services.
pub fn wanted(config: &Config) -> Result<Vec<Wanted>, ListenError> {
    let mut all = Vec::new();
    let mut add = |service, name: &str, listen: &[String], encryption| {
        for text in listen {
            let address: SocketAddr = text
                .trim()
                .parse()
                .map_err(|_| ListenError::Address { service: name.to_string(), text: text.clone() })?;
            all.push(Wanted { service, name: name.to_string(), address, encryption });
        }
        Ok(())
    };
    for (index, smtp) in config.smtp.iter().enumerate().filter(|(_, service)| service.enabled) {
        add(Service::Smtp(index), &smtp.name, &smtp.listen, encryption(smtp.encryption, "STARTTLS"))?;
    }
    for (index, pop3) in config.pop3.iter().enumerate().filter(|(_, service)| service.enabled) {
        add(Service::Pop3(index), &pop3.name, &pop3.listen, encryption(pop3.encryption, "STLS"))?;
    }
    if config.web.enabled {
        add(Service::Web, STATUS_PAGE, &config.web.listen, "TLS")?;
        add(Service::WebRedirect, "Sent on to the page", &config.web.redirect_from, "none")?;
    }
    Ok(all)
}

fn encryption(setting: ServiceEncryption, upgrade: &'static str) -> &'static str {
    match setting {
        ServiceEncryption::Optional => upgrade,
        ServiceEncryption::Required if upgrade == "STLS" => "STLS required",
        ServiceEncryption::Required => "STARTTLS required",
        ServiceEncryption::Implicit => "TLS",
        ServiceEncryption::None => "none",
    }
}

/// Binds all or none. What is wrong with several ports for the same reason is one error.
pub fn bind(wanted: Vec<Wanted>) -> Result<Vec<Bound>, ListenError> {
    let mut bound = Vec::with_capacity(wanted.len());
    let mut denied = BTreeSet::new();
    for wanted in wanted {
        let address = wanted.address;
        match listen::bind(address) {
            Ok(Some(listener)) => {
                let address = listener.local_addr().unwrap_or(address);
                bound.push(Bound { wanted, address, listener });
            }
            // A host without IPv6.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                denied.insert(address.port());
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(ListenError::Taken { port: address.port(), address });
            }
            Err(source) => return Err(ListenError::Other { address, source }),
        }
    }
    if denied.is_empty() {
        return Ok(bound);
    }
    let ports: Vec<String> = denied.iter().map(u16::to_string).collect();
    Err(ListenError::Denied { ports: ports.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SmtpService, WebService};

    fn config(listen: &[&str]) -> Config {
        Config {
            smtp: vec![SmtpService { listen: listen.iter().map(|s| s.to_string()).collect(), ..Default::default() }],
            pop3: Vec::new(),
            web: WebService { enabled: false, ..Default::default() },
            ..Default::default()
        }
    }

    #[test]
    fn only_enabled_services_get_sockets() {
        let mut config = config(&["0.0.0.0:25", "[::]:25"]);
        assert_eq!(wanted(&config).unwrap().len(), 2);
        config.smtp[0].enabled = false;
        assert!(wanted(&config).unwrap().is_empty());
    }

    #[test]
    fn a_bad_address_is_named() {
        let error = wanted(&config(&["port 25"])).unwrap_err();
        assert!(error.to_string().contains("port 25 is not an address"), "{error}");
    }

    #[test]
    fn denied_ports_are_one_line() {
        let error = ListenError::Denied { ports: "25, 110".into() }.to_string();
        assert!(error.starts_with("ports 25, 110: permission denied: start as root, give"), "{error}");
        let error = ListenError::Denied { ports: "25".into() }.to_string();
        assert!(error.starts_with("port 25: permission denied: start as root"), "{error}");
    }
}
