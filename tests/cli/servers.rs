//! Servers that are not what they should be.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::house::{House, assert_told};

/// What a server does when it has read the head of a request.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Says(&'static str),
    KeepsSilent,
    HangsUp,
}

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) url: String,
    silent: Receiver<()>,
}

impl Server {
    /// Behaves towards each path as `manner` says.
    pub(crate) fn new(manner: fn(&str) -> Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, silent) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                std::thread::spawn(move || answer(stream, manner, &tell));
            }
        });
        Self { url, silent }
    }

    /// Waits until somebody waits for an answer that does not come.
    pub(crate) fn wait_until_somebody_waits(&self) {
        self.silent.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}

/// The client may hang up at any time; then there is nobody left to answer.
fn answer(mut stream: TcpStream, manner: fn(&str) -> Manner, tell: &Sender<()>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !is_tls(&head) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).ok()? {
            0 => return None,
            length => head.extend_from_slice(&chunk[..length]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    match manner(head.split(' ').nth(1).unwrap_or_default()) {
        Manner::Says(text) => stream.write_all(text.as_bytes()).ok(),
        Manner::KeepsSilent => {
            let _ = tell.send(());
            stream.read(&mut [0]).ok().map(drop)
        }
        Manner::HangsUp => None,
    }
}

/// Whether a client begins with a handshake (RFC 8446, section 5.1), which has no end of a head.
fn is_tls(head: &[u8]) -> bool {
    head.first() == Some(&22)
}

/// A registry until it is recognised; then it says no more.
pub(crate) fn falls_silent(path: &str) -> Manner {
    match path {
        "/v2/" => Manner::Says(
            "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\n{}",
        ),
        "/v2/_zot/ext/mgmt" => Manner::Says(
            "HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{\"releaseTag\":\"v\\u001b[2J\"}",
        ),
        _ => Manner::KeepsSilent,
    }
}

#[test]
fn no_registry() {
    let html = Server::new(|_| {
        Manner::Says(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
        )
    });
    let missing =
        Server::new(|_| Manner::Says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    let lines = [html, missing].map(|server| format!("live {} --json report.json", server.url));
    assert_told!(House::new().refused(3, &lines.each_ref().map(String::as_str)));
}

#[test]
fn no_answer() {
    let silent = Server::new(|_| Manner::KeepsSilent);
    let hangs_up = Server::new(|_| Manner::HangsUp);
    let lines = [
        "live http://127.0.0.1:1".to_owned(),
        format!("live {} --timeout 1s", silent.url),
        format!("live {}", hangs_up.url),
    ];
    assert_told!(House::new().refused(3, &lines.each_ref().map(String::as_str)));
}

#[test]
fn no_tls() {
    let server = Server::new(|_| Manner::Says("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
    let line = format!("live {}", server.url.replace("http:", "https:"));
    assert_told!(House::new().refused(3, &[&line]));
}

#[test]
fn no_such_host() {
    let told = House::new().refused(3, &["live http://no-such-host.invalid"]);
    let mut settings = insta::Settings::clone_current();
    // Resolvers say it in words of their own.
    settings.add_filter("(failed to lookup address information): .*", "$1");
    settings.bind(|| assert_told!(told));
}
