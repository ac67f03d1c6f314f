//! The wall clock, in one place so that tests can hold it.

use std::sync::Arc;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Tells the time. Cloning is cheap.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn system() -> Self {
        Self(Arc::new(OffsetDateTime::now_utc))
    }

    /// A clock that a test moves.
    pub fn from_fn(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        (self.0)()
    }

    /// How long until `deadline`; `None` when it has passed. `cargo lambda watch` gives one of 1970.
    pub fn until(&self, deadline: std::time::SystemTime) -> Option<std::time::Duration> {
        (OffsetDateTime::from(deadline) - self.now())
            .try_into()
            .ok()
            .filter(|left: &std::time::Duration| !left.is_zero())
    }

    /// The time as the inventory tables keep it: a `timestamp` without zone, in UTC.
    pub fn timestamp(&self) -> PrimitiveDateTime {
        to_timestamp(self.now())
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// A moment as PostgreSQL's `timestamp` in UTC, cut to the microseconds that it can hold.
pub fn to_timestamp(moment: OffsetDateTime) -> PrimitiveDateTime {
    let utc = moment.to_offset(time::UtcOffset::UTC);
    let micros = utc.microsecond();
    let time = utc.time().replace_microsecond(micros).unwrap_or(utc.time());
    PrimitiveDateTime::new(utc.date(), time)
}
