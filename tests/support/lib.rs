//! What the end-to-end tests share: a house in a folder ([`house`]), records as the doors make them ([`doors`]), the
//! comparison with the simulator's truth ([`truth`]) and the laws ([`laws`]).

pub mod doors;
pub mod house;
pub mod laws;
pub mod truth;
