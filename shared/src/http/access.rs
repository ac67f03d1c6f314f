//! Who may do what for an owner: the one place that decides.
//!
//! A caller's own owner may be read. Everything else, and all for IAM principals, is a row in `grants`. Callers without
//! rights get the same answer whether an owner is there or not.

use super::{Caller, Problem};
use crate::candlepin::Permission;
use crate::failure::brief;
use tokio_postgres::Row;

/// Longest text of a client in a log line, in bytes.
const MAX_TOLD: usize = 255;

/// Whom a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// An owner, by its key.
    Owner(&'a str),
    /// A consumer, by its uuid.
    Consumer(&'a str),
}

/// What a caller may do for an owner that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    own: bool,
    granted: Vec<String>,
}

impl Rights {
    /// Whether that is among them.
    pub fn allow(&self, permission: Permission) -> bool {
        let granted = permission.granted_by().iter().any(|name| self.granted.iter().any(|granted| granted == name));
        granted || self.own && permission == Permission::Read
    }
}

/// Decides whether `caller` may do what needs `wanted`, and returns all his rights.
///
/// `found` is the owner's row, from the query that asks for the data too, so that both are of one moment; `None` where there
/// is no such owner or consumer. It has the columns `account` (the owner's key) and `granted`:
/// `ARRAY(SELECT permission FROM grants WHERE owner_id = .. AND org = $n)`, where `$n` is [`Caller::name`].
///
/// # Errors
/// 403, alike for what is not there and for what is forbidden; 404 where the caller's own owner is not there. Logged here,
/// once.
pub fn decide(caller: &Caller, asked: Asked<'_>, wanted: Permission, found: Option<&Row>) -> Result<Rights, Problem> {
    let rights = found.map(|row| Rights { own: caller.owns(row.get("account")), granted: row.get("granted") });
    judge(caller, asked, wanted, rights)
}

fn judge(caller: &Caller, asked: Asked<'_>, wanted: Permission, rights: Option<Rights>) -> Result<Rights, Problem> {
    let own = matches!(asked, Asked::Owner(key) if caller.owns(key));
    let reason = match rights {
        Some(rights) if rights.allow(wanted) => return Ok(rights),
        Some(_) => "not granted",
        None if own => return Err(Problem::not_found("there is no such owner; create-owner of setup makes one")),
        None => "not there",
    };
    let (owner, consumer) = match asked {
        Asked::Owner(key) => (Some(brief(key, MAX_TOLD)), None),
        Asked::Consumer(uuid) => (None, Some(brief(uuid, MAX_TOLD))),
    };
    tracing::warn!(%caller, owner, consumer, permission = wanted.as_str(), reason, "request refused");
    Err(Problem::forbidden())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    fn decided(caller: &Caller, wanted: Permission, rights: Option<(bool, &[&str])>) -> StatusCode {
        let rights =
            rights.map(|(own, granted)| Rights { own, granted: granted.iter().map(|g| (*g).into()).collect() });
        judge(caller, Asked::Owner("acme"), wanted, rights).err().map_or(StatusCode::OK, |problem| problem.status())
    }

    #[test]
    fn ones_own_owner_may_be_read_and_everything_else_is_granted() {
        let own = Caller::Organisation("acme".into());
        for (wanted, granted, status) in [
            (Permission::Read, &[][..], StatusCode::OK),
            (Permission::ReadKeys, &[], StatusCode::FORBIDDEN),
            (Permission::Undo, &["export", "read-keys"], StatusCode::FORBIDDEN),
            (Permission::Undo, &["undo"], StatusCode::OK),
            (Permission::Export, &["admin"], StatusCode::OK),
        ] {
            assert_eq!(decided(&own, wanted, Some((true, granted))), status, "{wanted:?} {granted:?}");
        }
        assert_eq!(decided(&own, Permission::Read, None), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_principal_owns_nothing_and_what_is_not_there_looks_like_what_is_forbidden() {
        let principal = Caller::Principal("acme".into());
        assert_eq!(decided(&principal, Permission::Read, Some((false, &[]))), StatusCode::FORBIDDEN);
        assert_eq!(decided(&principal, Permission::Read, None), StatusCode::FORBIDDEN);
        assert_eq!(decided(&principal, Permission::Read, Some((false, &["read-keys"]))), StatusCode::OK);
        assert_eq!(decided(&principal, Permission::ReadKeys, Some((false, &["read"]))), StatusCode::FORBIDDEN);
    }
}
