//! What is below `/v2.0/ports/PORT/bindings`.

use std::sync::Arc;

use axum::http::Method;
use serde_json::Value;

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::query::view::Columns;
use crate::query::{ListQuery, View};
use crate::registry::body::{self, Creation};
use crate::registry::document::Document;
use crate::registry::tables::binding::BINDING;
use crate::resources::port::bindings;
use crate::server::Core;
use crate::service::Body;

/// Answers a request for bindings of a port.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    (port, rest): (&str, &[&str]),
    text: &[u8],
) -> Result<Answer, ApiError> {
    match (&request.method, rest) {
        (&Method::GET, []) => list(core, context, request, port),
        (&Method::POST, []) => {
            let Creation::One(said) = body::creation(&BINDING, text, context)? else {
                return Err(ApiError::bad_request("Unable to find 'binding' in request body"));
            };
            core.write(context, |draft| bindings::create(draft, port, &said)).await?;
            let host = said.get("host").and_then(Value::as_str).unwrap_or_default();
            Ok(Answer::json(201, &Body::One(BINDING.singular, shown(core, context, port, host, &[])?)))
        }
        (&Method::GET, [host]) => {
            let view = shown(core, context, port, host, &request.parameters.fields())?;
            Ok(Answer::json(200, &Body::One(BINDING.singular, view)))
        }
        (&Method::PUT, [host]) => {
            let said = body::change(&BINDING, text, context)?;
            core.write(context, |draft| bindings::change(draft, port, host, &said)).await?;
            Ok(Answer::json(200, &Body::One(BINDING.singular, shown(core, context, port, host, &[])?)))
        }
        (&Method::DELETE, [host]) => {
            core.write(context, |draft| bindings::delete(draft, port, host)).await?;
            core.move_subports(port).await?;
            Ok(Answer::empty(204))
        }
        (&Method::PUT, [host, "activate"]) => {
            core.write(context, |draft| bindings::activate(draft, port, host)).await?;
            core.move_subports(port).await?;
            // Neutron puts no name around it here.
            Ok(Answer::json(200, &shown(core, context, port, host, &[])?))
        }
        (_, [] | [_] | [_, "activate"]) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}

fn view(core: &Core, context: &Context, fields: &[String], binding: Arc<Document>) -> View {
    View::new(&core.replica.read(), binding, &Columns::new(BINDING.attributes, context, fields))
}

fn shown(
    core: &Core,
    context: &Context,
    port: &str,
    host: &str,
    fields: &[String],
) -> Result<View, ApiError> {
    let binding = bindings::show(&core.replica.read(), context, port, host)?;
    Ok(view(core, context, fields, binding))
}

fn list(core: &Core, context: &Context, request: &Request, port: &str) -> Result<Answer, ApiError> {
    let query = ListQuery::new(&BINDING, &request.parameters, None)?;
    let found = {
        let state = core.replica.read();
        let mut found = bindings::all(&state, context, port)?;
        found.retain(|binding| query.filters.iter().all(|filter| filter.fits(&state, binding)));
        found
    };
    let views = found.into_iter().map(|binding| view(core, context, &query.fields, binding)).collect();
    Ok(Answer::json(200, &Body::Many(BINDING.plural, views, None)))
}
