//! What is printed at start: what listens where.

use std::fmt::Write;
use std::path::Path;

use crate::live::Listening;

use super::listeners::STATUS_PAGE;

pub fn table(listening: &[Listening], data: &Path, user: Option<&str>) -> String {
    let width = |of: fn(&Listening) -> &str| listening.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (service, address) = (width(|row| &row.service), width(|row| &row.address));
    let mut text = format!("Pillarbox {}\n", env!("CARGO_PKG_VERSION"));
    for row in listening {
        let _ = writeln!(text, "  {:service$}  {:address$}  {}", row.service, row.address, row.encryption);
    }
    if listening.is_empty() {
        text.push_str("  nothing listens: no service is enabled\n");
    }
    let _ = writeln!(text, "  data in {}", data.display());
    if let Some(user) = user {
        let _ = writeln!(text, "  running as {user}");
    }
    if let Some(page) = listening.iter().find(|row| row.service == STATUS_PAGE) {
        let _ = writeln!(text, "  status page https://{}/", reachable(&page.address));
    }
    text
}

/// An address people can type: a wildcard becomes this host.
fn reachable(address: &str) -> String {
    address.replace("0.0.0.0", "localhost").replace("[::]", "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_listens_where() {
        let row = |service: &str, address: &str, encryption: &str| Listening {
            service: service.into(),
            address: address.into(),
            encryption: encryption.into(),
        };
        let rows = [row("SMTP", "0.0.0.0:25", "STARTTLS"), row("Status page", "0.0.0.0:443", "TLS")];
        let text = table(&rows, Path::new("/var/lib/pillarbox"), Some("pillarbox"));
        assert!(text.contains("  SMTP         0.0.0.0:25   STARTTLS\n"), "{text}");
        assert!(text.contains("status page https://localhost:443/"), "{text}");
        assert!(text.contains("running as pillarbox"), "{text}");
    }
}
