//! The hosted side: what an owner has, and to whom it is passed on. Products and pools that were made here, distributors
//! (consumers of a manifest type), their entitlements, and the certificates of all of them.
//!
//! [`certify`] is what exports and commands have in common: it makes the certificates say what is so.

mod authority;
mod certificates;
mod certify;
mod consumption;
mod distributors;
mod entitlements;
mod error;
mod key_pair;
mod load;
mod owner;
mod pools;
mod products;

pub use authority::{Authorities, Authority, AuthorityError};
pub use certificates::MAX_CONTENTS;
pub use certify::{Certified, certify, is_certified};
pub(crate) use consumption::{fit, revoke_of_pools};
pub use distributors::{Distributor, NewDistributor, create_distributor, delete_distributor, list_distributors};
pub use entitlements::{Entitled, Wanted, entitle, list_entitlements, unentitle};
pub use error::HostedError;
pub use pools::{NewPool, create_pool, list_pools};
pub use products::{Made, NewContent, NewProduct, create_product};

/// Where the private key of a consumer stands once it is sealed, which sealing binds it to: `cp_key_pair.id`.
pub fn key_pair_context(id: &str) -> String {
    format!("cp_key_pair/{id}")
}
