//! The HTTP doors as their senders see them: every answer, and what was handed on before it was given.

mod desk;
mod segment;
mod shopify;
