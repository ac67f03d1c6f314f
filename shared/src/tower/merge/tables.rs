//! Each table and how it is merged.

use crate::tower::copy::Staged;
use crate::tower::report::Report;
use crate::tower::{Collection, Table};

/// How a table is merged: what fills the braces of `merge.sql`.
pub(super) struct Merge {
    pub table: Table,
    pub staged: Staged,
    /// A SELECT that yields the columns below, `source_ref` and `unlinked`.
    select: &'static str,
    /// What is compared and written.
    columns: &'static [&'static str],
    /// Whether an older archive may change a row.
    newer: &'static str,
    /// A further condition on the row that is there.
    eligible: &'static str,
}

/// By the object's own time of change. Rows of older writers have none.
const BY_TIME: &str = "coalesce(t.source_updated_at < s.source_updated_at, true)";

/// `service_offerings` has no unique key. Where an older writer left a template twice, both live rows follow Tower; an
/// archived one returns only where no live one is, and then only the first.
const LIVE_OR_ONLY: &str = "AND (t.archived_at IS NULL OR NOT EXISTS (
      SELECT FROM service_offerings o
      WHERE o.source_id = $2 AND o.source_ref = t.source_ref AND (o.archived_at IS NULL OR o.id < t.id)))";

/// In this order: what is linked to comes first.
pub(super) const MERGES: [Merge; 6] = [
    Merge {
        table: Table::CredentialTypes,
        staged: Staged::CredentialTypes,
        select: include_str!("staged_credential_types.sql"),
        columns: &["name", "description", "kind", "namespace", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
        eligible: "",
    },
    Merge {
        table: Table::Credentials,
        staged: Staged::Credentials,
        select: include_str!("staged_credentials.sql"),
        columns: &["name", "description", "service_credential_type_id", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
        eligible: "",
    },
    Merge {
        table: Table::Inventories,
        staged: Staged::Inventories,
        select: include_str!("staged_inventories.sql"),
        columns: &["name", "description", "extra", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
        eligible: "",
    },
    Merge {
        table: Table::Offerings,
        staged: Staged::Offerings,
        select: include_str!("staged_offerings.sql"),
        columns: &["name", "description", "extra", "service_inventory_id", "source_created_at", "source_updated_at"],
        newer: BY_TIME,
        eligible: LIVE_OR_ONLY,
    },
    Merge {
        table: Table::Nodes,
        staged: Staged::Nodes,
        select: include_str!("staged_nodes.sql"),
        columns: &[
            "extra",
            "service_offering_id",
            "root_service_offering_id",
            "service_inventory_id",
            "source_created_at",
            "source_updated_at",
        ],
        newer: BY_TIME,
        eligible: "",
    },
    Merge {
        table: Table::Plans,
        staged: Staged::Plans,
        select: include_str!("staged_plans.sql"),
        columns: &["name", "description", "create_json_schema", "service_offering_id", "extra"],
        // A survey has no time of its own: it counts where its template did.
        newer: "s.template_written",
        eligible: "",
    },
];

impl Merge {
    /// Whether an object may be staged twice. Where several collections share a table, only the database knows; so it
    /// does for surveys, which are not numbered.
    pub fn may_repeat(&self, report: &Report) -> bool {
        let mut collections = Collection::ALL.into_iter().filter(|collection| collection.table() == self.table);
        match (collections.next(), collections.next()) {
            (Some(only), None) => report.collection(only).pages.may_repeat(),
            _ => true,
        }
    }

    pub fn sql(&self) -> String {
        let of = |alias: &str| {
            let columns = self.columns.iter().map(|column| format!("{alias}{column}"));
            columns.collect::<Vec<_>>().join(", ")
        };
        include_str!("merge.sql")
            .replace("{staged}", self.select.trim_end())
            .replace("{table}", self.table.name())
            .replace("{newer}", self.newer)
            .replace("{and_eligible}", self.eligible)
            .replace("{columns}", &of(""))
            .replace("{t.columns}", &of("t."))
            .replace("{s.columns}", &of("s."))
            .replace("{n.columns}", &of("n."))
            .replace("{staged_table}", self.staged.table())
    }
}
