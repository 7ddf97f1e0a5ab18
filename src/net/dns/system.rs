//! What the system knows: `/etc/hosts` and the servers of `/etc/resolv.conf`, read again when the files change.

use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Of a longer file the rest is not read; ad-blocking hosts files are large, and none of their names is a mail host.
const MAX_FILE: u64 = 256 * 1024;

pub(super) struct System {
    hosts: Watched<Vec<(String, IpAddr)>>,
    servers: Watched<Vec<SocketAddr>>,
}

impl Default for System {
    fn default() -> System {
        System {
            hosts: Watched::new("/etc/hosts", parse_hosts),
            servers: Watched::new("/etc/resolv.conf", parse_resolv_conf),
        }
    }
}

impl System {
    /// Addresses of a name in lower case, in the order of the file.
    pub(super) fn hosts(&self, name: &str) -> Vec<IpAddr> {
        self.hosts.with(|hosts| hosts.iter().filter(|(host, _)| host == name).map(|(_, address)| *address).collect())
    }

    /// Never empty: without a configured server one on this host is presumed, as resolvers do.
    pub(super) fn servers(&self) -> Vec<SocketAddr> {
        let servers = self.servers.with(Clone::clone);
        if servers.is_empty() { vec![(Ipv4Addr::LOCALHOST, 53).into()] } else { servers }
    }
}

/// A file's content as parsed when it last changed.
struct Watched<T> {
    file: PathBuf,
    parse: fn(&str) -> T,
    state: Mutex<State<T>>,
}

#[derive(Default)]
struct State<T> {
    looked_at: Option<Instant>,
    modified: Option<SystemTime>,
    content: T,
}

impl<T: Default> Watched<T> {
    fn new(file: impl Into<PathBuf>, parse: fn(&str) -> T) -> Watched<T> {
        Watched { file: file.into(), parse, state: Mutex::default() }
    }

    fn with<R>(&self, ask: impl FnOnce(&T) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked_at.is_none_or(|at| at.elapsed() >= LOOK_AGAIN) {
            state.looked_at = Some(Instant::now());
            self.look(&mut state);
        }
        ask(&state.content)
    }

    fn look(&self, state: &mut State<T>) {
        let modified = fs::metadata(&self.file).and_then(|meta| meta.modified()).ok();
        if modified.is_some() && modified == state.modified {
            return;
        }
        let mut text = Vec::new();
        let read = File::open(&self.file).and_then(|file| file.take(MAX_FILE).read_to_end(&mut text));
        state.modified = read.is_ok().then_some(modified).flatten();
        state.content = (self.parse)(&String::from_utf8_lossy(&text));
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default().trim())
}

/// `address name alias…` a line.
fn parse_hosts(text: &str) -> Vec<(String, IpAddr)> {
    let mut hosts = Vec::new();
    for line in lines(text) {
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
        // An address of nowhere is how a name is blocked, or how Debian names the host itself; nothing to connect to.
        if !address.is_unspecified() {
            hosts.extend(words.map(|name| (name.to_ascii_lowercase(), address)));
        }
    }
    hosts
}

fn parse_resolv_conf(text: &str) -> Vec<SocketAddr> {
    lines(text)
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
            match address.split_once('%') {
                // A link-local server: its scope is an interface, by number or name.
                Some((address, interface)) => {
                    let scope = interface.parse().ok().or_else(|| nix::net::if_::if_nametoindex(interface).ok())?;
                    Some(std::net::SocketAddrV6::new(address.parse().ok()?, 53, 0, scope).into())
                }
                None => Some(SocketAddr::new(address.parse().ok()?, 53)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_files() {
        let text = "127.0.0.1\tlocalhost\n# 192.0.2.9 gone\n192.0.2.1  Mail.Office.example mail # the box\n\
                    ::1 localhost\n0.0.0.0 ads.example\nnonsense\n";
        let hosts = parse_hosts(text);
        let of = |name: &str| hosts.iter().filter(|(host, _)| host == name).count();
        assert_eq!((of("localhost"), of("mail"), of("mail.office.example")), (2, 1, 1));
        assert_eq!((of("gone"), of("ads.example"), of("#")), (0, 0, 0));
    }

    #[test]
    fn resolv_conf() {
        let text =
            "search lan\nnameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver fe80::1%1 # router\nnameserver x\n";
        let servers = parse_resolv_conf(text);
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[0], "192.0.2.1:53".parse().unwrap());
        assert!(matches!(servers[1], SocketAddr::V6(v6) if v6.scope_id() == 1));
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hosts");
        let watched = Watched::new(&file, parse_hosts);
        let count = || watched.with(Vec::len);
        let forget = || watched.state.lock().unwrap().looked_at = None;
        assert_eq!(count(), 0);
        fs::write(&file, "192.0.2.1 a\n").unwrap();
        forget();
        assert_eq!(count(), 1);
        fs::write(&file, "192.0.2.1 a b\n").unwrap();
        File::open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        forget();
        assert_eq!(count(), 2);
        fs::remove_file(&file).unwrap();
        forget();
        assert_eq!(count(), 0);
    }
}
