//! The API as a person uses it: `curl`.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::require::require_tool;

const TIMEOUT_S: &str = "60";

/// A Neutron API.
#[derive(Debug, Clone)]
pub struct Api {
    address: String,
    project: String,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where there is none.
    pub body: Value,
}

impl Api {
    /// The API that listens at `address`, used by a project of its own.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), project: "11112222333344445555666677778888".to_owned() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The command that sends a request, to be shown and copied.
    #[must_use]
    pub fn command_line(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let data = body.map(|body| format!(" -d '{body}'")).unwrap_or_default();
        format!("curl -s -X {method} http://{}{path} -H 'X-Project-Id: {}'{data}", self.address, self.project)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Response> {
        self.request("GET", path, None)
    }

    /// POST.
    pub fn post(&self, path: &str, body: &Value) -> Result<Response> {
        self.request("POST", path, Some(body))
    }

    /// PUT.
    pub fn put(&self, path: &str, body: &Value) -> Result<Response> {
        self.request("PUT", path, Some(body))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Result<Response> {
        self.request("DELETE", path, None)
    }

    /// Sends a request; any answer is fine, none is an error.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut command = Command::new(require_tool("curl"));
        command.args(["--silent", "--show-error", "--globoff", "--max-time", TIMEOUT_S, "--request", method]);
        command.args([
            "--write-out",
            "\n%{http_code}",
            "--header",
            &format!("X-Project-Id: {}", self.project),
        ]);
        if let Some(body) = body {
            command.args(["--header", "Content-Type: application/json", "--data-binary", &body.to_string()]);
        }
        let answer = process::run(command.arg(format!("http://{}{path}", self.address)))?;
        let (text, status) = answer.rsplit_once('\n').context("curl says no status")?;
        let body = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(text).with_context(|| format!("{method} {path} gave no JSON: {text}"))?
        };
        Ok(Response { status: status.trim().parse().context("curl says no status")?, body })
    }
}

impl Response {
    /// The body, if the status is as expected.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected status {status}, got {}: {}", self.status, self.body);
        Ok(self.body)
    }
}
