//! What is made here: products, pools, distributors, and their certificates.

mod certificates;
mod certify;
mod entitlements;
mod imports;
mod products;
