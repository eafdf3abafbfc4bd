//! Addresses under a name, and their row.

use ipnet::IpNet;
use model::{Id, Topic, Version};
use serde_json::Value;

use super::attributes::{Attributes, Reader, id};
use super::error::TranslateError;
use crate::registry::convert::ip_net;

/// What of an address group its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressGroup {
    /// Its id.
    pub id: Id<model::AddressGroup>,
    /// The project, `project_id`.
    pub project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// The addresses.
    pub addresses: Vec<IpNet>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

impl AddressGroup {
    /// The address group that attributes of the API say.
    ///
    /// # Errors
    /// When an attribute is missing or something else than it has to be.
    pub fn from_attributes(attributes: &(impl Attributes + ?Sized)) -> Result<Self, TranslateError> {
        let reader = Reader(attributes);
        let range = |value: &Value| ip_net(value.as_str()?).map(|net| net.trunc());
        Ok(Self {
            id: reader.required("id", "an id", id)?,
            project_id: reader.project()?,
            name: reader.text("name")?,
            addresses: reader.list("addresses", "a list of ranges of addresses", range)?,
            revision: reader.revision()?,
        })
    }

    /// The row that controllers read.
    #[must_use]
    pub fn row(&self) -> model::AddressGroup {
        model::AddressGroup {
            addresses: self.addresses.clone(),
            id: self.id.clone(),
            name: self.name.clone(),
            topic: Topic::new(&self.project_id),
            version: Some(Version(self.revision)),
        }
    }
}
