//! The provider, of real programs: Postfix as the smarthost that wants STARTTLS and a login, Dovecot as the POP3 server
//! and as Postfix' judge of passwords. All on loopback, with configuration and data in one temporary directory.
//!
//! The provider's only account is `office` with the password `pr0vider`. Mail for any address at `elsewhere.example` ends
//! in one maildir.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::process::{Server, command, find, free_port, run, wait_for_greeting};

/// `nobody` on Debian: who owns the maildirs.
pub const OWNER: u32 = 65534;

pub const USER: &str = "office";
pub const PASSWORD: &str = "pr0vider";

pub struct Provider {
    pub dir: PathBuf,
    pub smtp_port: u16,
    pub pop3_port: u16,
    /// Where mail for `office.example` goes, once ETRN asks for it.
    pub office_port: u16,
    _servers: Vec<Server>,
    _temporary: tempfile::TempDir,
}

impl Provider {
    pub fn start() -> Provider {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_path_buf();
        // Several users of the system have to walk through here.
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        pillarbox::net::tls::ServerTls::self_signed(&dir.join("tls"), "localhost").unwrap();
        let certificate = dir.join("tls/certificate.pem");
        fs::set_permissions(&certificate, fs::Permissions::from_mode(0o644)).unwrap();
        for maildir in ["collected", "sent"] {
            make_maildir(&dir.join(maildir));
        }
        let (smtp_port, pop3_port, office_port) = (free_port(), free_port(), free_port());
        let dovecot = start_dovecot(&dir, pop3_port);
        let postfix = start_postfix(&dir, smtp_port, office_port);
        Provider { dir, smtp_port, pop3_port, office_port, _servers: vec![postfix, dovecot], _temporary: temporary }
    }

    /// The certificate of both servers, for those who are to trust it. Its name is `localhost`.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("tls/certificate.pem")
    }

    /// Puts a message into the mailbox at the provider.
    pub fn put(&self, name: &str, message: &[u8]) {
        let file = self.dir.join("collected/new").join(name);
        fs::write(&file, message).unwrap();
        chown(&file, Some(OWNER), Some(OWNER)).unwrap();
    }

    /// Gives the account another password.
    pub fn set_password(&self, password: &str) {
        write_password(&self.dir, password);
    }

    /// Messages left in the mailbox at the provider.
    pub fn left(&self) -> usize {
        messages(&self.dir.join("collected")).len()
    }

    /// What the smarthost has delivered to elsewhere.
    pub fn delivered(&self) -> Vec<Vec<u8>> {
        messages(&self.dir.join("sent"))
    }

    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        format!("{}\n{}", read("maillog"), read("dovecot.log"))
    }
}

fn write_password(dir: &Path, password: &str) {
    fs::write(dir.join("passwd.new"), format!("{USER}:{{PLAIN}}{password}\n")).unwrap();
    fs::rename(dir.join("passwd.new"), dir.join("passwd")).unwrap();
}

pub fn make_maildir(dir: &Path) {
    for part in ["", "new", "cur", "tmp"] {
        fs::create_dir(dir.join(part)).unwrap();
        chown(dir.join(part), Some(OWNER), Some(OWNER)).unwrap();
    }
}

pub fn messages(maildir: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(maildir.join(part)).unwrap().flatten() {
            all.extend(fs::read(entry.path()));
        }
    }
    all
}

fn start_dovecot(dir: &Path, port: u16) -> Server {
    let d = dir.display();
    write_password(dir, PASSWORD);
    let text = format!(
        "protocols = pop3\nlisten = 127.0.0.1\nbase_dir = {d}/dovecot\nstate_dir = {d}/dovecot\nlog_path = {d}/dovecot.log\n\
         ssl = yes\nssl_cert = <{d}/tls/certificate.pem\nssl_key = <{d}/tls/key.pem\ndisable_plaintext_auth = no\n\
         auth_mechanisms = plain login apop cram-md5\npassdb {{\n driver = passwd-file\n args = {d}/passwd\n}}\n\
         userdb {{\n driver = static\n args = uid={OWNER} gid={OWNER} home={d}/collected\n}}\n\
         mail_location = maildir:{d}/collected\nfirst_valid_uid = {OWNER}\nlast_valid_uid = {OWNER}\n\
         first_valid_gid = {OWNER}\nmail_privileged_group =\n\
         service pop3-login {{\n inet_listener pop3 {{\n  port = {port}\n }}\n inet_listener pop3s {{\n  port = 0\n }}\n}}\n\
         service auth {{\n unix_listener {d}/auth {{\n  mode = 0666\n }}\n}}\n\
         service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n"
    );
    let file = dir.join("dovecot.conf");
    fs::write(&file, text).unwrap();
    let mut server = Server::start(command("dovecot").arg("-F").arg("-c").arg(&file), &dir.join("dovecot.out"));
    wait_for_greeting(&mut server, port);
    server
}

