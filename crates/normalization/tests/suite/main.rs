//! Payload pairs, real payloads, privacy and traffic: what the adapters make of what senders really send.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own case has failed")]

mod mapped_reports;
mod mappings;
mod payloads;
mod privacy;
mod real;
mod support;
mod traffic;
