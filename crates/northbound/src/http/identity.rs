//! The part of keystone that clients cannot do without, for a server that works without keystone.
//!
//! Many clients (Terraform, Horizon, `openstack quota set`) begin with a password at `auth_url`. Here is one that takes any:
//! whoever reaches this server may do everything anyway. It gives a token that says who somebody claims to be, and a
//! catalog with this server in it; a project and a domain is whatever anybody calls one. With keystone this is not served.

use axum::http::Method;
use serde_json::{Value, json};

use super::answer::Answer;
use super::request::Request;
use crate::auth::{AuthStrategy, Context, Identity};
use crate::error::ApiError;
use crate::registry::body;
use crate::server::Core;

/// The only region.
const REGION: &str = "RegionOne";
/// The only domain.
const DOMAIN: &str = "default";
/// Who asks and does not say who.
const SOMEBODY: &str = "admin";
/// Characters of a name that somebody gives themselves or their project.
const NAME_CHARS_MAX: usize = 255;
/// Tokens do not end, and clients want to hear when.
const NEVER: &str = "2999-12-31T23:59:59.000000Z";
const BEGINNING: &str = "2000-01-01T00:00:00.000000Z";

/// Answers what is asked of keystone, behind `/v3`.
pub(super) fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    path: &[&str],
    text: &[u8],
) -> Result<Answer, ApiError> {
    if !matches!(core.settings.auth, AuthStrategy::NoAuth) {
        return Err(ApiError::not_found());
    }
    let of_context = || Identity { user: context.user.clone(), project: context.project.clone() };
    match (&request.method, path) {
        (&Method::POST, ["auth", "tokens"]) => {
            let identity = claimed(text)?;
            Ok(Answer::json(201, &token(request, &identity)).with_token(identity.token()))
        }
        (&Method::GET, ["auth", "tokens"]) => {
            let said = request.subject_token.as_deref();
            let identity = said.and_then(Identity::of_token).ok_or_else(ApiError::not_found)?;
            Ok(Answer::json(200, &token(request, &identity)).with_token(identity.token()))
        }
        (&Method::DELETE, ["auth", "tokens"]) => Ok(Answer::empty(204)),
        (&Method::GET, []) => Ok(Answer::json(200, &json!({"version": version(request)}))),
        (&Method::GET, ["auth", "catalog"]) => Ok(Answer::json(200, &json!({"catalog": catalog(request)}))),
        (&Method::GET, ["auth", "projects"]) => {
            Ok(Answer::json(200, &json!({"projects": [project(&of_context().project)]})))
        }
        (&Method::GET, ["projects"]) => {
            let name = request.parameters.last("name").unwrap_or(&context.project);
            Ok(Answer::json(200, &json!({"projects": [project(name)]})))
        }
        (&Method::GET, ["projects", id]) => Ok(Answer::json(200, &json!({"project": project(id)}))),
        (&Method::GET, ["domains"]) => Ok(Answer::json(200, &json!({"domains": [domain()]}))),
        (&Method::GET, ["domains", DOMAIN]) => Ok(Answer::json(200, &json!({"domain": domain()}))),
        (&Method::GET, _) => Err(ApiError::not_found()),
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// Who a request for a token claims to be.
fn claimed(text: &[u8]) -> Result<Identity, ApiError> {
    let members = body::object(text)?;
    let auth =
        members.get("auth").ok_or_else(|| ApiError::bad_request("Unable to find 'auth' in request body"))?;
    let at = |path: &str| auth.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let former = at("/identity/token/id").and_then(Identity::of_token);
    let (former_user, former_project) = match &former {
        Some(former) => (former.user.as_str(), former.project.as_str()),
        None => (SOMEBODY, SOMEBODY),
    };
    let user = at("/identity/password/user/name").or_else(|| at("/identity/password/user/id"));
    let project = at("/scope/project/name").or_else(|| at("/scope/project/id"));
    let identity = Identity {
        user: user.unwrap_or(former_user).to_owned(),
        project: project.unwrap_or(former_project).to_owned(),
    };
    if [&identity.user, &identity.project].iter().any(|name| name.chars().count() > NAME_CHARS_MAX) {
        return Err(ApiError::bad_request(format!("A name has at most {NAME_CHARS_MAX} characters")));
    }
    Ok(identity)
}

fn token(request: &Request, identity: &Identity) -> Value {
    let named = |name: &str| json!({"id": name, "name": name, "domain": {"id": DOMAIN, "name": "Default"}});
    json!({"token": {
        "methods": ["password"],
        "user": named(&identity.user),
        "project": named(&identity.project),
        "roles": [{"id": "admin", "name": "admin"}],
        "catalog": catalog(request),
        "is_domain": false,
        "audit_ids": [],
        "issued_at": BEGINNING,
        "expires_at": NEVER,
    }})
}

fn catalog(request: &Request) -> Value {
    let service = |kind: &str, name: &str, url: &str| {
        let endpoints = ["public", "internal", "admin"].map(|interface| {
            let id = format!("{name}-{interface}");
            json!({"id": id, "interface": interface, "region": REGION, "region_id": REGION, "url": url})
        });
        json!({"id": name, "type": kind, "name": name, "endpoints": endpoints})
    };
    json!([
        service("network", "neutron", &request.base),
        service("identity", "keystone", &format!("{}/v3", request.base)),
    ])
}

fn version(request: &Request) -> Value {
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{}/v3/", request.base)}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"},
        ],
    })
}

fn project(name: &str) -> Value {
    json!({
        "id": name, "name": name, "domain_id": DOMAIN, "parent_id": DOMAIN, "description": "", "enabled": true,
        "is_domain": false, "tags": [], "options": {}, "links": {},
    })
}

fn domain() -> Value {
    json!({"id": DOMAIN, "name": "Default", "description": "", "enabled": true, "tags": [], "options": {}, "links": {}})
}
