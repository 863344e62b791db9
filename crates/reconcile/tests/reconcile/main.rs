//! Tests of `reconcile` from outside: the ledger by cases and against a naive oracle, claims, the bridge, the checkers.

mod shop;

mod ledger;
mod oracle;
mod refunds;

mod bridge;
mod claims;

mod checks;
