//! The world of mail servers, of real programs: two Postfix on addresses of loopback, at port 25 like any, found through
//! NSD with a zone `example`. Only root may have port 25; where it is taken, the test says so.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::process::{Server, command, find, free_port, is_root, run, wait_for, wait_for_greeting_at};
use crate::provider::{OWNER, make_maildir, messages, services};

const ONE: &str = "127.77.1.1";
const TWO: &str = "127.77.1.2";
/// Every domain of the zone but those of the office.
const DOMAINS: &str = "pref.example, dead-first.example, cname.example, six.example, plain.example, large.example";

pub struct World {
    dir: PathBuf,
    pub dns_port: u16,
    /// A server listens on ::1 too.
    pub has_six: bool,
    _servers: Vec<Server>,
    _temporary: tempfile::TempDir,
}

impl World {
    /// `None`, with the reason on standard error, where the ports are not to be had.
    pub fn start() -> Option<World> {
        let free = |address: &str| TcpListener::bind((address, 25)).is_ok();
        if !is_root() || !free(ONE) || !free(TWO) {
            eprintln!("skipped: no port 25 on {ONE} and {TWO}");
            return None;
        }
        let has_six = free("::1");
        if !has_six {
            eprintln!("skipped: no port 25 on ::1, so no server that has IPv6 alone");
        }
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_path_buf();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let dns_port = free_port();
        let servers = vec![
            start_nsd(&dir, dns_port),
            start_postfix(&dir.join("one"), "mx1.example", &[ONE]),
            start_postfix(&dir.join("two"), "mx2.example", if has_six { &[TWO, "::1"] } else { &[TWO] }),
        ];
        Some(World { dir, dns_port, has_six, _servers: servers, _temporary: temporary })
    }

    /// What both servers have taken.
    pub fn delivered(&self) -> (usize, usize) {
        let count = |name: &str| messages(&self.dir.join(name).join("inbox")).len();
        (count("one"), count("two"))
    }

    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        format!("{}\n{}\n{}", read("one/maillog"), read("two/maillog"), read("nsd.log"))
    }
}

/// An answer of this many MX records does not fit into a datagram.
const MANY: usize = 60;

fn zone() -> String {
    let mut zone = format!(
        "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n\
         mx1 A {ONE}\nmx2 A {TWO}\ndead A 127.77.1.9\nmx6 AAAA ::1\nalias CNAME mx1\nplain A {ONE}\n\
         pref MX 20 mx2\npref MX 10 mx1\ndead-first MX 10 dead\ndead-first MX 20 mx2\ndead MX 10 dead\n\
         noaddress MX 10 nobody\ncname MX 10 alias\nnull MX 0 .\nsix MX 10 mx6\nlarge MX 5 mx2\n"
    );
    for number in 0..MANY {
        zone.push_str(&format!("large MX 50 a-mail-server-with-a-rather-long-name-number-{number}\n"));
    }
    zone
}

fn start_nsd(dir: &Path, port: u16) -> Server {
    let d = dir.display();
    fs::write(dir.join("example.zone"), zone()).unwrap();
    // A zone whose file is missing is answered with SERVFAIL.
    let text = format!(
        "server:\n ip-address: 127.0.0.1@{port}\n port: {port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{d}\"\n \
         pidfile: \"{d}/nsd.pid\"\n xfrdfile: \"{d}/xfrd.state\"\n zonelistfile: \"{d}/zone.list\"\n xfrdir: \"{d}\"\n \
         logfile: \"{d}/nsd.log\"\n server-count: 1\nremote-control:\n control-enable: no\n\
         zone:\n name: example\n zonefile: example.zone\nzone:\n name: servfail.test\n zonefile: none.zone\n"
    );
    let file = dir.join("nsd.conf");
    fs::write(&file, text).unwrap();
    let server = Server::start(command("nsd").arg("-d").arg("-c").arg(&file), &dir.join("nsd.out"));
    let resolver = pillarbox::net::Resolver::new(vec![([127, 0, 0, 1], port).into()]);
    wait_for("the name server", || smol::block_on(resolver.mx("pref.example")).is_ok());
    server
}

fn start_postfix(dir: &Path, name: &str, addresses: &[&str]) -> Server {
    fs::create_dir(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let d = dir.display();
    make_maildir(&dir.join("inbox"));
    let etc = dir.join("postfix");
    for part in ["postfix", "queue", "postfix-data"] {
        fs::create_dir(dir.join(part)).unwrap();
    }
    let postfix = nix::unistd::User::from_name("postfix").unwrap().unwrap();
    chown(dir.join("postfix-data"), Some(postfix.uid.as_raw()), None).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {d}/queue\ndata_directory = {d}/postfix-data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmeta_directory = /etc/postfix\n\
         shlib_directory = /usr/lib/postfix\nmail_owner = postfix\nsetgid_group = postdrop\nmyhostname = {name}\n\
         mydestination =\ninet_interfaces = all\ninet_protocols = all\nmynetworks =\nalias_maps =\nalias_database =\n\
         virtual_mailbox_domains = {DOMAINS}\nvirtual_mailbox_base = {d}\nvirtual_mailbox_maps = static:inbox/\n\
         virtual_uid_maps = static:{OWNER}\nvirtual_gid_maps = static:{OWNER}\nlocal_recipient_maps =\n\
         smtpd_relay_restrictions = reject_unauth_destination\nsmtpd_peername_lookup = no\n\
         smtp_dns_support_level = disabled\nmaillog_file = {d}/maillog\nmaillog_file_prefixes = {d}\n"
    );
    fs::write(etc.join("main.cf"), main).unwrap();
    let listeners: String = addresses
        .iter()
        .map(|address| if address.contains(':') { format!("[{address}]") } else { address.to_string() })
        .map(|address| format!("{address}:25 inet n - n - - smtpd\n"))
        .collect();
    fs::write(etc.join("master.cf"), format!("{listeners}{}", services())).unwrap();
    let known_maps = Path::new("/etc/postfix/dynamicmaps.cf");
    if known_maps.exists() {
        fs::copy(known_maps, etc.join("dynamicmaps.cf")).unwrap();
    }
    run(command("postfix").arg("-c").arg(&etc).arg("check"));
    let master = find("master").unwrap();
    let mut server =
        Server::start(std::process::Command::new(master).arg("-c").arg(&etc).arg("-d"), &dir.join("postfix.out"));
    wait_for_greeting_at(&mut server, addresses[0], 25);
    server
}
