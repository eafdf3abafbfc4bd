//! What is no resource of the store: versions, extensions, zones, quotas.

use axum::http::Method;
use nb::Require;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::quota::{self, Limits, UNLIMITED};
use crate::registry::check::{Check, Flaw};
use crate::registry::convert::Convert;
use crate::registry::tables::INTEGER_MAX;
use crate::registry::{Kind, body, extensions, python};
use crate::replica::State;
use crate::server::Core;

/// The versions of the API.
pub(super) fn versions(request: &Request) -> Result<Value, ApiError> {
    Ok(json!({"versions": [version(request)]}))
}

/// The version of the API.
pub(super) fn version(request: &Request) -> Value {
    json!({
        "id": "v2.0",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": format!("{}/v2.0/", request.base)}],
    })
}

/// What the version of the API has at its heart.
pub(super) fn resources(request: &Request) -> Result<Value, ApiError> {
    let resources = Kind::ALL.into_iter().map(|kind| {
        let resource = kind.resource();
        json!({
            "name": resource.singular,
            "collection": resource.plural,
            "links": [{"rel": "self", "href": format!("{}/v2.0/{}", request.base, kind.path())}],
        })
    });
    Ok(json!({"resources": resources.collect::<Value>()}))
}

/// What we can do.
pub(super) fn extensions() -> Result<Value, ApiError> {
    Ok(
        json!({"extensions": extensions::EXTENSIONS.iter().map(extensions::Extension::view).collect::<Value>()}),
    )
}

/// Whether we can do this.
pub(super) fn extension(alias: &str) -> Result<Value, ApiError> {
    let found = extensions::find(alias).ok_or_else(|| {
        let alias = python::text(&alias.into());
        ApiError::new(404, "HTTPNotFound", format!("Extension with alias {alias} does not exist"))
    })?;
    Ok(json!({"extension": found.view()}))
}

/// How much projects may have.
pub(super) async fn quotas(
    core: &Core,
    context: &Context,
    request: &Request,
    rest: &[&str],
    text: &[u8],
) -> Result<Answer, ApiError> {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            require_admin(context)?;
            Ok(Answer::json(200, &json!({"quotas": all(core)})))
        }
        ("GET", ["tenant" | "project"]) => {
            let project = json!({"project_id": context.project, "tenant_id": context.project});
            Ok(Answer::json(200, &json!({"tenant": project, "project": project})))
        }
        ("GET", [project]) => {
            may_see(context, project)?;
            Ok(Answer::json(200, &json!({"quota": of(core, project)})))
        }
        ("GET", [project, "default"]) => {
            may_see(context, project)?;
            Ok(Answer::json(
                200,
                &json!({"quota": with_project(core.settings.default_quota.members(), project)}),
            ))
        }
        ("GET", [project, "details"]) => {
            may_see(context, project)?;
            Ok(Answer::json(200, &json!({"quota": details(core, project)})))
        }
        ("PUT", [project]) => {
            require_admin(context)?;
            update(core, context, project, text).await?;
            Ok(Answer::json(200, &json!({"quota": of(core, project)})))
        }
        ("DELETE", [project]) => {
            require_admin(context)?;
            delete(core, context, project).await?;
            Ok(Answer::empty(204))
        }
        (_, [] | [_] | [_, "default" | "details"]) => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    }
}

fn require_admin(context: &Context) -> Result<(), ApiError> {
    if context.is_admin {
        return Ok(());
    }
    let text = "User does not have admin privileges: Only admin can view or configure quota.";
    Err(ApiError::new(403, "AdminRequired", text))
}

fn may_see(context: &Context, project: &str) -> Result<(), ApiError> {
    if context.owns(project) { Ok(()) } else { require_admin(context) }
}

fn with_project(mut members: Map<String, Value>, project: &str) -> Value {
    members.insert("project_id".to_owned(), project.into());
    Value::Object(members)
}

fn limits(core: &Core, project: &str) -> Limits {
    let state = core.replica.read();
    let defaults = &core.settings.default_quota;
    state.limits(project).map_or_else(|| defaults.clone(), |(own, _)| own.or(defaults))
}

