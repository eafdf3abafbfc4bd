//! A client of HTTP/1.1 that keeps its connection, and lets a test say any bytes that it likes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::PATIENCE;

/// A connection, or the wish for one.
pub(crate) struct Client {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None }
    }

    /// Sends these bytes, whatever they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.connection()?.get_mut().write_all(bytes)
    }

    /// The next answer to a request of this method.
    pub(crate) fn read(&mut self, method: &str) -> std::io::Result<Reply> {
        let reply = read_reply(self.connection()?, method == "HEAD")?;
        if reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        Ok(reply)
    }

    /// Sends a request; an error is one of the connection, which is a new one for the next request.
    pub(crate) fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" || method == "PUT" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let sent = self.write(&[head.as_bytes(), body].concat()).and_then(|()| self.read(method));
        if sent.is_err() {
            self.connection = None;
        }
        sent
    }

    #[track_caller]
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        match self.try_send(method, path, headers, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, &[], b"").expect(200)
    }

    /// Makes a resource that has to be made.
    #[track_caller]
    pub(crate) fn create(&mut self, kind: &str, attributes: &Value) -> Value {
        let body = json!({ kind: attributes }).to_string();
        let reply = self.send("POST", &format!("/v2.0/{kind}s"), &[], body.as_bytes());
        reply.expect(201)[kind].take()
    }

    fn connection(&mut self) -> std::io::Result<&mut BufReader<TcpStream>> {
        let stream = match self.connection.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        Ok(self.connection.insert(stream))
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }

    /// The body, if the status is as expected.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The type and message of an error in Neutron's form.
    #[track_caller]
    pub(crate) fn error(&self) -> (String, String) {
        let body = self.json();
        let member = |name: &str| body["NeutronError"][name].as_str().unwrap_or_else(|| panic!("{body}"));
        assert_eq!(member("detail"), "");
        (member("type").to_owned(), member("message").to_owned())
    }
}

fn read_reply(stream: &mut BufReader<TcpStream>, has_no_body: bool) -> std::io::Result<Reply> {
    let broken = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut line = || -> std::io::Result<String> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken(&format!("no status: {first}")))?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, headers, body: Vec::new() };
    let length: u64 = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if !has_no_body {
        stream.take(length).read_to_end(&mut reply.body)?;
        if reply.body.len() as u64 != length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(reply)
}
