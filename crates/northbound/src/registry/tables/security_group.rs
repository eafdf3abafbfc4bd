//! Security groups, their rules, the addresses that rules name, and the rules that new groups begin with.

use nb::TableName;

use super::{
    CREATED, DESCRIPTION, DESCRIPTION_CHARS_MAX, EMPTY, ID, NAME, NAME_CHARS_MAX, NULL, PROJECT, REVISION,
    TAGS, TENANT, TRUE, UNIQUE_KEY, UPDATED,
};
use crate::error::ApiError;
use crate::registry::attribute::{Attribute, Literal, Unsaid};
use crate::registry::check::{Check, Verdict};
use crate::registry::convert::Convert;
use crate::registry::{Kind, Resource};

/// The name of the group that a project has without asking for it.
pub const DEFAULT_GROUP: &str = "default";

/// Instead of the id of a group, in the rules that new groups begin with: the new group.
pub const PARENT_GROUP: &str = "PARENT";

const DIRECTIONS: &[Literal] = &[Literal::Text("ingress"), Literal::Text("egress")];
const ETHERTYPES: &[Literal] = &[Literal::Text("IPv4"), Literal::Text("IPv6")];
/// Characters of a UUID.
const UUID_CHARS: usize = 36;

/// A description that stays as it was said.
const FIXED_DESCRIPTION: Attribute = Attribute::fixed("description", EMPTY)
    .convert(Convert::NullToText)
    .check(Check::Text(DESCRIPTION_CHARS_MAX))
    .filter_and_sort();

// What a rule says about traffic.
const DIRECTION: Attribute =
    Attribute::fixed("direction", Unsaid::Refused).check(Check::OneOf(DIRECTIONS)).filter_and_sort();
const ETHERTYPE: Attribute = Attribute::fixed("ethertype", Unsaid::Is(Literal::Text("IPv4")))
    .convert(Convert::EtherType)
    .check(Check::OneOf(ETHERTYPES))
    .filter_and_sort();
const PROTOCOL: Attribute = Attribute::fixed("protocol", NULL).convert(Convert::Protocol).filter_and_sort();
const PORT_RANGE_MIN: Attribute =
    Attribute::fixed("port_range_min", NULL).convert(Convert::PortNumber).filter_and_sort();
const PORT_RANGE_MAX: Attribute =
    Attribute::fixed("port_range_max", NULL).convert(Convert::PortNumber).filter_and_sort();
const REMOTE_PREFIX: Attribute =
    Attribute::fixed("remote_ip_prefix", NULL).convert(Convert::IpPrefix).filter_and_sort();
const REMOTE_GROUP: Attribute =
    Attribute::fixed("remote_group_id", NULL).convert(Convert::IdOrNull).filter_and_sort();
const REMOTE_ADDRESS_GROUP: Attribute =
    Attribute::fixed("remote_address_group_id", NULL).convert(Convert::IdOrNull).filter_and_sort();

