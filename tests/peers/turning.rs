//! A provider that speaks SMTP by a script: reads lines and answers, and after ATRN becomes the client itself.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// For each step: the beginning of the line that is expected (empty: none), and what is said to it.
pub type Script = Vec<(&'static str, String)>;

pub struct Turning {
    pub address: SocketAddr,
    /// Lines that came, and how it ended.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Turning {
    /// Plays `script` for each connection.
    pub fn start(script: Script) -> Turning {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = heard.clone();
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let how = play(&socket, &script, &lines);
                lines.lock().unwrap().push(how.map_or_else(|text| text, |()| "end".into()));
            }
        });
        Turning { address, heard }
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn play(socket: &TcpStream, script: &Script, heard: &Mutex<Vec<String>>) -> Result<(), String> {
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(socket);
    let mut writer = socket;
    for (expected, say) in script {
        while !expected.is_empty() {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) => return Err(format!("closed instead of {expected}")),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
            heard.lock().unwrap().push(line.trim_end().to_string());
            if line.starts_with(expected) {
                break;
            }
            // Lines of a reply before its last one are passed over.
            if line.as_bytes().get(3) != Some(&b'-') {
                return Err(format!("{} instead of {expected}", line.trim_end()));
            }
        }
        writer.write_all(say.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(())
}
