//! Archives of Ansible Tower become the inventory, and nothing is lost on the way.

mod archives_of_the_world;
mod bad_input;
mod deadline;
mod existing_rows;
mod full_refresh;
mod incremental;
mod killed;
mod reordered;
mod side_by_side;
mod task_api;
mod traps;
mod whose_archive;
