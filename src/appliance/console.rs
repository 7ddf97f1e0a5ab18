//! What stands on the screen and on the serial line: the address of the page and how the box does. No login.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;

/// Consoles at most; a board has two or three.
const MOST: usize = 8;

/// Prints a line when there is something new to say.
#[derive(Default)]
pub(super) struct Console {
    said: String,
}

impl Console {
    pub(super) fn say(&mut self, text: &str) {
        if self.said != text {
            self.said = text.to_string();
            print(text);
        }
    }
}

/// On all consoles there are. One that cannot be written to must not hold anybody up.
pub(super) fn print(text: &str) {
    let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    for name in active.split_whitespace().filter(|name| !name.contains('/')).take(MOST) {
        let _ = OpenOptions::new()
            .write(true)
            .open(format!("/dev/{name}"))
            .and_then(|mut console| console.write_all(format!("pillarbox: {text}\r\n").as_bytes()));
    }
}

/// Addresses under which the office reaches the box: not loopback, not those of one cable only, IPv4 first.
pub(super) fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let all = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    let mut all: Vec<IpAddr> = all.filter(is_of_the_office).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn is_of_the_office(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

/// The page under each address and by name.
pub(super) fn pages(addresses: &[IpAddr], local_name: &str) -> String {
    let mut pages: Vec<String> = addresses
        .iter()
        .take(4)
        .map(|address| match address {
            IpAddr::V4(v4) => format!("https://{v4}/"),
            IpAddr::V6(v6) => format!("https://[{v6}]/"),
        })
        .collect();
    if pages.is_empty() {
        return "no network yet: is the cable plugged in?".into();
    }
    if !local_name.is_empty() {
        pages.push(format!("https://{local_name}.local/"));
    }
    format!("the page is at {}", pages.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_by_address_and_name() {
        let addresses = ["192.168.1.20".parse().unwrap(), "fd00::2".parse().unwrap()];
        assert_eq!(
            pages(&addresses, "pillarbox"),
            "the page is at https://192.168.1.20/ or https://[fd00::2]/ or https://pillarbox.local/"
        );
        assert_eq!(pages(&addresses[..1], ""), "the page is at https://192.168.1.20/");
        assert!(pages(&[], "pillarbox").contains("cable"));
    }

    #[test]
    fn only_addresses_the_office_can_use() {
        for (address, of_the_office) in
            [("127.0.0.1", false), ("::1", false), ("fe80::1", false), ("169.254.3.4", true), ("fd00::1", true)]
        {
            assert_eq!(is_of_the_office(&address.parse().unwrap()), of_the_office, "{address}");
        }
    }
}
