//! The page of a box whose data cannot be used: what is wrong and what to do. It changes nothing.
//!
//! Small on purpose: one answer to every request, on ports 80 and 443, with a certificate made for the moment.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_io::Async;
use smol::io::{AsyncReadExt, AsyncWriteExt};

use crate::net::tls::ServerTls;
use crate::net::{Stream, listen, timeout};

use super::console;

/// Connections at a time; who comes later is not heard.
const MOST: usize = 32;
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the log that are shown.
const LOG: usize = 16 * 1024;

/// Answers for ever. `log` is a file that is shown below the reason, read each time.
pub fn rescue(reason: &str, log: Option<&Path>) -> io::Result<()> {
    let dir = PathBuf::from("/run/pillarbox-rescue");
    std::fs::create_dir_all(&dir)?;
    let tls = ServerTls::self_signed(&dir, "pillarbox.local").map_err(io::Error::other)?;
    let any: [SocketAddr; 2] = [([0, 0, 0, 0], 0).into(), ([0u16; 8], 0).into()];
    let mut listeners = Vec::new();
    for (port, tls) in [(80, None), (443, Some(tls))] {
        for mut address in any {
            address.set_port(port);
            listeners.extend(listen::bind(address)?.map(|listener| (listener, tls.clone())));
        }
    }
    console::print(&format!("RESCUE: {reason} {}", console::pages(&console::addresses(), "")));
    let answer = Arc::new(Answer { reason: reason.into(), log: log.map(Path::to_path_buf), open: AtomicUsize::new(0) });
    let executor = smol::LocalExecutor::new();
    for (listener, tls) in listeners {
        executor.spawn(serve(listener, tls, answer.clone())).detach();
    }
    async_io::block_on(executor.run(std::future::pending::<()>()));
    Ok(())
}

struct Answer {
    reason: String,
    log: Option<PathBuf>,
    open: AtomicUsize,
}

async fn serve(listener: TcpListener, tls: Option<ServerTls>, answer: Arc<Answer>) {
    let Ok(listener) = Async::new(listener) else { return };
    let executor = smol::LocalExecutor::new();
    let accept = async {
        loop {
            let Ok((tcp, _)) = listener.accept().await else {
                async_io::Timer::after(Duration::from_millis(200)).await;
                continue;
            };
            if answer.open.fetch_add(1, Ordering::Relaxed) >= MOST {
                answer.open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (tls, answer) = (tls.clone(), answer.clone());
            executor
                .spawn(async move {
                    let _ = timeout(PATIENCE, connection(tcp, tls, &answer)).await;
                    answer.open.fetch_sub(1, Ordering::Relaxed);
                })
                .detach();
        }
    };
    executor.run(accept).await
}

async fn connection(tcp: Async<std::net::TcpStream>, tls: Option<ServerTls>, answer: &Answer) -> io::Result<()> {
    let mut stream = Stream::plain(tcp)?;
    if let Some(tls) = tls {
        stream = stream.accept_tls(&tls).await?;
    }
    // Whatever is asked, the answer is the same; the first bytes say that somebody asks.
    let mut request = [0; 4096];
    if stream.read(&mut request).await? == 0 {
        return Ok(());
    }
    let page = answer.page();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.flush().await?;
    stream.close().await
}

impl Answer {
    fn page(&self) -> String {
        let log = self.log.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(log.len().saturating_sub(LOG)..).unwrap_or_default()).into_owned();
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>Pillarbox needs help</title><h1>Pillarbox cannot use its data</h1><p>{}</p>\
             <p>Nothing was deleted or formatted, and no mail is taken until this is mended.</p><ol>\
             <li>Cut the power, wait ten seconds, and start the box again.</li>\
             <li>If this page comes back and you have a backup: put its folder on a USB stick, name it \
             <b>pillarbox-restore</b>, plug the stick in, and start the box again. What is on the card now is kept \
             beside it.</li>\
             <li>If the card itself is at fault: flash a new one, and start it with that stick plugged in.</li></ol>\
             <h2>What the box says</h2><pre>{}</pre></html>\n",
            escaped(&self.reason),
            escaped(&log)
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_why_and_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{}<last>", "x".repeat(2 * LOG))).unwrap();
        let answer = Answer {
            reason: "The card is <damaged>.".into(),
            log: Some(file.path().to_path_buf()),
            open: AtomicUsize::new(0),
        };
        let page = answer.page();
        assert!(page.contains("The card is &lt;damaged&gt;.") && page.contains("pillarbox-restore"), "{page}");
        assert!(page.contains("x&lt;last&gt;</pre>") && page.len() < LOG + 2048, "{}", page.len());
    }
}
