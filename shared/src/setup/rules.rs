//! The rules that all owners share.

use super::SetupError;
use crate::candlepin::replace_rules;
use crate::clock::Clock;
use crate::db::Pool;
use crate::manifest::rules::Rules;
use serde_json::{Value, json};

/// The version is what later manifests' rules are compared with, so it must be there.
pub(super) async fn replace(pool: &Pool, clock: &Clock, text: &str) -> Result<Value, SetupError> {
    let rules = Rules::new(text);
    if rules.version.is_none() {
        let problem =
            "rules: the first line is not `// Version: <number>.<number>`, as in a manifest's rules2/rules.js";
        return Err(SetupError::Argument(problem.into()));
    }
    Ok(json!(replace_rules(&mut pool.get().await?, &rules, clock).await?))
}
