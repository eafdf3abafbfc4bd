//! What is below `/v2.0/floatingips/ID/port_forwardings`: ports of a floating IP that stand for ports of guests.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::request::Request;
use super::route;
use crate::auth::Context;
use crate::error::ApiError;
use crate::query::view::Columns;
use crate::query::{ListQuery, View, page};
use crate::registry::body::{self, Creation};
use crate::registry::document::Document;
use crate::registry::tables::floating_ip::PORT_FORWARDING;
use crate::resources::availability::with_fields;
use crate::resources::floating_ip::{forwarding, pools};
use crate::server::Core;
use crate::service::Body;

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
        let fits = |pool: &Value| {
            names.iter().all(|name| {
                let mut wanted = request.parameters.all(name).peekable();
                wanted.peek().is_none()
                    || wanted.any(|wanted| pool.get(name).and_then(Value::as_str) == Some(wanted))
            })
        };
        let pools = pools::all(&core.replica.read(), context).into_iter().filter(fits).collect::<Value>();
        Ok(json!({"floatingip_pools": with_fields(pools, &request.parameters.fields())}))
    })
}

fn views(core: &Core, context: &Context, fields: &[String], documents: Vec<Arc<Document>>) -> Vec<View> {
    let columns = Columns::new(PORT_FORWARDING.attributes, context, fields);
    let state = core.replica.read();
    documents.into_iter().map(|document| View::new(&state, document, &columns)).collect()
}

async fn many(
    core: &Core,
    context: &Context,
    request: &Request,
    floating_ip: &str,
    text: &[u8],
) -> Result<Answer, ApiError> {
    let plural = PORT_FORWARDING.plural;
    match request.method {
        Method::GET => {
            let query = ListQuery::new(&PORT_FORWARDING, &request.parameters, core.settings.page_items_max)?;
            let found = {
                let state = core.replica.read();
                let found = forwarding::all(&state, context, floating_ip)?;
                let fits =
                    |rule: &Arc<Document>| query.filters.iter().all(|filter| filter.fits(&state, rule));
                page::page(&state, found.into_iter().filter(fits).collect(), &query)?
            };
            let links = page::links(&request.url, &request.parameters, &query, &found);
            Ok(Answer::json(200, &Body::Many(plural, views(core, context, &query.fields, found), links)))
        }
        Method::POST => {
            let (said, is_many) = match body::creation(&PORT_FORWARDING, text, context)? {
                Creation::One(said) => (vec![said], false),
                Creation::Many(said) => (said, true),
            };
            let said: Vec<_> = said.into_iter().map(|said| (Uuid::new_v4().to_string(), said)).collect();
            let created = core.write(context, |draft| forwarding::create(draft, floating_ip, &said)).await?;
            let mut views = views(core, context, &[], created);
            Ok(match (is_many, views.pop()) {
                (false, Some(view)) => Answer::json(201, &Body::One(PORT_FORWARDING.singular, view)),
                (_, last) => {
                    views.extend(last);
                    Answer::json(201, &Body::Many(plural, views, None))
                }
            })
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
    let mut fields = Vec::new();
    let found = match request.method {
        Method::GET => {
            fields = request.parameters.fields();
            forwarding::show(&core.replica.read(), context, floating_ip, id)?
        }
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
    let view = views(core, context, &fields, vec![found]).pop().ok_or_else(ApiError::internal)?;
    Ok(Answer::json(200, &Body::One(PORT_FORWARDING.singular, view)))
}
