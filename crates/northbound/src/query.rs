//! Lists: which resources, in which order, how many, and what of them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`parameters`] | the query of a request, checked |
//! | [`filter`] | which resources a query means |
//! | [`view`] | a resource as an answer shows it |
//! | [`page`] | order and pages |

pub mod filter;
pub mod page;
pub mod parameters;
pub mod view;

pub use parameters::{ListQuery, Parameters};
pub use view::View;
