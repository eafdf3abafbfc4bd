//! Neutron's API over HTTP/1.1.
//!
//! Whatever a request says, it gets an answer in Neutron's form: bodies are bounded, requests have a deadline, and a panic
//! is a 500 with the id by which the log knows it. Each answer has that id in `X-Openstack-Request-Id`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`route`] | which path and method means what |
//! | [`request`] | what a request says besides its body |
//! | [`agents`] | the daemons of nodes |
//! | [`answer`] | answers |
//! | [`bindings`] | the hosts that ports are bound to |
//! | [`documents`] | versions, extensions, quotas: what is no resource of the store |
//! | [`forwarding`] | the forwarded ports of floating IPs, and where floating IPs come from |
//! | [`identity`] | what of keystone clients cannot do without, where there is none |
//! | [`qos`] | what is below `/v2.0/qos` |
//! | [`router`] | interfaces, routes and gateways of routers |
//! | [`trunk`] | the ports that trunks carry |
//! | [`serve`] | listening, limits, the end |

pub mod agents;
pub mod answer;
pub mod bindings;
pub mod documents;
pub mod forwarding;
pub mod identity;
pub mod qos;
pub mod request;
pub mod route;
pub mod router;
pub mod serve;
pub mod subnet_pool;
pub mod trunk;
