//! Manifests and data bundles become owners' rows, and nothing is lost or taken for another's.

mod bad_manifests;
mod bundle_signatures;
mod certificates;
mod conflicts;
mod consumer_only;
mod containers;
mod continues;
mod deadline;
mod events;
mod history;
mod killed;
mod made_here;
mod manifests;
mod owner_lookups;
mod product_changes;
mod reconciled_subscriptions;
mod shared_objects;
mod side_by_side;
mod success;
mod traps;
mod undo;
mod updates;
mod upstream_consumers;
mod whose_manifest;
