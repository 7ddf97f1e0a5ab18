//! The mail servers of a domain (RFC 5321 §5.1, RFC 7505).

use std::net::IpAddr;

use crate::net::Resolver;
use crate::net::dns::DnsError;

use super::lane::Failed;

/// Names or addresses of the servers in the order they are to be asked, at least one. A list that names `own` is cut
/// there: what we would hand to hosts behind us would come back (RFC 5321 §5.1).
pub async fn find(resolver: &Resolver, domain: &str, own: &[String]) -> Result<Vec<String>, Failed> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address(literal)
            .map(|address| vec![address])
            .ok_or_else(|| failed(true, format!("501 5.1.3 {domain} is no address of a host")));
    }
    let found = match resolver.mx(domain).await {
        Ok(found) => found,
        // The domain is its own mail server, if it has an address.
        Err(DnsError::NoData(_)) => return Ok(vec![domain.to_string()]),
        Err(DnsError::NoName(_)) => {
            return Err(failed(true, format!("550 5.1.2 the domain {domain} does not exist")));
        }
        Err(DnsError::BadName(_)) => return Err(failed(true, format!("501 5.1.2 {domain} is no domain"))),
        Err(error @ DnsError::Temporary { .. }) => {
            return Err(failed(false, format!("451 4.4.3 the mail servers of {domain} cannot be found: {error}")));
        }
    };
    if let [only] = found.as_slice()
        && only.host.is_empty()
    {
        return Err(failed(true, format!("556 5.1.10 the domain {domain} takes no mail (null MX)")));
    }
    let is_own = |host: &str| own.iter().any(|name| name.eq_ignore_ascii_case(host));
    let ours = found.iter().filter(|mx| is_own(&mx.host)).map(|mx| mx.preference).min();
    let before_us = found.into_iter().filter(|mx| ours.is_none_or(|ours| mx.preference < ours));
    // An MX is a name, never an address (RFC 5321 §5.1).
    let hosts: Vec<String> =
        before_us.map(|mx| mx.host).filter(|host| !host.is_empty() && host.parse::<IpAddr>().is_err()).collect();
    match (hosts.is_empty(), ours) {
        (false, _) => Ok(hosts),
        (true, Some(_)) => {
            Err(failed(true, format!("554 5.4.6 mail for {domain} is to come to us, who do not take it")))
        }
        (true, None) => Err(failed(true, format!("550 5.4.4 no MX of {domain} is the name of a host"))),
    }
}

/// `192.0.2.1` or `IPv6:2001:db8::1`.
fn address(literal: &str) -> Option<String> {
    let v6 = literal.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")).and_then(|_| literal.get(5..));
    let address: IpAddr = v6.unwrap_or(literal).parse().ok()?;
    (address.is_ipv6() == v6.is_some()).then(|| address.to_string())
}

fn failed(permanent: bool, reason: String) -> Failed {
    Failed { reason: reason.into(), permanent, hold: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(address("192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(address("IPv6:2001:db8::1").as_deref(), Some("2001:db8::1"));
        for wrong in ["2001:db8::1", "IPv6:192.0.2.1", "host", "", "ipv"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
