//! Which path and method means what.

use axum::http::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::documents;
use super::identity;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::body::{self, Creation};
use crate::resources::address_group::{self, AddressChange};
use crate::resources::availability;
use crate::resources::tags::{self, TagChange};
use crate::server::Core;

/// Paths that need no authentication: who we are.
#[must_use]
pub fn is_public(request: &Request) -> bool {
    matches!(request.path().as_slice(), [] | ["v2.0"])
}

/// Answers a request of somebody who is known.
///
/// # Errors
/// When it is refused.
pub async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    text: &[u8],
) -> Result<Answer, ApiError> {
    if request.method == Method::DELETE && !text.is_empty() {
        return Err(ApiError::bad_request("Request body is not supported in DELETE."));
    }
    let path = request.path();
    let ["v2.0", rest @ ..] = path.as_slice() else {
        return match path.as_slice() {
            [] => only_get(request, || documents::versions(request)),
            ["v3", rest @ ..] => identity::answer(core, context, request, rest, text),
            _ => Err(ApiError::not_found()),
        };
    };
    match rest {
        [] if request.url.ends_with('/') => only_get(request, || documents::resources(request)),
        // Neutron has nothing here; clients that look for the version of this very address find it here.
        [] => only_get(request, || Ok(json!({"version": documents::version(request)}))),
        ["extensions"] => only_get(request, documents::extensions),
        ["extensions", alias] => only_get(request, || documents::extension(alias)),
        ["availability_zones" | "availability-zones"] => {
            only_get(request, || super::agents::availability_zones(core, request))
        }
        ["agents", rest @ ..] => super::agents::answer(core, context, request, rest, text).await,
        ["routers", id, "l3-agents" | "l3_agents"] => super::agents::of_router(core, context, request, id),
        ["networks", id, "dhcp-agents" | "dhcp_agents"] => {
            super::agents::of_network(core, context, request, id)
        }
        ["network-ip-availabilities", rest @ ..] => availability(core, context, request, rest),
        ["floatingip_pools" | "floatingip-pools"] => super::forwarding::answer_pools(core, context, request),
        ["qos", rest @ ..] => super::qos::answer(core, context, request, rest, text).await,
        // Their tags have a place of their own in Neutron.
        ["policies", id, "tags", rest @ ..] => {
            of_tags(core, context, request, (Kind::QosPolicy, id), rest, text).await
        }
        ["quotas", rest @ ..] => documents::quotas(core, context, request, rest, text).await,
        [collection, rest @ ..] => {
            let kind = Kind::of_collection(&collection.replace('-', "_")).ok_or_else(ApiError::not_found)?;
            match rest {
                [] => many(core, context, request, kind, text).await,
                [id] => one(core, context, request, kind, id, text).await,
                [id, action] if kind == Kind::AddressGroup && AddressChange::from_text(action).is_some() => {
                    of_addresses(core, context, request, (id, action), text).await
                }
                [id, "tags", rest @ ..] if kind.resource().slot("tags").is_some() => {
                    of_tags(core, context, request, (kind, id), rest, text).await
                }
                [id, "bindings", rest @ ..] if kind == Kind::Port => {
                    super::bindings::answer(core, context, request, (id, rest), text).await
                }
                [id, action] if kind == Kind::Router && super::router::is_action(action) => {
                    super::router::answer(core, context, request, (id, action), text).await
                }
                [id, "port_forwardings" | "port-forwardings", rest @ ..] if kind == Kind::FloatingIp => {
                    super::forwarding::answer(core, context, request, (id, rest), text).await
                }
                [id, action] if kind == Kind::SubnetPool => {
                    super::subnet_pool::answer(core, context, request, (id, action), text).await
                }
                [id, action] if kind == Kind::Trunk => {
                    super::trunk::answer(core, context, request, (id, action), text).await
                }
                _ => Err(ApiError::not_found()),
            }
        }
    }
}

pub(super) fn only_get(
    request: &Request,
    answer: impl FnOnce() -> Result<Value, ApiError>,
) -> Result<Answer, ApiError> {
    request.only(&Method::GET)?;
    Ok(Answer::json(200, &answer()?))
}

