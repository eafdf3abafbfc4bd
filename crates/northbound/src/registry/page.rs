//! The page about the API, made of the declarations.

use std::fmt::Write;

use serde_json::Value;

use super::attribute::{Attribute, Unsaid, Who};
use super::extensions::EXTENSIONS;
use super::tables::agent::AGENT;
use super::tables::binding::BINDING;
use super::tables::floating_ip::PORT_FORWARDING;
use super::tables::qos::RuleType;
use super::{Kind, Resource};

const HEAD: &str = "# The API

Made from the declarations in `crates/northbound/src/registry` by `northbound::registry::page::api_reference`;
`UPDATE_GOLDEN=1 cargo test -p northbound --lib page` writes it anew.

It is Neutron's v2.0, so its documentation and clients are those of OpenStack: `openstack network create`, openstacksdk, Terraform.
What is not on this page is refused by name: an attribute, a filter or a path that this server does not know is an error and never
ignored.

## Calls

| path | methods | what |
|---|---|---|
| `/`, `/v2.0/` | GET | versions; the collections |
| `/v2.0/COLLECTION` | GET, POST | lists (below); creates one, or several at once, all or none |
| `/v2.0/COLLECTION/ID` | GET, PUT, DELETE | `If-Match: revision_number=N` makes a change depend on nobody having been faster |
| `/v2.0/COLLECTION/ID/tags` | GET, PUT, POST, DELETE | all tags |
| `/v2.0/COLLECTION/ID/tags/TAG` | GET, PUT, DELETE | one tag |
| `/v2.0/ports/ID/bindings`, `…/HOST` | GET, POST, PUT, DELETE | the hosts that a port is bound to; those that do not count yet or any more are `INACTIVE` |
| `/v2.0/ports/ID/bindings/HOST/activate` | PUT | makes that one count |
| `/v2.0/qos/policies` and what is below it | | as any collection |
| `/v2.0/qos/policies/ID/RULES`, `…/RULE` | GET, POST, PUT, DELETE | the rules of a policy, each type in a collection of its own (below) |
| `/v2.0/qos/alias-RULES/RULE` | GET, PUT, DELETE | a rule of any policy; no rules that limit packets |
| `/v2.0/qos/rule-types`, `…/TYPE` | GET | the types of rules, and for administrators what rules of a type may say |
| `/v2.0/trunks/ID/get_subports` | GET | the ports that a trunk carries |
| `/v2.0/trunks/ID/add_subports`, `…/remove_subports` | PUT | adds and removes some |
| `/v2.0/routers/ID/add_router_interface`, `…/remove_router_interface` | PUT | an interface, by `subnet_id` or by `port_id` |
| `/v2.0/routers/ID/add_extraroutes`, `…/remove_extraroutes` | PUT | some of the routes, whatever the others are |
| `/v2.0/routers/ID/add_external_gateways`, `…/update_external_gateways`, `…/remove_external_gateways` | PUT | more gateways than one |
| `/v2.0/floatingips/ID/port_forwardings`, `…/RULE` | GET, POST, PUT, DELETE | ports of a floating IP that stand for ports of guests |
| `/v2.0/floatingip_pools` | GET | the subnets that floating IPs come from |
| `/v2.0/quotas` | GET | projects with quotas of their own |
| `/v2.0/quotas/PROJECT` | GET, PUT, DELETE | how much a project may have; `/default` and `/details` below it |
| `/v2.0/network-ip-availabilities`, `…/NETWORK` | GET | how many addresses there are, and how many are taken |
| `/v2.0/availability_zones` | GET | where networks and routers can be placed: the zones that the operator names, and those of nodes |
| `/v2.0/extensions`, `…/ALIAS` | GET | what this server can do |
| `/v2.0/address-groups/ID/add_addresses`, `…/remove_addresses` | PUT | more addresses, or fewer |
| `/v2.0/subnetpools/ID/add_prefixes`, `…/remove_prefixes` | PUT | more prefixes, or fewer; a pool keeps one at least |
| `/v2.0/agents`, `…/ID` | GET, PUT, DELETE | the daemons of nodes; those that are dead can be deleted |
| `/v2.0/agents/ID/dhcp-networks`, `/v2.0/networks/ID/dhcp-agents` | GET | every node answers DHCP for the ports that it has |
| `/v2.0/routers/ID/l3-agents` | GET | the nodes that may have the gateways of a router, and which has them now (`ha_state`) |
| `/v2.0/agents/ID/l3-routers`, `…/ROUTER` | GET, POST, PUT, DELETE | the routers that may have their gateways on a node; moves them there, with or without `ha_chassis_priority`, and away |
| `/v3`, `/v3/auth/tokens` and a few below | | without keystone: what of it clients cannot do without |

