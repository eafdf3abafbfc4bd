//! Headers that are believed.
//!
//! Whoever says nothing is an administrator, in a project of its own: without keystone there is nobody to be anything
//! else. Tests and proxies that know better say the project and the roles; clients that insist on a token get one that
//! says the project.

use axum::http::HeaderMap;

use super::{Context, header};
use crate::query::parameters::{decode, encode};

/// The project of requests that name none.
const PROJECT: &str = "admin";

/// What tokens of ours begin with; others say nothing.
const TOKEN: &str = "noauth:";

pub(super) fn context(headers: &HeaderMap) -> Context {
    let claimed = header(headers, "x-auth-token").and_then(Identity::of_token).unwrap_or_default();
    let project = header(headers, "x-project-id").or_else(|| header(headers, "x-tenant-id"));
    let project = project.or(Some(claimed.project.as_str()).filter(|project| !project.is_empty()));
    let user = header(headers, "x-user-id").unwrap_or(&claimed.user);
    let roles = header(headers, "x-roles").unwrap_or("admin");
    let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned);
    Context::new(project.unwrap_or(PROJECT), user, roles.collect())
}

/// Who somebody claims to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: String,
    /// The project.
    pub project: String,
}

impl Identity {
    /// A token that says so. It proves nothing.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{TOKEN}{}:{}", encode(&self.user), encode(&self.project))
    }

    /// What a token of ours says.
    #[must_use]
    pub fn of_token(token: &str) -> Option<Self> {
        let (user, project) = token.strip_prefix(TOKEN)?.split_once(':')?;
        Some(Self { user: decode(user, false), project: decode(project, false) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_nothing_may_do_everything() {
        let silent = context(&HeaderMap::new());
        assert!(silent.is_admin);
        assert_eq!(silent.project, PROJECT);
    }

    #[test]
    fn what_headers_say_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant-id", "old".parse().unwrap());
        headers.insert("x-roles", " member, Reader,".parse().unwrap());
        let member = context(&headers);
        assert!(!member.is_admin && member.may_write() && member.owns("old"));
        assert_eq!(member.roles, ["member", "Reader"]);
        headers.insert("x-project-id", "new".parse().unwrap());
        headers.insert("x-roles", "reader".parse().unwrap());
        let reader = context(&headers);
        assert!(!reader.may_write() && reader.owns("new") && !reader.owns(""));
    }

    #[test]
    fn tokens_say_who_somebody_is_unless_headers_do() {
        let identity = Identity { user: "zoë: a%b".to_owned(), project: "r&d :\n".to_owned() };
        let token = identity.token();
        assert!(token.is_ascii() && !token.contains(' '));
        assert_eq!(Identity::of_token(&token), Some(identity));
        let mut headers = HeaderMap::new();
        headers.insert("x-auth-token", "noauth:me:blue".parse().unwrap());
        assert!(context(&headers).owns("blue") && context(&headers).user == "me");
        headers.insert("x-project-id", "green".parse().unwrap());
        assert!(context(&headers).owns("green"));
        for other in ["", "noauth:", "noauth:x", "gAAAA"] {
            assert_eq!(Identity::of_token(other), None);
        }
    }
}
