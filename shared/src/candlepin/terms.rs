//! What a subscription and its pools have in common, and what to do with a list of either.

use super::unload::Counts;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio_postgres::Row;

/// Columns that a pool takes over from its subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Terms {
    #[serde(serialize_with = "as_timestamp")]
    pub startdate: PrimitiveDateTime,
    #[serde(serialize_with = "as_timestamp")]
    pub enddate: PrimitiveDateTime,
    pub contractnumber: Option<String>,
    pub accountnumber: Option<String>,
    pub ordernumber: Option<String>,
    pub upstream_pool_id: Option<String>,
    pub upstream_entitlement_id: Option<String>,
    pub upstream_consumer_id: Option<String>,
    pub certificate_id: Option<String>,
    pub cdn_id: Option<String>,
}

impl Terms {
    /// Of a row that has these columns.
    pub fn from_row(row: &Row) -> Self {
        Self {
            startdate: row.get("startdate"),
            enddate: row.get("enddate"),
            contractnumber: row.get("contractnumber"),
            accountnumber: row.get("accountnumber"),
            ordernumber: row.get("ordernumber"),
            upstream_pool_id: row.get("upstream_pool_id"),
            upstream_entitlement_id: row.get("upstream_entitlement_id"),
            upstream_consumer_id: row.get("upstream_consumer_id"),
            certificate_id: row.get("certificate_id"),
            cdn_id: row.get("cdn_id"),
        }
    }
}

/// As PostgreSQL reads a `timestamp` in JSON.
fn as_timestamp<S: Serializer>(moment: &PrimitiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    serializer.serialize_str(&moment.format(format).map_err(serde::ser::Error::custom)?)
}

/// An object with the id under which it stands, or is to stand.
pub(super) trait Keyed: Serialize + PartialEq {
    fn id(&self) -> &str;
}

/// What is to become of a list of objects.
pub(super) struct Plan<T> {
    pub new: Vec<T>,
    /// What it is to be, and the names of what differs.
    pub changed: Vec<(T, Vec<String>)>,
    pub gone: Vec<T>,
    pub unchanged: u64,
}

impl<T: Keyed> Plan<T> {
    /// Compares what is there with what is to be.
    pub fn of(existing: Vec<T>, wanted: Vec<T>) -> Self {
        let mut before: HashMap<String, T> =
            existing.into_iter().map(|object| (object.id().to_owned(), object)).collect();
        let mut plan = Self { new: Vec::new(), changed: Vec::new(), gone: Vec::new(), unchanged: 0 };
        for object in wanted {
            match before.remove(object.id()) {
                None => plan.new.push(object),
                Some(before) if before == object => plan.unchanged += 1,
                Some(before) => {
                    let names = differences(&before, &object);
                    plan.changed.push((object, names));
                }
            }
        }
        plan.gone.extend(before.into_values());
        plan.gone.sort_by(|a, b| a.id().cmp(b.id()));
        plan
    }

    pub fn counts(&self) -> Counts {
        let count = |length: usize| length as u64;
        let (adds, updates, deletes) = (count(self.new.len()), count(self.changed.len()), count(self.gone.len()));
        Counts { adds, updates, deletes, unchanged: self.unchanged }
    }

    /// New and changed ones.
    pub fn written(&self) -> impl Iterator<Item = &T> {
        self.new.iter().chain(self.changed.iter().map(|(object, _)| object))
    }

    /// Ids of those that are gone.
    pub fn gone_ids(&self) -> Vec<&str> {
        self.gone.iter().map(Keyed::id).collect()
    }
}

/// Names of the columns in which two objects differ.
fn differences<T: Serialize>(before: &T, after: &T) -> Vec<String> {
    let columns = |object: &T| match serde_json::to_value(object) {
        Ok(serde_json::Value::Object(columns)) => columns,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (columns(before), columns(after));
    // What it was read from is no part of it.
    let differs = |name: &str, value: &serde_json::Value| name != "source" && before.get(name) != Some(value);
    after.into_iter().filter(|(name, value)| differs(name, value)).map(|(name, _)| name).collect()
}
