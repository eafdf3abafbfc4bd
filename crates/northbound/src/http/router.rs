//! What routers have besides what all resources have: interfaces, routes and gateways, added and removed.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::query::Parameters;
use crate::registry::{Kind, body, python};
use crate::resources::router::gateways::{self, GatewayChange};
use crate::resources::router::interface;
use crate::resources::router::routes::{self, RouteChange};
use crate::server::Core;

/// What is done with a router.
enum Action {
    AddInterface,
    RemoveInterface,
    Routes(RouteChange),
    Gateways(GatewayChange),
}

impl Action {
    fn of_path(text: &str) -> Option<Self> {
        let text = text.replace('-', "_");
        match text.as_str() {
            "add_router_interface" => Some(Self::AddInterface),
            "remove_router_interface" => Some(Self::RemoveInterface),
            other => RouteChange::from_action(other)
                .map(Self::Routes)
                .or_else(|| GatewayChange::from_action(other).map(Self::Gateways)),
        }
    }
}

/// Whether a path below a router says what to do with it.
#[must_use]
pub(super) fn is_action(action: &str) -> bool {
    Action::of_path(action).is_some()
}

/// Does it.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, action): (&str, &str),
    text: &[u8],
) -> Result<Answer, ApiError> {
    let action = Action::of_path(action).ok_or_else(ApiError::not_found)?;
    request.only(&Method::PUT)?;
    let said = body::object(text)?;
    match action {
        Action::AddInterface => {
            let added = core.write(context, |draft| interface::add(draft, id, &said)).await?;
            return Ok(Answer::json(200, &added));
        }
        Action::RemoveInterface => {
            let removed = core.write(context, |draft| interface::remove(draft, id, &said)).await?;
            return Ok(Answer::json(200, &removed));
        }
        Action::Routes(change) => {
            let routes = member(&said, "routes")?.cloned().unwrap_or_else(|| json!([]));
            core.write(context, |draft| routes::change_some(draft, id, change, &routes)).await?;
        }
        Action::Gateways(change) => {
            if let Some(said) = member(&said, "external_gateways")? {
                core.write(context, |draft| gateways::change(draft, id, change, said)).await?;
            }
        }
    }
    Ok(Answer::json(200, &core.show(Kind::Router, context, id, &Parameters::default())?))
}

/// The one member of the router that a body is about, if it says any.
fn member<'a>(said: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, ApiError> {
    let Some(router) = said.get("router") else {
        return Err(ApiError::bad_request("Unable to find 'router' in request body"));
    };
    let Some(members) = router.as_object() else {
        return Err(ApiError::bad_request("Object 'router' contains invalid data"));
    };
    let unknown: Vec<&str> = members.keys().map(String::as_str).filter(|own| *own != name).collect();
    if !unknown.is_empty() {
        let names = python::text(&unknown.join(", ").into());
        return Err(ApiError::bad_request(format!("Unrecognized attribute(s) '{names}'")));
    }
    Ok(members.get(name))
}
