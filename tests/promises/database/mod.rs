//! The database: its upgrades, its rights, connections to it, and what happens when it goes away.

mod connections;
mod grants;
mod login;
mod migrations;
mod outage;
mod upgrade;
