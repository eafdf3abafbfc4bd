//! What is below `/v2.0/qos`: policies, their rules, and which types of rules there are.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::request::Request;
use super::route;
use crate::auth::Context;
use crate::error::ApiError;
use crate::registry::attribute::Literal;
use crate::registry::body;
use crate::registry::check::Check;
use crate::registry::tables::qos::RuleType;
use crate::registry::{Kind, python};
use crate::resources::availability::with_fields;
use crate::resources::qos::rules::Rules;
use crate::server::Core;

/// The driver, as the details of types name it.
const DRIVER: &str = "df";

/// Answers a request for a path below `qos`.
pub(super) async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    path: &[&str],
    text: &[u8],
) -> Result<Answer, ApiError> {
    let names: Vec<String> = path.iter().map(|part| part.replace('-', "_")).collect();
    match path {
        ["policies"] => route::many(core, context, request, Kind::QosPolicy, text).await,
        ["policies", id] => route::one(core, context, request, Kind::QosPolicy, id, text).await,
        ["policies", id, "tags", rest @ ..] => {
            route::of_tags(core, context, request, (Kind::QosPolicy, id), rest, text).await
        }
        ["policies", policy, _, rest @ ..] => {
            let name = names.get(2).map_or("", String::as_str);
            let (kind, resource) = RuleType::of_collection(name).ok_or_else(ApiError::not_found)?;
            let rules = Rules { policy: Some(policy), kind, resource };
            match rest {
                [] => many(core, context, request, rules, text).await,
                [id] => one(core, context, request, rules, id, text).await,
                _ => Err(ApiError::not_found()),
            }
        }
        ["rule-types" | "rule_types"] => route::only_get(request, || rule_types(request)),
        ["rule-types" | "rule_types", name] => route::only_get(request, || rule_type(context, request, name)),
        [_, id] => {
            let name = names.first().map_or("", String::as_str);
            let (kind, resource) = RuleType::of_alias(name).ok_or_else(ApiError::not_found)?;
            one(core, context, request, Rules { policy: None, kind, resource }, id, text).await
        }
        _ => Err(ApiError::not_found()),
    }
}

/// The rules of a type that a policy has.
async fn many(
    core: &Core,
    context: &Context,
    request: &Request,
    rules: Rules<'_>,
    text: &[u8],
) -> Result<Answer, ApiError> {
    let resource = rules.resource;
    match request.method {
        Method::GET => {
            let all = core.listed(resource, context, &request.parameters, &request.url, |state, _| {
                rules.all(state, context)
            });
            Ok(Answer::json(200, &all?))
        }
        Method::POST => {
            let (said, is_many) = body::creation(resource, text, context)?.into_list();
            let said: Vec<_> = said.into_iter().map(|said| (Uuid::new_v4().to_string(), said)).collect();
            let created = core.write(context, |draft| rules.create(draft, &said)).await?;
            Ok(Answer::json(201, &core.created(resource, context, created, is_many)))
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// One rule.
async fn one(
    core: &Core,
    context: &Context,
    request: &Request,
    rules: Rules<'_>,
    id: &str,
    text: &[u8],
) -> Result<Answer, ApiError> {
    let found = match request.method {
        Method::GET => rules.show(&core.replica.read(), context, id)?,
        Method::PUT => {
            let said = body::change(rules.resource, text, context)?;
            core.write(context, |draft| rules.change(draft, id, &said)).await?
        }
        Method::DELETE => {
            core.write(context, |draft| rules.delete(draft, id)).await?;
            return Ok(Answer::empty(204));
        }
        _ => return Err(ApiError::method_not_allowed()),
    };
    Ok(Answer::json(200, &core.shown(rules.resource, context, &request.fields_shown(), found)))
}

/// The types of rules. All of them can be enforced or, where they ask Placement for something, be asked for.
fn rule_types(request: &Request) -> Result<Value, ApiError> {
    let parameters = &request.parameters;
    let known = ["type", "all_supported", "all_rules", "fields", "sort_key", "sort_dir"];
    let unknown: Vec<&str> =
        parameters.iter().map(|(name, _)| name).filter(|name| !known.contains(name)).collect();
    if !unknown.is_empty() {
        let names = python::repr_texts(unknown);
        return Err(ApiError::bad_request(format!("{names} is invalid attribute for filtering")));
    }
    let said = |name| parameters.last(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if said("all_supported") && said("all_rules") {
        let text = "Only one of \"all_supported\" and \"all_rules\" can be provided at the same time";
        return Err(ApiError::invalid_input(text));
    }
    let mut wanted = parameters.all("type").peekable();
    let all = wanted.peek().is_none();
    let wanted: Vec<&str> = wanted.collect();
    let types = RuleType::ALL.map(RuleType::name).into_iter();
    let types = types.filter(|name| all || wanted.contains(name)).map(|name| json!({"type": name}));
    Ok(json!({"rule_types": types.collect::<Value>()}))
}

/// A type of rules, and what a rule of it may say.
fn rule_type(context: &Context, request: &Request, name: &str) -> Result<Value, ApiError> {
    if !context.is_admin {
        return Err(ApiError::new(403, "NotAuthorized", "Not authorized."));
    }
    let kind = RuleType::of_name(name).ok_or_else(ApiError::not_found)?;
    let literal = |literal: &Literal| literal.value();
    let parameters = kind.parameters().filter_map(|parameter| {
        let (form, values) = match parameter.check {
            Check::Range(start, end) => ("range", json!({"start": start, "end": end})),
            Check::OneOf(literals) => ("choices", literals.iter().map(literal).collect()),
            _ => return None,
        };
        Some(json!({"parameter_name": parameter.name, "parameter_type": form, "parameter_values": values}))
    });
    let driver = json!({"name": DRIVER, "supported_parameters": parameters.collect::<Value>()});
    let shown = with_fields(json!({"type": name, "drivers": [driver]}), &request.parameters.fields());
    Ok(json!({"rule_type": shown}))
}
