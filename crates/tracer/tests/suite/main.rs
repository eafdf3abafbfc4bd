//! What the tracer says of small clouds, whose flows the product's own apps make.

mod elsewhere;
mod groups;
mod support;
mod trace;
