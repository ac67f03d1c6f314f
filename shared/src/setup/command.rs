//! The commands, as payloads name them, and what the help says of each.

use super::SetupError;
use crate::candlepin::Permission;
use crate::hosted::{NewDistributor, NewPool, NewProduct, Wanted};
use crate::settings::Settings;
use serde::Deserialize;
use serde_json::{Value, json};

/// What `setup` can be asked to do, by direct invocation.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Command {
    /// Brings the database up to date.
    Migrate {},
    /// Creates a tenant, or finds it.
    CreateTenant {
        /// The org id, or the account number of those that have none.
        external_tenant: String,
        /// A name for people.
        #[serde(default)]
        name: Option<String>,
    },
    /// Creates a source of a tenant, or finds it and updates name and state.
    CreateSource {
        /// The tenant that it belongs to.
        external_tenant: String,
        /// The reporter's uid.
        uid: String,
        /// A name for people.
        #[serde(default)]
        name: Option<String>,
        /// Whether it is refreshed; a new one is unless this says otherwise.
        #[serde(default)]
        enabled: Option<bool>,
    },
    /// Creates an owner of the Candlepin tables, or finds it and updates its display name.
    CreateOwner {
        /// Its key.
        owner: String,
        /// A name for people; a new owner without one is called by its key.
        #[serde(default)]
        display_name: Option<String>,
    },
    /// Lists the owners.
    ListOwners {},
    /// Says whose the manifests of an upstream consumer are.
    RegisterUpstreamConsumer {
        /// The consumer's uuid.
        uuid: String,
        /// The owner's key.
        owner: String,
    },
    /// Takes that back.
    UnregisterUpstreamConsumer {
        /// The consumer's uuid.
        uuid: String,
    },
    /// Lets an organisation or an IAM principal do more for an owner than its own owner may.
    Grant {
        /// The organisation, as identities name it, or the ARN of an IAM role or user.
        org: String,
        /// The owner's key.
        owner: String,
        /// What it may do.
        #[serde(default)]
        permission: Permission,
    },
    /// Takes that back.
    Revoke {
        /// The organisation, as identities name it, or the ARN of an IAM role or user.
        org: String,
        /// The owner's key.
        owner: String,
        /// What it may do no more.
        #[serde(default)]
        permission: Permission,
    },
    /// Lists who may do what for which owner.
    ListGrants {},
    /// Replaces the rules that all owners share, whatever API they are of.
    ReplaceRules {
        /// Their text. The first line says the version.
        rules: String,
    },
    /// Makes a product of an owner, or changes it.
    CreateProduct(NewProduct),
    /// Makes a pool, or changes it.
    CreatePool(NewPool),
    /// Lists an owner's pools.
    ListPools {
        /// The owner's key.
        owner: String,
    },
    /// Makes a distributor, or finds it.
    CreateDistributor(NewDistributor),
    /// Lists the distributors.
    ListDistributors {
        /// Those of this owner only: its key.
        #[serde(default)]
        owner: Option<String>,
    },
    /// Deletes a distributor with all that it has.
    DeleteDistributor {
        /// The distributor's uuid.
        uuid: String,
    },
    /// Takes a quantity from a pool for a distributor.
    Entitle(Wanted),
    /// Takes an entitlement back.
    Unentitle {
        /// Its id.
        entitlement: String,
    },
    /// Lists a distributor's entitlements.
    ListEntitlements {
        /// The distributor's uuid.
        consumer: String,
    },
    /// Seals stored private keys again, with the current key.
    RotateKeys {},
    /// Lets parked messages be published after all.
    RetryParked {},
    /// Tells of identity certificates of upstream consumers that end soon.
    CheckCertificates {},
    /// Lists what functions have not done and was kept.
    ListFailures {
        /// What the keys begin with; unless it says otherwise, batches that Lambda gave up.
        #[serde(default = "given_up")]
        prefix: String,
        /// Those behind this key.
        #[serde(default)]
        after: Option<String>,
    },
    /// Hands that to its function again.
    Replay {
        /// What the keys begin with; a whole key for one.
        prefix: String,
        /// The function, where what was kept does not say it.
        #[serde(default)]
        function: Option<String>,
        /// Those behind this key.
        #[serde(default)]
        after: Option<String>,
    },
    /// Tells how things stand.
    Status {},
    /// Lists the commands.
    Help {},
}

