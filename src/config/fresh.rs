//! The settings of a new box, and the same on high ports.

use super::{AccessList, Authentication, Config, Pop3Service, ServiceEncryption, SmtpService, WebService};

fn at(port: u16) -> Vec<String> {
    vec![format!("0.0.0.0:{port}"), format!("[::]:{port}")]
}

impl Config {
    /// What a box starts with whose store has no settings yet: the usual services, nobody in it.
    pub fn fresh() -> Config {
        let submission = |name: &str, port, encryption| SmtpService {
            name: name.into(),
            listen: at(port),
            encryption,
            authentication: Authentication::Required,
            access: AccessList::default(),
            ..SmtpService::default()
        };
        Config {
            smtp: vec![
                SmtpService::default(),
                submission("SMTP Submission", 587, ServiceEncryption::Required),
                submission("SMTP Submission (TLS)", 465, ServiceEncryption::Implicit),
            ],
            pop3: vec![
                Pop3Service::default(),
                Pop3Service {
                    name: "POP3 Server (TLS)".into(),
                    listen: at(995),
                    encryption: ServiceEncryption::Implicit,
                    ..Pop3Service::default()
                },
            ],
            web: WebService { redirect_from: at(80), ..WebService::default() },
            ..Config::default()
        }
    }

    /// The same, with 10000 added to every listening port below 10000 (0 stays: any free port). For a trial without the
    /// right to low ports.
    pub fn with_high_ports(mut self) -> Config {
        let services = self.smtp.iter_mut().map(|service| &mut service.listen);
        let services = services.chain(self.pop3.iter_mut().map(|service| &mut service.listen));
        for address in services.chain([&mut self.web.listen, &mut self.web.redirect_from]).flatten() {
            if let Some(higher) = higher(address) {
                *address = higher;
            }
        }
        self
    }
}

fn higher(address: &str) -> Option<String> {
    let mut address: std::net::SocketAddr = address.parse().ok()?;
    if address.port() == 0 || address.port() >= 10_000 {
        return None;
    }
    address.set_port(address.port() + 10_000);
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_ports() {
        let config = Config::fresh().with_high_ports();
        let listen: Vec<&str> = config.smtp.iter().flat_map(|service| &service.listen).map(String::as_str).collect();
        assert_eq!(
            listen,
            ["0.0.0.0:10025", "[::]:10025", "0.0.0.0:10587", "[::]:10587", "0.0.0.0:10465", "[::]:10465"]
        );
        assert_eq!(config.pop3[1].listen, ["0.0.0.0:10995", "[::]:10995"]);
        assert_eq!(config.web.listen, ["0.0.0.0:10443", "[::]:10443"]);
        assert_eq!(config.clone().with_high_ports(), config, "a second time changes nothing");
        assert_eq!(higher("127.0.0.1:0"), None);
        assert_eq!(higher("nonsense"), None);
    }
}