fn start_postfix(dir: &Path, port: u16, office_port: u16) -> Server {
    let d = dir.display();
    let etc = dir.join("postfix");
    for part in ["postfix", "queue", "postfix-data"] {
        fs::create_dir(dir.join(part)).unwrap();
    }
    let postfix = nix::unistd::User::from_name("postfix").unwrap().unwrap();
    chown(dir.join("postfix-data"), Some(postfix.uid.as_raw()), None).unwrap();
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {d}/queue\ndata_directory = {d}/postfix-data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmeta_directory = /etc/postfix\n\
         shlib_directory = /usr/lib/postfix\nmail_owner = postfix\nsetgid_group = postdrop\nmyhostname = smarthost.example\n\
         mydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks =\nalias_maps =\nalias_database =\n\
         virtual_mailbox_domains = elsewhere.example\nvirtual_mailbox_base = {d}\nvirtual_mailbox_maps = static:sent/\n\
         virtual_uid_maps = static:{OWNER}\nvirtual_gid_maps = static:{OWNER}\nlocal_recipient_maps =\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\nsmtpd_recipient_restrictions = \
         permit_sasl_authenticated, reject\nsmtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {d}/auth\n\
         smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\nsmtpd_tls_cert_file = {d}/tls/certificate.pem\n\
         smtpd_tls_key_file = {d}/tls/key.pem\nsmtpd_tls_received_header = yes\nsmtpd_peername_lookup = no\n\
         smtp_dns_support_level = disabled\nmessage_size_limit = 52428800\nmailbox_size_limit = 0\n\
         virtual_mailbox_limit = 0\nmaillog_file = {d}/maillog\nmaillog_file_prefixes = {d}\n"
    );
    // Mail for the office waits until somebody asks for it.
    let etrn = "relay_domains = office.example\nfast_flush_domains = office.example\ndefer_transports = smtp\n\
        transport_maps = texthash:$config_directory/transport\n";
    fs::write(etc.join("transport"), format!("office.example smtp:[127.0.0.1]:{office_port}\n")).unwrap();
    fs::write(etc.join("main.cf"), main + etrn).unwrap();
    fs::write(etc.join("master.cf"), master(port)).unwrap();
    let known_maps = Path::new("/etc/postfix/dynamicmaps.cf");
    if known_maps.exists() {
        fs::copy(known_maps, etc.join("dynamicmaps.cf")).unwrap();
    }
    run(command("postfix").arg("-c").arg(&etc).arg("check"));
    let master = find("master").unwrap();
    let mut server =
        Server::start(std::process::Command::new(master).arg("-c").arg(&etc).arg("-d"), &dir.join("postfix.out"));
    wait_for_greeting(&mut server, port);
    server
}

fn master(port: u16) -> String {
    format!("127.0.0.1:{port} inet n - n - - smtpd\n{}", services())
}

/// Postfix' own services, for its master.cf.
pub fn services() -> String {
    [
        ("cleanup", "unix n - n - 0 cleanup"),
        ("qmgr", "unix n - n 300 1 qmgr"),
        ("tlsmgr", "unix - - n 1000? 1 tlsmgr"),
        ("rewrite", "unix - - n - - trivial-rewrite"),
        ("bounce", "unix - - n - 0 bounce"),
        ("defer", "unix - - n - 0 bounce"),
        ("trace", "unix - - n - 0 bounce"),
        ("flush", "unix n - n 1000? 0 flush"),
        ("proxymap", "unix - - n - - proxymap"),
        ("smtp", "unix - - n - - smtp"),
        ("error", "unix - - n - - error"),
        ("retry", "unix - - n - - error"),
        ("virtual", "unix - n n - - virtual"),
        ("anvil", "unix - - n - 1 anvil"),
        ("postlog", "unix-dgram n - n - 1 postlogd"),
    ]
    .map(|(name, line)| format!("{name} {line}\n"))
    .concat()
}
