//! Tokens as keystone's API says them.
//!
//! Roles count in the project that they are held in, and only there: who administrates a domain, or keystone as a whole,
//! has no say in networks by that. So it is in Neutron, whose rules are for the scope of projects.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Domain, KeystoneError, KeystoneSettings};
use crate::auth::Context;
use crate::clock;

#[derive(Deserialize)]
struct Answer {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    expires_at: String,
    #[serde(default)]
    user: Named,
    #[serde(default)]
    project: Option<Named>,
    #[serde(default)]
    roles: Vec<Named>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    id: String,
    name: String,
}

/// Who has the token, and until when.
pub(super) fn read(body: &[u8]) -> Result<(Context, SystemTime), KeystoneError> {
    let Answer { token } =
        serde_json::from_slice(body).map_err(|error| KeystoneError::Answer(error.to_string()))?;
    let seconds = clock::seconds(&token.expires_at)
        .ok_or_else(|| KeystoneError::Answer(format!("expires_at is {:?}", token.expires_at)))?;
    let context = match token.project {
        Some(project) => {
            let roles = token.roles.into_iter().map(|role| role.name).collect();
            Context::new(&project.id, &token.user.id, roles)
        }
        None => Context::new("", &token.user.id, Vec::new()),
    };
    Ok((context, UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// The request for a token of our own.
pub(super) fn request(settings: &KeystoneSettings) -> String {
    let user = json!({
        "name": settings.username,
        "password": settings.password,
        "domain": domain(&settings.user_domain),
    });
    let project = json!({"name": settings.project_name, "domain": domain(&settings.project_domain)});
    let body: Value = json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": project},
    }});
    body.to_string()
}

fn domain(domain: &Domain) -> Value {
    match domain {
        Domain::Id(id) => json!({"id": id}),
        Domain::Name(name) => json!({"name": name}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_and_until_when() {
        let body = br#"{"token": {"expires_at": "2000-02-29T00:00:01.000000Z", "user": {"id": "u", "name": "x"},
            "project": {"id": "p"}, "roles": [{"id": "1", "name": "member"}, {"name": "Admin"}], "catalog": []}}"#;
        let (context, until) = read(body).unwrap();
        assert_eq!((context.project.as_str(), context.user.as_str()), ("p", "u"));
        assert!(context.is_admin);
        assert_eq!(until, UNIX_EPOCH + Duration::from_secs(951_782_401));
        let of_a_domain = br#"{"token": {"expires_at": "2000-02-29T00:00:01.000000Z", "user": {"id": "u"},
            "domain": {"id": "default"}, "roles": [{"name": "admin"}]}}"#;
        assert_eq!(read(of_a_domain).unwrap().0, Context::new("", "u", Vec::new()));
        for wrong in ["{}", r#"{"token": {"expires_at": "tomorrow"}}"#, "no"] {
            assert!(matches!(read(wrong.as_bytes()), Err(KeystoneError::Answer(_))), "{wrong}");
        }
    }
}
