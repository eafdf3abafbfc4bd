//! What trunks have besides what all resources have: the ports that they carry, added and removed.
//!
//! A request is checked as a whole first, and then done in as many transactions as the store needs. If one fails, those before it
//! are undone.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::query::View;
use crate::query::view::Columns;
use crate::registry::Kind;
use crate::registry::body::{self, Said};
use crate::registry::document::Document;
use crate::resources;
use crate::resources::trunk::{self, SUBPORTS_CHANGED_MAX};
use crate::server::Core;

/// Answers a request for the ports of a trunk.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, action): (&str, &str),
    text: &[u8],
) -> Result<Answer, ApiError> {
    match (request.method.as_str(), action.replace('-', "_").as_str()) {
        ("GET", "get_subports") => {
            let found = known(core, context, id)?;
            Ok(Answer::json(200, &json!({"sub_ports": found.get("sub_ports")})))
        }
        ("PUT", "add_subports") => {
            let said = said_subports(text)?;
            core.write(context, |draft| trunk::check_addition(draft, id, &said)).await?;
            add(core, context, id, &said).await?;
            shown(core, context, id)
        }
        ("PUT", "remove_subports") => {
            let said = said_subports(text)?;
            core.write(context, |draft| trunk::check_removal(draft, id, &said)).await?;
            for chunk in chunks(&said) {
                core.write(context, |draft| trunk::remove(draft, id, &chunk)).await?;
            }
            shown(core, context, id)
        }
        (_, "get_subports" | "add_subports" | "remove_subports") => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}

/// What a body says of ports; nothing is what cannot be read as ports.
fn said_subports(text: &[u8]) -> Result<Value, ApiError> {
    Ok(body::object(text)?.remove("sub_ports").unwrap_or_default())
}

/// The parts of a list of ports that fit a transaction each; there is at least one.
fn chunks(said: &Value) -> Vec<Value> {
    let all = said.as_array().map_or(&[][..], Vec::as_slice);
    let mut chunks: Vec<Value> = all.chunks(SUBPORTS_CHANGED_MAX).map(Value::from).collect();
    if chunks.is_empty() {
        chunks.push(Value::Array(Vec::new()));
    }
    chunks
}

async fn add(core: &Core, context: &Context, id: &str, said: &Value) -> Result<(), ApiError> {
    let mut added: Vec<Value> = Vec::new();
    for chunk in chunks(said) {
        if let Err(error) = core.write(context, |draft| trunk::add(draft, id, &chunk)).await {
            for chunk in added.iter().rev() {
                let undone = core.write(&Context::internal(), |draft| trunk::remove(draft, id, chunk)).await;
                if let Err(error) = undone {
                    tracing::error!(trunk = id, %error, "ports of a failed addition stay in a trunk");
                }
            }
            return Err(error);
        }
        added.push(chunk);
    }
    Ok(())
}

/// A trunk that the requester may know of.
fn known(core: &Core, context: &Context, id: &str) -> Result<Arc<Document>, ApiError> {
    policy::known(&core.replica.read(), context, Kind::Trunk, id)
}

/// A trunk without a name around it, as Neutron answers here.
fn shown(core: &Core, context: &Context, id: &str) -> Result<Answer, ApiError> {
    let found = known(core, context, id)?;
    let columns = Columns::new(Kind::Trunk.resource().attributes, context, &[]);
    let view = View::new(&core.replica.read(), found, &columns);
    Ok(Answer::json(200, &view))
}

/// Creates a trunk that carries more ports than fit one transaction.
///
/// # Errors
/// When it cannot be; then nothing stays of it.
pub(super) async fn create(core: &Core, context: &Context, said: &Said) -> Result<Answer, ApiError> {
    let id = Uuid::new_v4().to_string();
    let all = said.or_default("sub_ports");
    let mut parts = chunks(&all).into_iter();
    let first = said.replaced("sub_ports", parts.next().unwrap_or_default());
    let creation = core.write(context, |draft| {
        trunk::check_creation_only(draft, said)?;
        resources::create(draft, &id, &first)
    });
    creation.await?;
    for part in parts {
        if let Err(error) = add(core, context, &id, &part).await {
            if let Err(error) = core.delete(Kind::Trunk, &Context::internal(), &id, None).await {
                tracing::error!(trunk = id, %error, "a trunk of a failed creation stays");
            }
            return Err(error);
        }
    }
    let body = core.show(Kind::Trunk, context, &id, &crate::query::Parameters::default())?;
    Ok(Answer::json(201, &body))
}

/// Whether a request creates a trunk that carries more ports than fit one transaction.
#[must_use]
pub(super) fn is_large(said: &Said) -> bool {
    said.resource().kind == Kind::Trunk
        && said.get("sub_ports").and_then(Value::as_array).map_or(0, Vec::len) > SUBPORTS_CHANGED_MAX
}
