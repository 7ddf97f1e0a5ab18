//! STLS, and TLS from the first byte.

use std::net::TcpStream;

use async_io::Async;
use pillarbox::config::ServiceEncryption;
use pillarbox::net::tls::ClientTls;
use pillarbox::net::{Stream, timeout};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use super::office::{Office, PASSWORD, PATIENCE};

/// Sends each of the commands and gives what came until `end` stood at the end.
async fn talk(stream: &mut Stream, commands: &str, end: &str) -> String {
    stream.write_all(commands.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut got = String::new();
    let read = async {
        while !got.ends_with(end) {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "closed after {got:?}");
            got.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
    };
    timeout(PATIENCE, read).await.unwrap();
    got
}

async fn plain(office: &Office) -> Stream {
    let tcp = TcpStream::connect(office.address).unwrap();
    Stream::plain(Async::new(tcp).unwrap()).unwrap()
}

#[test]
fn a_login_waits_for_stls_where_encryption_is_required() {
    let office = Office::with(ServiceEncryption::Required, false);
    office.deliver(1, "Subject: x\r\n\r\n");
    smol::block_on(async {
        let mut stream = plain(&office).await;
        talk(&mut stream, "", "ready\r\n").await;
        assert!(talk(&mut stream, "USER anna\r\n", "\r\n").await.starts_with("-ERR A login needs encryption"));
        // What stands behind STLS in clear must not be taken for the client's.
        talk(&mut stream, "STLS\r\nUSER bert\r\n", "+OK Begin TLS\r\n").await;
        let mut stream = stream.connect_tls(&ClientTls::opportunistic(), "mail.office.example").await.unwrap();
        let login = format!("PASS {PASSWORD}\r\n");
        assert!(talk(&mut stream, &login, "\r\n").await.starts_with("-ERR Send USER first"));
        let got = talk(&mut stream, &format!("USER anna\r\n{login}RETR 1\r\n"), "\r\n.\r\n").await;
        assert!(got.contains("+OK 1 messages") && got.ends_with("Subject: x\r\n\r\n.\r\n"), "{got}");
        talk(&mut stream, "QUIT\r\n", "+OK Goodbye\r\n").await;
    });
}

#[test]
fn tls_from_the_first_byte() {
    let office = Office::with(ServiceEncryption::Implicit, false);
    let mail = format!("Subject: x\r\n\r\n{}", "a line\r\n".repeat(20_000));
    office.deliver(1, &mail);
    smol::block_on(async {
        let stream = plain(&office).await;
        let mut stream = stream.connect_tls(&ClientTls::opportunistic(), "mail.office.example").await.unwrap();
        talk(&mut stream, "", "ready\r\n").await;
        assert!(!talk(&mut stream, "CAPA\r\n", "\r\n.\r\n").await.contains("STLS"));
        let got = talk(&mut stream, &format!("USER anna\r\nPASS {PASSWORD}\r\nRETR 1\r\n"), "\r\n.\r\n").await;
        assert!(got.ends_with(&format!("{mail}.\r\n")));
    });
}