/// Groups of ports, with the rules that they share.
pub static SECURITY_GROUP: Resource = Resource {
    kind: Kind::SecurityGroup,
    singular: "security_group",
    plural: "security_groups",
    table: TableName::new("neutron_security_group"),
    missing: ("SecurityGroupNotFound", "Security group {} does not exist"),
    indexed: &["project_id", "name", "default_of"],
    attributes: &[
        ID,
        Attribute { check: Check::By(group_name), ..NAME },
        Attribute::mutable("stateful", TRUE).convert(Convert::Boolean).filter(),
        PROJECT,
        TENANT,
        Attribute::output("shared").convert(Convert::Boolean).filter().computed(),
        Attribute::output("security_group_rules").computed(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
        UNIQUE_KEY,
        // The project that has the group without having asked for it.
        Attribute::internal("default_of"),
    ],
};

/// What groups permit.
pub static SECURITY_GROUP_RULE: Resource = Resource {
    kind: Kind::SecurityGroupRule,
    singular: "security_group_rule",
    plural: "security_group_rules",
    table: TableName::new("neutron_security_group_rule"),
    missing: ("SecurityGroupRuleNotFound", "Security group rule {} does not exist"),
    indexed: &["project_id", "security_group_id", "remote_group_id", "remote_address_group_id"],
    attributes: &[
        ID,
        Attribute::fixed("security_group_id", Unsaid::Refused)
            .check(Check::Text(UUID_CHARS))
            .filter_and_sort(),
        REMOTE_GROUP,
        DIRECTION,
        PROTOCOL,
        PORT_RANGE_MIN,
        PORT_RANGE_MAX,
        ETHERTYPE,
        REMOTE_PREFIX,
        PROJECT,
        TENANT,
        REMOTE_ADDRESS_GROUP,
        Attribute::output("normalized_cidr").filter_and_sort(),
        Attribute::output("belongs_to_default_sg").convert(Convert::BooleanOrNull).filter().computed(),
        FIXED_DESCRIPTION,
        CREATED,
        UPDATED,
        REVISION,
    ],
};

/// Addresses under a name.
pub static ADDRESS_GROUP: Resource = Resource {
    kind: Kind::AddressGroup,
    singular: "address_group",
    plural: "address_groups",
    table: TableName::new("neutron_address_group"),
    missing: ("AddressGroupNotFound", "Address group"),
    indexed: &["project_id", "name"],
    attributes: &[
        ID,
        NAME,
        DESCRIPTION,
        PROJECT,
        TENANT,
        Attribute::fixed("addresses", Unsaid::Open).convert(Convert::NullToList).check(Check::SUBNET_LIST),
        CREATED,
        UPDATED,
        REVISION,
    ],
};

/// The rules that new groups begin with. They belong to nobody, and only administrators decide on them.
pub static DEFAULT_SECURITY_GROUP_RULE: Resource = Resource {
    kind: Kind::DefaultSecurityGroupRule,
    singular: "default_security_group_rule",
    plural: "default_security_group_rules",
    table: TableName::new("neutron_default_security_group_rule"),
    missing: ("DefaultSecurityGroupRuleNotFound", "Default Security Group rule {} does not exist"),
    indexed: &["used_in_default_sg", "used_in_non_default_sg"],
    attributes: &[
        ID,
        Attribute { is_filter: false, is_sort_key: false, ..PROJECT.hidden() },
        Attribute { is_filter: false, is_sort_key: false, ..TENANT.hidden() },
        FIXED_DESCRIPTION,
        REMOTE_GROUP,
        REMOTE_ADDRESS_GROUP,
        DIRECTION,
        PROTOCOL,
        PORT_RANGE_MIN,
        PORT_RANGE_MAX,
        ETHERTYPE,
        REMOTE_PREFIX,
        Attribute::fixed("used_in_default_sg", Unsaid::Refused).convert(Convert::Boolean).filter(),
        Attribute::fixed("used_in_non_default_sg", Unsaid::Refused).convert(Convert::Boolean).filter(),
        Attribute::internal("created_at"),
        Attribute::internal("updated_at"),
        Attribute::internal("revision_number"),
    ],
};

/// A name that is not kept for the group that a project has anyway.
fn group_name(value: &serde_json::Value) -> Verdict {
    Check::Text(NAME_CHARS_MAX).apply(value)?;
    if value.as_str().is_some_and(|name| name.eq_ignore_ascii_case(DEFAULT_GROUP)) {
        let text = "Default security group already exists.";
        return Err(ApiError::new(409, "SecurityGroupDefaultAlreadyExists", text).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_of_the_default_group_is_kept_for_it() {
        for name in ["default", "Default", "DEFAULT"] {
            assert!(group_name(&json!(name)).is_err(), "{name}");
        }
        for name in ["", " default", "defaults", " x "] {
            assert!(group_name(&json!(name)).is_ok(), "{name}");
        }
    }
}
