//! What is below `/v2.0/floatingips/ID/port_forwardings`: ports of a floating IP that stand for ports of guests.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::request::Request;
use super::route;
use crate::auth::Context;
use crate::error::ApiError;
use crate::registry::body;
use crate::registry::tables::floating_ip::PORT_FORWARDING;
use crate::resources::availability::with_fields;
use crate::resources::floating_ip::{forwarding, pools};
use crate::server::Core;

/// Answers a request for the forwarded ports of a floating IP.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    (floating_ip, rest): (&str, &[&str]),
    text: &[u8],
) -> Result<Answer, ApiError> {
    match rest {
        [] => many(core, context, request, floating_ip, text).await,
        [id] => one(core, context, request, (floating_ip, id), text).await,
        _ => Err(ApiError::not_found()),
    }
}

/// Where floating IPs come from.
pub(super) fn answer_pools(core: &Core, context: &Context, request: &Request) -> Result<Answer, ApiError> {
    route::only_get(request, || {
        let names = ["subnet_id", "subnet_name", "network_id", "cidr", "project_id", "tenant_id"];
        let fits = |pool: &Value| request.parameters.fit(&names, pool);
        let pools = pools::all(&core.replica.read(), context).into_iter().filter(fits).collect::<Value>();
        Ok(json!({"floatingip_pools": with_fields(pools, &request.parameters.fields())}))
    })
}

async fn many(
    core: &Core,
    context: &Context,
    request: &Request,
    floating_ip: &str,
    text: &[u8],
) -> Result<Answer, ApiError> {
    let resource = &PORT_FORWARDING;
    match request.method {
        Method::GET => {
            let all = core.listed(resource, context, &request.parameters, &request.url, |state, _| {
                forwarding::all(state, context, floating_ip)
            });
            Ok(Answer::json(200, &all?))
        }
        Method::POST => {
            let (said, is_many) = body::creation(resource, text, context)?.into_list();
            let said: Vec<_> = said.into_iter().map(|said| (Uuid::new_v4().to_string(), said)).collect();
            let created = core.write(context, |draft| forwarding::create(draft, floating_ip, &said)).await?;
            Ok(Answer::json(201, &core.created(resource, context, created, is_many)))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

async fn one(
    core: &Core,
    context: &Context,
    request: &Request,
    (floating_ip, id): (&str, &str),
    text: &[u8],
) -> Result<Answer, ApiError> {
    let found = match request.method {
        Method::GET => forwarding::show(&core.replica.read(), context, floating_ip, id)?,
        Method::PUT => {
            let said = body::change(&PORT_FORWARDING, text, context)?;
            core.write(context, |draft| forwarding::change(draft, floating_ip, id, &said)).await?
        }
        Method::DELETE => {
            core.write(context, |draft| forwarding::delete(draft, floating_ip, id)).await?;
            return Ok(Answer::empty(204));
        }
        _ => return Err(ApiError::method_not_allowed()),
    };
    Ok(Answer::json(200, &core.shown(&PORT_FORWARDING, context, &request.fields_shown(), found)))
}
