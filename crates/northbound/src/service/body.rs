//! Bodies of answers: one resource, or a page of several, as whoever asks may see them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::auth::Context;
use crate::error::ApiError;
use crate::query::view::Columns;
use crate::query::{ListQuery, Parameters, View, page};
use crate::registry::Resource;
use crate::registry::document::Document;
use crate::replica::State;
use crate::server::Core;

/// A body of an answer.
#[derive(Debug)]
pub enum Body {
    /// One resource under its name.
    One(&'static str, View),
    /// Several under theirs, with the links to other pages.
    Many(&'static str, Vec<View>, Option<Value>),
}

impl Serialize for Body {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(name, view) => serializer.collect_map([(name, view)]),
            Self::Many(name, views, None) => serializer.collect_map([(name, views)]),
            Self::Many(name, views, Some(links)) => {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry(name, views)?;
                map.serialize_entry(&format!("{name}_links"), links)?;
                map.end()
            }
        }
    }
}

impl Core {
    /// Several resources.
    pub(crate) fn views(
        &self,
        resource: &'static Resource,
        context: &Context,
        fields: &[String],
        documents: Vec<Arc<Document>>,
    ) -> Vec<View> {
        let columns = Columns::new(resource.attributes, context, fields);
        let state = self.replica.read();
        documents.into_iter().map(|document| View::new(&state, document, &columns)).collect()
    }

    /// One resource.
    pub(crate) fn shown(
        &self,
        resource: &'static Resource,
        context: &Context,
        fields: &[String],
        document: Arc<Document>,
    ) -> Body {
        let columns = Columns::new(resource.attributes, context, fields);
        Body::One(resource.singular, View::new(&self.replica.read(), document, &columns))
    }

    /// What was created: one resource where one was asked for, and several where a list was.
    pub(crate) fn created(
        &self,
        resource: &'static Resource,
        context: &Context,
        documents: Vec<Arc<Document>>,
        is_many: bool,
    ) -> Body {
        let mut views = self.views(resource, context, &[], documents);
        match (is_many, views.pop()) {
            (false, Some(view)) => Body::One(resource.singular, view),
            (_, last) => {
                views.extend(last);
                Body::Many(resource.plural, views, None)
            }
        }
    }

    /// The page that is asked for, of those that `find` finds and that fit the query.
    pub(crate) fn listed(
        &self,
        resource: &'static Resource,
        context: &Context,
        parameters: &Parameters,
        url: &str,
        find: impl FnOnce(&State, &ListQuery) -> Result<Vec<Arc<Document>>, ApiError>,
    ) -> Result<Body, ApiError> {
        let query = ListQuery::new(resource, parameters, self.settings.page_items_max)?;
        let columns = Columns::new(resource.attributes, context, &query.fields);
        let state = self.replica.read();
        let mut found = find(&state, &query)?;
        found.retain(|document| query.filters.iter().all(|filter| filter.fits(&state, document)));
        let page = page::page(&state, found, &query)?;
        let links = page::links(url, parameters, &query, &page);
        let views = page.into_iter().map(|document| View::new(&state, document, &columns)).collect();
        Ok(Body::Many(resource.plural, views, links))
    }
}
