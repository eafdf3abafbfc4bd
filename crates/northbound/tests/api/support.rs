//! A server on a store in memory, and a client that says what a test says and nothing more.

use std::net::SocketAddr;
use std::sync::Arc;

use model::{Object, Table};
use nb::memory::MemoryStore;
use nb::{Selector, Store};
use northbound::{Server, Settings};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that ends with the test.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) store: MemoryStore,
    task: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The name and the text of an error with this status.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, kind: &str, message: &str) {
        let body = self.expect(status);
        assert_eq!(body["NeutronError"]["type"], kind, "{body}");
        assert_eq!(body["NeutronError"]["message"], message);
        assert_eq!(body["NeutronError"]["detail"], "");
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(MemoryStore::new(), Settings::default()).await
    }

    pub(crate) async fn with(store: MemoryStore, settings: Settings) -> Self {
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let server = Server::new(shared, settings).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            server.serve(listener, std::future::pending()).await.unwrap();
        });
        Self { address, store, task }
    }

    /// The rows of a table that controllers read.
    pub(crate) async fn objects(&self, table: Table) -> Vec<Object> {
        let snapshot = self.store.snapshot(&Selector::tables([table])).await.unwrap();
        let object =
            |row: &nb::Row| Object::from_text(table, std::str::from_utf8(&row.value).unwrap()).unwrap();
        snapshot.rows.iter().map(object).collect()
    }

    /// A client with these headers.
    pub(crate) fn client(&self, headers: &[(&str, &str)]) -> Client {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Client { address: self.address, headers, stream: None }
    }

    /// A client that may do everything.
    pub(crate) fn admin(&self) -> Client {
        self.client(&[])
    }

    /// A member of a project.
    pub(crate) fn member(&self, project: &str) -> Client {
        self.client(&[("X-Project-Id", project), ("X-Roles", "member")])
    }
}

/// A client with one connection.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    stream: Option<TcpStream>,
}

impl Client {
    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Reply {
        self.send("DELETE", path, &[], b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], body.to_string().as_bytes()).await
    }

    pub(crate) async fn put(&mut self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &[], body.to_string().as_bytes()).await
    }

    /// Creates a resource and gives what the answer shows of it.
    #[track_caller]
    pub(crate) fn create<'a>(
        &'a mut self,
        singular: &'a str,
        body: Value,
    ) -> impl Future<Output = Value> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.post(&format!("/v2.0/{singular}s"), serde_json::json!({singular: body})).await;
            assert_eq!(reply.status, 201, "{} (created at {place})", reply.text);
            reply.json()[singular].take()
        }
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        self.send_raw(&bytes, method == "HEAD").await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8], is_head: bool) -> Reply {
        if self.stream.is_none() {
            self.stream = Some(TcpStream::connect(self.address).await.unwrap());
        }
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(bytes).await.unwrap();
        let (head, mut rest) = read_head(stream).await;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        let reply = Reply { status, headers, text: String::new() };
        let length: usize = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let wanted = if is_head { 0 } else { length };
        while rest.len() < wanted {
            let mut buffer = vec![0; 65536];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the server closed the connection in the middle of an answer");
            rest.extend_from_slice(&buffer[..count]);
        }
        if reply.header("connection") == Some("close") {
            self.stream = None;
        }
        Reply { text: String::from_utf8(rest).unwrap(), ..reply }
    }
}

async fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return (String::from_utf8(bytes).unwrap(), rest);
        }
        let mut buffer = vec![0; 65536];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the server closed the connection without an answer");
        bytes.extend_from_slice(&buffer[..count]);
    }
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(mut holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !holds().await {
            assert!(tokio::time::Instant::now() < deadline, "{place}: it never holds");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