/// Each command with its arguments and what it does.
const HELP: &[(&str, &str, &str)] = &[
    ("migrate", "", "bring the database up to date"),
    ("create-tenant", "external_tenant, [name]", "create a tenant, or find it"),
    ("create-source", "external_tenant, uid, [name], [enabled]", "create a source, or update its name and state"),
    ("create-owner", "owner, [display_name]", "create an owner, or update its display name"),
    ("list-owners", "", "list the owners, with their upstream consumers and their newest imports"),
    ("register-upstream-consumer", "uuid, owner", "say whose the manifests of an upstream consumer are"),
    ("unregister-upstream-consumer", "uuid", "take that back"),
    (
        "grant",
        "org, owner, [permission]",
        "let an organisation, or an IAM role or user by its ARN, do something for an owner: import (unless another is \
         named), read, read-keys, undo, export, or admin for all of them; its own owner it may read and import for",
    ),
    ("revoke", "org, owner, [permission]", "take that back"),
    ("list-grants", "", "list who may do what for which owner"),
    (
        "replace-rules",
        "rules",
        "replace the rules that all owners share by this text, whatever API it is of; a manifest replaces them only by \
         higher ones of the same API",
    ),
    (
        "create-product",
        "owner, product, name, [multiplier], [attributes], [provided], [derived], [content]",
        "make a product of an owner, or change what is given; content is a list of {id, type, label, name, [vendor], [url], \
         [gpg_url], [required_tags], [release], [arches], [metadata_expire], [modified_product_ids], [enabled]}",
    ),
    (
        "create-pool",
        "owner, product, quantity, [start], [end], [contract], [account], [order], [id]",
        "make a pool (quantity -1: without limit), or change the one of this id",
    ),
    ("list-pools", "owner", "list an owner's pools, with what is taken from them"),
    (
        "create-distributor",
        "owner, name, [uuid], [type]",
        "make a consumer that passes entitlements on, with its identity certificate, or find it",
    ),
    ("list-distributors", "[owner]", "list the distributors, with the ends of their identity certificates"),
    ("delete-distributor", "uuid", "delete a distributor with its entitlements, certificates and keys"),
    (
        "entitle",
        "consumer, pool, quantity, [id]",
        "take a quantity from a pool for a distributor; the same id again gives the same entitlement",
    ),
    ("unentitle", "entitlement", "take an entitlement back"),
    ("list-entitlements", "consumer", "list what a distributor has, with serial numbers"),
    (
        "rotate-keys",
        "",
        "seal the stored private keys again with the current key of LONGSHORE_KEYS; again, if the answer is not complete",
    ),
    (
        "retry-parked",
        "",
        "let the messages be published that the broker refused for good (status has their number and the newest reason), \
         once what was wrong is mended",
    ),
    (
        "check-certificates",
        "",
        "tell of identity certificates of upstream consumers that are over or will be within 30 days: all in the answer and \
         the metric, each once as an event",
    ),
    (
        "list-failures",
        "[prefix], [after]",
        "list up to a hundred batches that Lambda gave up (aws/lambda/), or records that were rejected (rejected/)",
    ),
    (
        "replay",
        "prefix, [function], [after]",
        "hand those to their function again, up to a hundred and while there is time; rejected records need a function: \
         tower-persister, manifest-importer or manifest-exporter",
    ),
    ("status", "", "tell how things stand: versions, numbers, failures, what waits, keys and authority"),
    ("help", "", "list the commands and the settings"),
];

impl Command {
    /// Whether it may leave something to publish.
    pub(super) fn has_events(&self) -> bool {
        matches!(
            self,
            Self::ReplaceRules { .. }
                | Self::CreateProduct(_)
                | Self::CreatePool(_)
                | Self::DeleteDistributor { .. }
                | Self::Entitle(_)
                | Self::Unentitle { .. }
                | Self::RetryParked {}
                | Self::CheckCertificates {}
        )
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`SetupError::Command`] with what is wrong.
    pub fn parse(payload: &str) -> Result<Self, SetupError> {
        serde_json::from_str(payload).map_err(|error| SetupError::Command(error.to_string()))
    }
}

/// Where Lambda puts what it gives up.
fn given_up() -> String {
    "aws/lambda/".into()
}

/// All commands and all settings.
pub(super) fn help() -> Value {
    let commands: Vec<Value> = HELP
        .iter()
        .map(|(name, arguments, what)| json!({"command": name, "arguments": arguments, "does": what}))
        .collect();
    let settings: Vec<Value> = Settings::VARIABLES
        .iter()
        .map(|(name, default, what)| json!({"variable": name, "default": default.trim_matches('`'), "sets": what}))
        .collect();
    json!({"commands": commands, "settings": settings})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Classified;

    #[test]
    fn commands_are_read_strictly_and_all_are_in_the_help() {
        assert_eq!(Command::parse(r#"{"command":"migrate"}"#).unwrap(), Command::Migrate {});
        for bad in
            ["{}", r#"{"command":"drop"}"#, r#"{"command":"create-tenant"}"#, r#"{"command":"migrate","x":1}"#, "["]
        {
            assert_eq!(Command::parse(bad).unwrap_err().kind(), "Command", "{bad}");
        }
        for (name, arguments, _) in HELP {
            let mut payload = json!({ "command": name });
            for argument in arguments.split(", ").filter(|argument| !argument.is_empty() && !argument.starts_with('['))
            {
                payload[argument] = if argument == "quantity" { 1.into() } else { "x".into() };
            }
            assert!(Command::parse(&payload.to_string()).is_ok(), "{payload}");
        }
    }

    #[test]
    fn a_command_that_is_unknown_is_answered_with_those_that_are_in_the_help() {
        let told = Command::parse(r#"{"command":"drop"}"#).unwrap_err().to_string();
        let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        let listed: Vec<&str> = HELP.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(known, listed);
    }

    #[test]
    fn a_grant_is_for_imports_unless_it_says_otherwise() {
        let grant = |rest: &str| Command::parse(&format!(r#"{{"command":"grant","org":"1","owner":"acme"{rest}}}"#));
        assert_eq!(grant("").unwrap(), grant(r#","permission":"import""#).unwrap());
        let error = grant(r#","permission":"everything""#).unwrap_err();
        assert_eq!(error.kind(), "Command");
        assert!(error.to_string().contains("unknown variant `everything`, expected one of `import`"), "{error}");
    }
}
