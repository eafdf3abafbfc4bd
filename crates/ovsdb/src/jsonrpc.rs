//! JSON-RPC 1.0 as OVSDB uses it: what a framed JSON object may mean, and nothing else.
//!
//! A message is a [`Message::Request`] (method, params, non-null id), a [`Message::Notification`] (the same
//! with a null id) or a [`Message::Response`] (exactly one of result and error is non-null, or a null result
//! without error). Everything else is refused by name of the offending member. Members that the protocol
//! does not know are refused as well, as ovsdb-server does: they mean that we misunderstand the peer.

use serde_json::{Map, Value};
use thiserror::Error;

/// One JSON-RPC message. Ids are arbitrary JSON values chosen by the requester and must be echoed unchanged.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Request { id: Value, method: String, params: Value },
    Notification { method: String, params: Value },
    Response { id: Value, outcome: Result<Value, Value> },
}

/// Why a JSON object is not a JSON-RPC message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    #[error("a json-rpc message must be an object")]
    NotAnObject,
    #[error("json-rpc message has an unexpected member \"{0}\"")]
    UnexpectedMember(String),
    #[error("json-rpc message lacks \"{0}\"")]
    Missing(&'static str),
    #[error("json-rpc member \"{member}\" must be {expected}")]
    WrongType { member: &'static str, expected: &'static str },
    #[error("json-rpc response has both a result and an error")]
    ResultAndError,
}

impl Message {
    /// Classifies a parsed object.
    pub fn from_value(value: Value) -> Result<Self, MessageError> {
        let Value::Object(mut members) = value else { return Err(MessageError::NotAnObject) };
        let id = members.remove("id").ok_or(MessageError::Missing("id"))?;
        let message = match members.remove("method") {
            Some(Value::String(method)) => Self::call(id, method, &mut members)?,
            Some(_) => return Err(MessageError::WrongType { member: "method", expected: "a string" }),
            None => Self::response(id, &mut members)?,
        };
        match members.into_iter().next() {
            Some((name, _)) => Err(MessageError::UnexpectedMember(name)),
            None => Ok(message),
        }
    }

    fn call(id: Value, method: String, members: &mut Map<String, Value>) -> Result<Self, MessageError> {
        let params = members.remove("params").ok_or(MessageError::Missing("params"))?;
        if !params.is_array() {
            return Err(MessageError::WrongType { member: "params", expected: "an array" });
        }
        Ok(if id.is_null() {
            Self::Notification { method, params }
        } else {
            Self::Request { id, method, params }
        })
    }

    fn response(id: Value, members: &mut Map<String, Value>) -> Result<Self, MessageError> {
        let error = members.remove("error").unwrap_or(Value::Null);
        let result = members.remove("result");
        let outcome = match (result, error) {
            (None, Value::Null) => return Err(MessageError::Missing("result")),
            (Some(result), Value::Null) => Ok(result),
            (None | Some(Value::Null), error) => Err(error),
            (Some(_), _) => return Err(MessageError::ResultAndError),
        };
        Ok(Self::Response { id, outcome })
    }

    /// The message as a JSON object.
    #[must_use]
    pub fn into_value(self) -> Value {
        let mut members = Map::new();
        let (id, method, params) = match self {
            Self::Response { id, outcome } => {
                let (result, error) = match outcome {
                    Ok(result) => (result, Value::Null),
                    Err(error) => (Value::Null, error),
                };
                members.insert("id".into(), id);
                members.insert("result".into(), result);
                members.insert("error".into(), error);
                return Value::Object(members);
            }
            Self::Request { id, method, params } => (id, method, params),
            Self::Notification { method, params } => (Value::Null, method, params),
        };
        members.insert("id".into(), id);
        members.insert("method".into(), Value::String(method));
        members.insert("params".into(), params);
        Value::Object(members)
    }

    /// The bytes to send.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        self.into_value().to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests;
