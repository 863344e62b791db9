//! Tests of `reconcile` from outside: the ledger, parts, rates and conversion by cases and against naive oracles, claims,
//! the bridge, the checkers.

mod shop;

mod ledger;
mod oracle;
mod parts;
mod refunds;
mod taken_back;

mod conversion;
mod digits;
mod rates;

mod bridge;
mod claims;

mod checks;
