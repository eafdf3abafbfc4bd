//! OpenStack's own clients against the real server, as somebody who has only the documentation would use them; clients that
//! mean harm; and crowds of clients.
//!
//! | module | who |
//! |---|---|
//! | [`command_line`], [`security`] | `openstack`, run by [`shell`] |
//! | [`routers`] | `openstack router`, and the session of the guide for distributed routers |
//! | [`policies`] | `openstack network qos` and `network trunk` |
//! | [`names`] | `openstack` and OpenStack's own tests, about names for DNS |
//! | [`identity`] | those for whom a real [`keystone`] vouches |
//! | [`sdk`] | openstacksdk |
//! | [`tempest`], [`tempest_routers`] | OpenStack's own tests of Neutron's API |
//! | [`hostile`] | clients that mean harm, or do not know what they do |
//! | [`crowds`] | many clients at once, one server or two, servers that are killed |

mod checker;
mod command_line;
mod crowds;
mod floating_ips;
mod hostile;
mod http;
mod identity;
mod keystone;
mod names;
mod policies;
mod router_rows;
mod routers;
mod sdk;
mod security;
mod shell;
mod support;
mod tempest;
mod tempest_policies;
mod tempest_routers;
