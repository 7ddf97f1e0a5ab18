//! The box's name in the office's network, and what it offers there (RFC 6762, RFC 6763). Addresses and interfaces that
//! come and go, and names that are taken, are the library's business.

use mdns_sd::{ServiceDaemon, ServiceInfo};

use crate::live::Pulse;

#[derive(Default)]
pub(super) struct Announcement {
    daemon: Option<ServiceDaemon>,
    /// What is announced: the name, and services with ports.
    said: Option<(String, Vec<(String, u16)>)>,
}

impl Announcement {
    /// Says what the program offers now; says good-bye to what it does not any more.
    pub(super) fn follow(&mut self, pulse: &Pulse) {
        let wanted = (pulse.announce && !pulse.local_name.is_empty())
            .then(|| (pulse.local_name.clone(), pulse.services.clone()));
        if self.said == wanted {
            return;
        }
        self.silence();
        if let Some((name, services)) = &wanted {
            match announce(name, services) {
                Ok(daemon) => self.daemon = Some(daemon),
                Err(error) => log::warn!("the name in the local network: {error}"),
            }
        }
        self.said = wanted;
    }

    pub(super) fn silence(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            let _ = daemon.shutdown();
        }
    }
}

fn announce(name: &str, services: &[(String, u16)]) -> Result<ServiceDaemon, mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    for info in offered(name, services)? {
        daemon.register(info)?;
    }
    Ok(daemon)
}

/// One entry a service. Instances have the box's name, so that two boxes in one network are two.
fn offered(name: &str, services: &[(String, u16)]) -> Result<Vec<ServiceInfo>, mdns_sd::Error> {
    let host = format!("{name}.local.");
    services
        .iter()
        .map(|(kind, port)| {
            let none: [(&str, &str); 0] = [];
            Ok(ServiceInfo::new(&format!("{kind}.local."), name, &host, (), *port, &none[..])?.enable_addr_auto())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mdns_sd::ServiceEvent;

    use super::*;

    #[test]
    fn entries_have_the_name_of_the_box() {
        let offered = offered("mail-2", &[("_pop3s._tcp".into(), 995)]).unwrap();
        assert_eq!(offered[0].get_fullname(), "mail-2._pop3s._tcp.local.");
        assert_eq!((offered[0].get_hostname(), offered[0].get_port()), ("mail-2.local.", 995));
    }

    /// On a port of its own, so that nobody's network hears it.
    #[test]
    fn others_find_the_services() {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (box_, other) = (ServiceDaemon::new_with_port(port).unwrap(), ServiceDaemon::new_with_port(port).unwrap());
        for daemon in [&box_, &other] {
            daemon.disable_interface(mdns_sd::IfKind::All).unwrap();
            daemon.enable_interface(mdns_sd::IfKind::LoopbackV4).unwrap();
        }
        for info in offered("pillarbox", &[("_submission._tcp".into(), 587)]).unwrap() {
            box_.register(info).unwrap();
        }
        let found = other.browse("_submission._tcp.local.").unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        let resolved = loop {
            let left = until.saturating_duration_since(Instant::now());
            match found.recv_timeout(left).expect("the service is found in time") {
                ServiceEvent::ServiceResolved(resolved) => break resolved,
                _ => continue,
            }
        };
        assert_eq!((resolved.get_hostname(), resolved.get_port()), ("pillarbox.local.", 587));
        let _ = box_.shutdown();
        let _ = other.shutdown();
    }
}