fn availability(
    core: &Core,
    context: &Context,
    request: &Request,
    rest: &[&str],
) -> Result<Answer, ApiError> {
    let fields = request.parameters.fields();
    let state = core.replica.read();
    match rest {
        [] => only_get(request, || {
            let all = availability::list(&state, context, &request.parameters)?;
            Ok(json!({"network_ip_availabilities": availability::with_fields(all, &fields)}))
        }),
        [id] => only_get(request, || {
            let one = availability::show(&state, context, id)?;
            Ok(json!({"network_ip_availability": availability::with_fields(one, &fields)}))
        }),
        _ => Err(ApiError::not_found()),
    }
}

/// All resources of a kind.
pub(super) async fn many(
    core: &Core,
    context: &Context,
    request: &Request,
    kind: Kind,
    text: &[u8],
) -> Result<Answer, ApiError> {
    match request.method {
        Method::GET => {
            core.prepare_list(kind, context, &request.parameters).await;
            Ok(Answer::json(200, &core.list(kind, context, &request.parameters, &request.url)?))
        }
        Method::POST => {
            let creation = body::creation(kind.resource(), text, context)?;
            if let Creation::One(said) = &creation
                && super::trunk::is_large(said)
            {
                return super::trunk::create(core, context, said).await;
            }
            Ok(Answer::json(201, &core.create(kind, context, creation).await?))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// One resource.
pub(super) async fn one(
    core: &Core,
    context: &Context,
    request: &Request,
    kind: Kind,
    id: &str,
    text: &[u8],
) -> Result<Answer, ApiError> {
    match request.method {
        Method::GET => Ok(Answer::json(200, &core.show(kind, context, id, &request.parameters)?)),
        Method::PUT => {
            let said = body::change(kind.resource(), text, context)?;
            Ok(Answer::json(200, &core.change(kind, context, id, &said, request.revision).await?))
        }
        Method::DELETE => {
            core.delete(kind, context, id, request.revision).await?;
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// The addresses of an address group.
async fn of_addresses(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, action): (&str, &str),
    text: &[u8],
) -> Result<Answer, ApiError> {
    let change = AddressChange::from_text(action).ok_or_else(ApiError::not_found)?;
    request.only(&Method::PUT)?;
    let addresses = address_group::from_body(text)?;
    Ok(Answer::json(200, &core.change_addresses(context, id, change, &addresses).await?))
}

/// The tags of a resource.
pub(super) async fn of_tags(
    core: &Core,
    context: &Context,
    request: &Request,
    (kind, id): (Kind, &str),
    rest: &[&str],
    text: &[u8],
) -> Result<Answer, ApiError> {
    let change = |change: TagChange| async move {
        let changed = core.write(context, |draft| tags::change(draft, kind, id, &change)).await?;
        Ok::<Value, ApiError>(json!({"tags": changed.get("tags")}))
    };
    let known = || {
        let found = crate::policy::known(&core.replica.read(), context, kind, id)?;
        Ok::<_, ApiError>(found.get("tags").clone())
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(Answer::json(200, &json!({"tags": known()?}))),
        ("PUT", []) => Ok(Answer::json(200, &change(TagChange::Replace(tags::from_body(text)?)).await?)),
        ("POST", []) => Ok(Answer::json(200, &change(TagChange::Add(tags::from_body(text)?)).await?)),
        ("DELETE", []) => {
            change(TagChange::Clear).await?;
            Ok(Answer::empty(204))
        }
        ("GET", [tag]) => {
            tags::check_tag(tag)?;
            let has = known()?.as_array().is_some_and(|tags| tags.iter().any(|own| own == tag));
            if has { Ok(Answer::empty(204)) } else { Err(tags::not_found(tag)) }
        }
        ("PUT", [tag]) => {
            tags::check_tag(tag)?;
            change(TagChange::Add([(*tag).to_owned()].into())).await?;
            Ok(Answer::empty(201))
        }
        ("DELETE", [tag]) => {
            tags::check_tag(tag)?;
            change(TagChange::Remove((*tag).to_owned())).await?;
            Ok(Answer::empty(204))
        }
        (_, [] | [_]) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}
