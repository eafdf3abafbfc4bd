//! Addresses under a name, for the rules of security groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::{copy_all, copy_said, group_rows, project_of, visible};
use crate::error::ApiError;
use crate::policy;
use crate::registry::body::{self, Said};
use crate::registry::document::Document;
use crate::registry::{Kind, convert, python};
use crate::write::{Decision, Draft, guard_of_address_group};

/// Attributes that are as they are said.
const PLAIN: [&str; 2] = ["name", "description"];

/// What happens to the addresses of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressChange {
    /// They come.
    Add,
    /// They go.
    Remove,
}

impl AddressChange {
    /// The part of the path that says it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "add_addresses" => Some(Self::Add),
            "remove_addresses" => Some(Self::Remove),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add_addresses",
            Self::Remove => "remove_addresses",
        }
    }
}

/// Ranges without host bits, each once, in their order.
fn normalized(addresses: &[Value]) -> Result<Vec<String>, ApiError> {
    let mut seen = BTreeSet::new();
    let mut ranges = Vec::with_capacity(addresses.len());
    for address in addresses {
        let net: Option<IpNet> = address.as_str().and_then(convert::ip_net);
        let range = net.map(|net| net.trunc().to_string()).ok_or_else(|| {
            let reason = format!("'{}' is not a valid IP subnet", python::text(address));
            ApiError::invalid_value("addresses", reason)
        })?;
        if seen.insert(range.clone()) {
            ranges.push(range);
        }
    }
    Ok(ranges)
}

/// The addresses that the body of a request names.
///
/// # Errors
/// When it names none, or something else.
pub fn from_body(text: &[u8]) -> Result<Vec<String>, ApiError> {
    let mut members = body::object(text)?;
    match members.remove("addresses") {
        Some(Value::Array(addresses)) => normalized(&addresses),
        Some(other) => {
            Err(ApiError::invalid_value("addresses", format!("'{}' is not a list", python::text(&other))))
        }
        None => Err(ApiError::bad_request("Unable to find 'addresses' in request body")),
    }
}

pub(super) fn create(draft: &mut Draft<'_>, id: &str, said: &Said) -> Decision<Arc<Document>> {
    policy::enforce_create(draft.context(), said, true)?;
    let project = project_of(draft, said)?;
    let mut document = draft.new_document(Kind::AddressGroup, id, &project);
    copy_all(&mut document, said, &PLAIN);
    let addresses = said.get("addresses").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    document.set("addresses", normalized(addresses)?);
    group_rows::put_address_group(draft, &document)?;
    Ok(draft.create(document))
}

pub(super) fn change(draft: &mut Draft<'_>, document: &Document, said: &Said) -> Decision<Arc<Document>> {
    let mut changed = document.clone();
    copy_said(&mut changed, said, &PLAIN);
    write(draft, changed)
}

fn write(draft: &mut Draft<'_>, document: Document) -> Decision<Arc<Document>> {
    let changed = draft.change(document);
    group_rows::put_address_group(draft, &changed)?;
    Ok(changed)
}

/// Adds addresses to a group that has none of them, or takes such from it as it has.
///
/// # Errors
/// When there is no such group, it is not for the requester, or it has the wrong addresses.
pub fn change_addresses(
    draft: &mut Draft<'_>,
    id: &str,
    change: AddressChange,
    addresses: &[String],
) -> Decision<Arc<Document>> {
    let document = visible(draft, Kind::AddressGroup, id)?;
    policy::enforce_action(draft.state(), draft.context(), &document, change.as_str())?;
    let own: Vec<String> = document.texts("addresses").map(str::to_owned).collect();
    let (known, unknown): (Vec<&String>, Vec<&String>) =
        addresses.iter().partition(|address| own.contains(address));
    let named = |addresses: &[&String]| python::repr_texts(addresses.iter().map(|text| text.as_str()));
    let left: Vec<String> = match change {
        AddressChange::Add if !known.is_empty() => {
            let text = format!("Addresses {} already exist in the address group {id}.", named(&known));
            return Err(ApiError::new(400, "AddressesAlreadyExist", text).into());
        }
        AddressChange::Remove if !unknown.is_empty() => {
            let text = format!("Addresses {} not found in the address group {id}.", named(&unknown));
            return Err(ApiError::new(404, "AddressesNotFound", text).into());
        }
        AddressChange::Add => own.into_iter().chain(addresses.iter().cloned()).collect(),
        AddressChange::Remove => own.into_iter().filter(|address| !addresses.contains(address)).collect(),
    };
    let mut changed = (*document).clone();
    changed.set("addresses", left);
    write(draft, changed)
}

pub(super) fn delete(draft: &mut Draft<'_>, document: &Document) -> Decision<()> {
    let id = document.id();
    if draft.state().rows(Kind::SecurityGroupRule).count("remote_address_group_id", id) > 0 {
        let text = format!("Address group {id} is in use on one or more security group rules.");
        return Err(ApiError::new(409, "AddressGroupInUse", text).into());
    }
    draft.seal_and_drop(guard_of_address_group(id));
    group_rows::delete_address_group(draft, document);
    draft.delete(document);
    Ok(())
}
