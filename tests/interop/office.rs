//! The office: the program itself, started as an administrator would, with one user `bob`, password `0ffice`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{Server, free_port, run, wait_for_greeting};
use crate::provider::{PASSWORD, Provider, USER};

pub const BOB: &str = "bob";
pub const BOBS_PASSWORD: &str = "0ffice";

const PROGRAM: &str = env!("CARGO_BIN_EXE_pillarbox");

pub struct Office {
    pub dir: PathBuf,
    pub smtp_port: u16,
    /// Encrypted from the first byte.
    pub smtps_port: u16,
    pub pop3_port: u16,
    pub pop3s_port: u16,
    server: Option<Server>,
    _temporary: tempfile::TempDir,
}

impl Office {
    /// Without a provider there is only local mail. `collector` is what a collector's settings have beyond the usual.
    pub fn start(provider: Option<&Provider>, collector: &str) -> Office {
        let port = provider.map_or_else(free_port, |provider| provider.office_port);
        Office::at(port, &provider.map(|provider| connection(provider, collector)).unwrap_or_default())
    }

    /// With these settings beyond the services and bob.
    pub fn with(more: &str) -> Office {
        Office::at(free_port(), more)
    }

    fn at(smtp_port: u16, more: &str) -> Office {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_path_buf();
        let [smtps_port, pop3_port, pop3s_port] = std::array::from_fn(|_| free_port());
        let mut config = format!(
            "[general]\nhost_name = \"gateway.office.example\"\ndefault_domain = \"office.example\"\n\
             local_domains = [\"office.example\"]\nmain_administrator = \"{BOB}\"\nreversible_passwords = true\n\
             [web]\nenabled = false\n\
             [[smtp]]\nlisten = [\"127.0.0.1:{smtp_port}\"]\naccess = []\n\
             [[smtp]]\nlisten = [\"127.0.0.1:{smtps_port}\"]\nencryption = \"implicit\"\naccess = []\n\
             [[pop3]]\nlisten = [\"127.0.0.1:{pop3_port}\"]\n\
             [[pop3]]\nlisten = [\"127.0.0.1:{pop3s_port}\"]\nencryption = \"implicit\"\n\
             [[users]]\nname = \"{BOB}\"\nadministrator = true\npassword = \"{BOBS_PASSWORD}\"\n"
        );
        config.push_str(more);
        let file = dir.join("office.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--data").arg(dir.join("data")).arg("--config").arg(&file);
        let mut server = Server::start(&mut command, &dir.join("log"));
        wait_for_greeting(&mut server, smtp_port);
        wait_for_greeting(&mut server, pop3_port);
        Office { dir, smtp_port, smtps_port, pop3_port, pop3s_port, server: Some(server), _temporary: temporary }
    }

    /// Collects now.
    pub fn collect(&self) {
        run(Command::new(PROGRAM).arg("collect").arg("--data").arg(self.dir.join("data")));
    }

    /// Tries to send everything that waits, now.
    pub fn retry(&self) {
        run(Command::new(PROGRAM).args(["queue", "retry", "--data"]).arg(self.dir.join("data")));
    }

    /// The queue as the command line tells it.
    pub fn queue(&self) -> serde_json::Value {
        let data = self.dir.join("data");
        let output = run(Command::new(PROGRAM).args(["queue", "list", "--json", "--data"]).arg(data));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    pub fn stop(mut self) {
        let status = self.server.take().unwrap().stop();
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

fn connection(provider: &Provider, collector: &str) -> String {
    let (smtp, pop3, ca) = (provider.smtp_port, provider.pop3_port, provider.certificate());
    let mut text = format!(
        "[tls]\nca_file = \"{}\"\n[[connections]]\nname = \"Provider\"\ndefault = {}\n\
         [connections.sender]\nhosts = [{{ host = \"localhost\", port = {smtp} }}]\nencryption = \"starttls\"\n\
         login = {{ user = \"{USER}\", password = \"{PASSWORD}\" }}\n",
        ca.display(),
        // What is collected is collected when the test asks.
        collector.is_empty()
    );
    if !collector.is_empty() {
        text.push_str(&format!(
            "[[collectors]]\nhost = \"localhost\"\nport = {pop3}\n\
             login = {{ user = \"{USER}\", password = \"{PASSWORD}\" }}\nrouting = {{ send-to = \"{BOB}\" }}\n{collector}\n"
        ));
    }
    text
}
