//! The northbound objects: networks, ports, routers, groups and what else a chassis makes flows of, as the rows that
//! stores hold.
//!
//! Rows are the original Dragonflow's, member by member and letter by letter, so that its Neutron plugin and its
//! controllers work beside ours on one store. Each object is declared once, in a file of its own below [`objects`];
//! its JSON, references, indexes and the page `docs/model.md` follow from the declaration.
//!
//! ```
//! use model::{LogicalPort, Model, Object, Table};
//!
//! let text = r#"{"id": "p1", "ips": ["10.0.0.5"], "lswitch": "net1", "topic": "tenant1", "unique_key": 7}"#;
//! let port = LogicalPort::from_text(text)?;
//! assert_eq!(port.lswitch, Some("net1".parse().unwrap()));
//! assert!(Object::from(port).to_text().contains(r#""macs": [], "security_groups": []"#));
//!
//! let error = Object::from_text(Table::LogicalPort, &text.replace("10.0.0.5", "10.0.0.500")).unwrap_err();
//! assert_eq!(error.to_string(), "row p1 of table lport: ips[0]: expected an IP address, found \"10.0.0.500\"");
//! # Ok::<(), model::DecodeError>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`objects`] | the objects |
//! | `table`, `object` | tables, and rows of any of them |
//! | [`lifecycle`], `patch` | versions, unique keys, staleness; changes of some members |
//! | `key` | keys of rows in etcd, Redis and ZooKeeper |
//! | `index` | by what rows are looked up |
//! | `id`, `values`, `dhcp_options`, `choice` | the values of members |
//! | `member`, `macros`, `shape`, `json`, `error` | how declarations become JSON, and what is wrong with a row |
//! | `page` | the page `docs/model.md` |
//! | `arbitrary` | random rows for property tests (feature `arbitrary`) |

#[cfg(any(test, feature = "arbitrary"))]
pub mod arbitrary;
mod choice;
mod dhcp_options;
mod error;
mod id;
mod index;
mod json;
mod key;
pub mod lifecycle;
mod macros;
mod member;
mod object;
pub mod objects;
mod page;
mod patch;
mod shape;
mod table;
mod values;

pub use choice::Unknown;
pub use dhcp_options::DhcpOptions;
pub use error::{DecodeError, MAX_QUOTED_CHARS, MAX_ROW_BYTES, Problem};
pub use id::{EmptyId, Id, RowId, Topic};
pub use index::{Index, IndexId, IndexKey};
pub use key::{KeyError, Layout, Named};
pub use lifecycle::{Creation, LifecycleError};
pub use member::{Member, Record, Reference};
pub use object::{Model, Object};
pub use objects::*;
pub use page::object_reference;
pub use patch::Patch;
pub use shape::{FieldSpec, Presence, Shape, Strength};
pub use table::{Table, TopicRule};
pub use values::{Number, Secret, Timestamp, UniqueKey, Version};
