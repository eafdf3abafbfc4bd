//! What is asked of a single pool besides its attributes: prefixes that come and go (`subnetpool-prefix-ops`).

use axum::http::Method;
use serde_json::json;

use super::answer::Answer;
use super::request::Request;
use crate::auth::Context;
use crate::error::ApiError;
use crate::resources::subnet_pool::{self, PrefixChange};
use crate::server::Core;

/// Answers a request for a path below a pool.
///
/// # Errors
/// When it is refused.
pub async fn answer(
    core: &Core,
    context: &Context,
    request: &Request,
    (id, action): (&str, &str),
    text: &[u8],
) -> Result<Answer, ApiError> {
    let change = PrefixChange::from_text(action).ok_or_else(ApiError::not_found)?;
    request.only(&Method::PUT)?;
    let prefixes = subnet_pool::prefixes_from_body(text)?;
    let write = core.write(context, |draft| subnet_pool::change_prefixes(draft, id, change, &prefixes));
    Ok(Answer::json(200, &json!({"prefixes": write.await?.get("prefixes")})))
}
