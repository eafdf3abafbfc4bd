//! The control socket of an Open vSwitch daemon: JSON-RPC, many calls on one connection.
//!
//! `ovs-appctl` starts a process and a connection for each command. Ten thousand `ofproto/trace`
//! take it a minute and this connection a fraction of a second.

use std::fmt;
use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::de::IoRead;
use serde_json::{Deserializer, StreamDeserializer, Value, json};

/// No command that a test uses takes longer; a daemon that hangs fails the test.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The daemon reads this many requests at a time.
const PIPELINED_REQUESTS_MAX: usize = 10;
/// Requests in flight fit into the socket's buffers with room to spare, so neither side can block
/// the other by writing.
const PIPELINED_BYTES_MAX: usize = 64 * 1024;

/// One connection to the control socket of a daemon.
pub struct UnixCtl {
    requests: UnixStream,
    replies: StreamDeserializer<'static, IoRead<BufReader<UnixStream>>, Value>,
    next_id: u64,
}

impl fmt::Debug for UnixCtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixCtl").field("next_id", &self.next_id).finish_non_exhaustive()
    }
}

impl UnixCtl {
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let requests = UnixStream::connect(path).with_context(|| format!("connect to {}", path.display()))?;
        requests.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        requests.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let replies = Deserializer::from_reader(BufReader::new(requests.try_clone()?)).into_iter();
        Ok(Self { requests, replies, next_id: 0 })
    }

    /// Runs one command and returns the text it printed.
    pub fn call(&mut self, method: &str, params: &[&str]) -> Result<String> {
        let first_id = self.next_id;
        let request = self.encode(method, params);
        self.requests.write_all(&request).with_context(|| format!("send {method}"))?;
        self.receive(first_id, method)
    }

    /// `ofproto/trace`: where a packet, given as a flow, goes in `bridge`.
    pub fn trace(&mut self, bridge: &str, flow: &str) -> Result<String> {
        self.call("ofproto/trace", &[bridge, flow])
    }

    /// Traces many packets, several requests at a time, and returns the answers in their order.
    ///
    /// A packet that the switch refuses to trace ends the series with an error that quotes it.
    pub fn trace_all<S: AsRef<str>>(&mut self, bridge: &str, flows: &[S]) -> Result<Vec<String>> {
        let mut answers = Vec::with_capacity(flows.len());
        while answers.len() < flows.len() {
            let first_id = self.next_id;
            let mut batch = Vec::new();
            let mut count = 0;
            for flow in flows[answers.len()..].iter().take(PIPELINED_REQUESTS_MAX) {
                let request = self.encode("ofproto/trace", &[bridge, flow.as_ref()]);
                if count > 0 && batch.len() + request.len() > PIPELINED_BYTES_MAX {
                    self.next_id -= 1;
                    break;
                }
                batch.extend_from_slice(&request);
                count += 1;
            }
            self.requests.write_all(&batch).context("send ofproto/trace")?;
            let asked = flows[answers.len()..].iter().take(count);
            for (id, flow) in (first_id..).zip(asked) {
                answers.push(
                    self.receive(id, "ofproto/trace").with_context(|| format!("trace {}", flow.as_ref()))?,
                );
            }
        }
        Ok(answers)
    }

    fn encode(&mut self, method: &str, params: &[&str]) -> Vec<u8> {
        let id = self.next_id;
        self.next_id += 1;
        json!({ "id": id, "method": method, "params": params }).to_string().into_bytes()
    }

    fn receive(&mut self, id: u64, method: &str) -> Result<String> {
        let reply = match self.replies.next() {
            Some(reply) => reply.with_context(|| format!("read the answer to {method}"))?,
            None => bail!("the daemon closed the connection before it answered {method}"),
        };
        ensure!(
            reply.get("id") == Some(&json!(id)),
            "an answer to another request than {method} {id}: {reply}"
        );
        if let Some(error) = reply.get("error").and_then(Value::as_str) {
            return Err(anyhow!("{method} failed: {}", error.trim_end()));
        }
        let result = reply.get("result").and_then(Value::as_str);
        result
            .map(str::to_owned)
            .with_context(|| format!("{method} has neither a result nor an error: {reply}"))
    }
}
