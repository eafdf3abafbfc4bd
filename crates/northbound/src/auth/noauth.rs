//! Headers that are believed.
//!
//! Whoever says nothing is an administrator, in a project of its own: without keystone there is nobody to be anything
//! else. Tests and proxies that know better say the project and the roles.

use axum::http::HeaderMap;

use super::{Context, header};

/// The project of requests that name none.
const PROJECT: &str = "admin";

pub(super) fn context(headers: &HeaderMap) -> Context {
    let project =
        header(headers, "x-project-id").or_else(|| header(headers, "x-tenant-id")).unwrap_or(PROJECT);
    let user = header(headers, "x-user-id").unwrap_or_default();
    let roles = header(headers, "x-roles").unwrap_or("admin");
    let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned);
    Context::new(project, user, roles.collect())
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
}