Lists take any attribute with a *filter* as parameter (repeated: any of the values), `tags`, `tags-any`, `not-tags`, `not-tags-any`,
`fields`, `sort_key` with `sort_dir`, and `limit`, `marker`, `page_reverse` for pages. Ports are found by
`fixed_ips=ip_address=ADDRESS`, `fixed_ips=ip_address_substr=PART` and `fixed_ips=subnet_id=ID`.

Everybody acts on what their project owns, and sees besides what is shared and what is in their networks. *Owner of the network*
includes administrators and services.
";

/// The page `docs/api.md`.
#[must_use]
pub fn api_reference() -> String {
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        describe(&mut page, kind.resource());
    }
    for kind in RuleType::ALL {
        describe(&mut page, kind.resource());
    }
    describe(&mut page, &BINDING);
    describe(&mut page, &PORT_FORWARDING);
    describe(&mut page, &AGENT);
    page.push_str("\n## Extensions\n\n| alias | what it means here |\n|---|---|\n");
    for extension in EXTENSIONS.iter() {
        line(&mut page, format_args!("| `{}` | {} |", extension.alias, extension.description));
    }
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes all text");
}

fn describe(page: &mut String, resource: &Resource) {
    line(page, format_args!("\n## `{}`\n", resource.plural));
    page.push_str("| attribute | when created | changed | filter | sort | who says it | who sees it |\n|---|---|---|---|---|---|---|\n");
    for attribute in resource.attributes {
        let is_ours = !attribute.is_visible && !attribute.in_post && !attribute.is_filter;
        if !is_ours {
            describe_attribute(page, attribute);
        }
    }
}

fn describe_attribute(page: &mut String, attribute: &Attribute) {
    let yes = |holds| if holds { "yes" } else { "" };
    let unsaid = match attribute.unsaid {
        _ if !attribute.in_post => String::new(),
        Unsaid::Refused => "required".to_owned(),
        Unsaid::Open => "optional".to_owned(),
        Unsaid::Is(literal) => match literal.value() {
            Value::String(text) if text.is_empty() => "default empty".to_owned(),
            value => format!("default `{value}`"),
        },
    };
    let who = |who: Who| match who {
        Who::Anyone => "",
        Who::NetworkOwner => "owner of the network",
        Who::Manager => "administrator, service, manager",
        Who::Service => "administrator, service",
        Who::Admin => "administrator",
    };
    let writer = match (who(attribute.creator), who(attribute.updater)) {
        (creator, updater) if creator == updater => creator.to_owned(),
        (creator, updater) => format!("{creator}; changed: {updater}"),
    };
    let reader = if attribute.is_visible { who(attribute.reader) } else { "nobody" };
    line(
        page,
        format_args!(
            "| `{}` | {unsaid} | {} | {} | {} | {writer} | {reader} |",
            attribute.name,
            yes(attribute.in_put),
            yes(attribute.is_filter),
            yes(attribute.is_sort_key),
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
        let page = api_reference();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in == page,
            "{path} is out of date: run UPDATE_GOLDEN=1 cargo test -p northbound --lib page"
        );
    }
}