fn of(core: &Core, project: &str) -> Value {
    with_project(limits(core, project).members(), project)
}

fn all(core: &Core) -> Value {
    let state = core.replica.read();
    let defaults = &core.settings.default_quota;
    state
        .all_limits()
        .map(|(project, own)| {
            let project = project.to_string();
            let mut members = own.or(defaults).members();
            members.insert("tenant_id".to_owned(), project.as_str().into());
            with_project(members, &project)
        })
        .collect()
}

fn details(core: &Core, project: &str) -> Value {
    let limits = limits(core, project);
    let state = core.replica.read();
    let detail = |kind: Kind| {
        let used = state.rows(kind).count("project_id", project);
        let limit = limits.get(kind).unwrap_or(UNLIMITED);
        (kind.quota_name().to_owned(), json!({"limit": limit, "used": used, "reserved": 0}))
    };
    Value::Object(quota::counted().map(detail).collect())
}

async fn update(core: &Core, context: &Context, project: &str, text: &[u8]) -> Result<(), ApiError> {
    let mut members = body::object(text)?;
    let Some(Value::Object(said)) = members.remove("quota") else {
        return Err(ApiError::bad_request("Unable to find 'quota' in request body"));
    };
    let (mut wanted, mut is_forced) = (Vec::new(), false);
    for (name, value) in said {
        let kind = quota::counted().find(|kind| kind.quota_name() == name);
        match kind {
            Some(kind) => wanted.push((kind, limit(&name, value)?)),
            None if name == "force" => is_forced = value == Value::Bool(true),
            // Clients say whose quota it is, and old ones that they mind when more is in use, which is the rule now.
            None if ["project_id", "tenant_id", "check_limit"].contains(&name.as_str()) => {}
            None => {
                let name = python::text(&name.into());
                return Err(ApiError::bad_request(format!("Unrecognized attribute(s) '{name}'")));
            }
        }
    }
    let key = quota::key(project).ok_or_else(ApiError::not_found)?;
    let decide = core.write(context, |draft| {
        let known = draft.state().limits(project).cloned();
        let mut limits = known.as_ref().map_or_else(Limits::none, |(limits, _)| limits.clone());
        for (kind, limit) in &wanted {
            if !is_forced {
                check_usage(draft.state(), project, *kind, *limit)?;
            }
            limits.set(*kind, *limit);
        }
        draft.require(match known {
            Some((_, stamp)) => Require::Unchanged(key.clone(), stamp),
            None => Require::Absent(key.clone()),
        });
        draft.put_row(key.clone(), limits.to_text());
        Ok(())
    });
    decide.await
}

/// Whether a project has no more than it may have from now on.
fn check_usage(state: &State, project: &str, kind: Kind, limit: i64) -> Result<(), ApiError> {
    let used = state.rows(kind).count("project_id", project);
    if limit == UNLIMITED || i64::try_from(used).is_ok_and(|used| used <= limit) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "Quota limit {limit} for {} must be greater than or equal to already used {used}",
        kind.quota_name()
    )))
}

fn limit(name: &str, value: Value) -> Result<i64, ApiError> {
    let value = Convert::Integer.apply(value)?;
    Check::Range(UNLIMITED, INTEGER_MAX).apply(&value).map_err(|flaw| match flaw {
        Flaw::Reason(reason) => ApiError::invalid_value(name, reason),
        Flaw::Refusal(error) => error,
    })?;
    Ok(value.as_i64().unwrap_or(UNLIMITED))
}

async fn delete(core: &Core, context: &Context, project: &str) -> Result<(), ApiError> {
    let decide = core.write(context, |draft| {
        let (_, stamp) = draft.state().limits(project).ok_or_else(|| {
            let text = format!("Quota for project {project} could not be found.");
            ApiError::new(404, "TenantQuotaNotFound", text)
        })?;
        let (key, stamp) = (quota::key(project).ok_or_else(ApiError::not_found)?, *stamp);
        draft.require(Require::Unchanged(key.clone(), stamp));
        draft.delete_row(key);
        Ok(())
    });
    decide.await
}

/// Whether a method may have a body that is JSON.
pub(super) fn takes_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}
