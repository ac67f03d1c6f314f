//! IAM principals by their ARNs, as API Gateway names them and as they are granted.

/// Whether a text begins like an ARN. No organisation is called like that, so that none can pose as a principal.
pub fn is_arn(text: &str) -> bool {
    text.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arn:"))
}

/// The one ARN by which a principal is known: a session stands for its role, and a role has no path, because a session's
/// ARN does not tell it (names of roles are unique in an account without it). `None`: that is no principal's ARN.
pub fn of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next();
    let ("arn", partition, service, "", account, resource) = (part()?, part()?, part()?, part()?, part()?, part()?)
    else {
        return None;
    };
    if !is_partition(partition) || !is_account(account) {
        return None;
    }
    let (kind, path) = resource.split_once('/').unwrap_or((resource, ""));
    let names: Vec<&str> = path.split('/').collect();
    let last = names.last()?;
    let known = match (service, kind) {
        ("iam", "root") if path.is_empty() && resource == "root" => return Some(arn.to_owned()),
        ("iam", "role") => format!("role/{last}"),
        // Unlike a session's, a user's ARN has the path in it.
        ("iam", "user") => format!("user/{path}"),
        ("sts", "assumed-role") => {
            let [role, _session] = names.as_slice() else { return None };
            format!("role/{role}")
        }
        ("sts", "federated-user") if names.len() == 1 => {
            return is_name(last).then(|| arn.to_owned());
        }
        _ => return None,
    };
    names.iter().all(|name| is_name(name)).then(|| format!("arn:{partition}:iam::{account}:{known}"))
}

fn is_partition(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What IAM allows in the name of a role, a user or a session.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stands_for_its_role_and_a_role_is_known_without_its_path() {
        for (arn, known) in [
            ("arn:aws:sts::123456789012:assumed-role/katello/i-0abc", "arn:aws:iam::123456789012:role/katello"),
            ("arn:aws:iam::123456789012:role/service/eu/katello", "arn:aws:iam::123456789012:role/katello"),
            ("arn:aws-cn:iam::123456789012:user/ops/ada", "arn:aws-cn:iam::123456789012:user/ops/ada"),
            ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root"),
            ("arn:aws:sts::123456789012:federated-user/ada", "arn:aws:sts::123456789012:federated-user/ada"),
        ] {
            assert_eq!(of_arn(arn).as_deref(), Some(known));
            assert_eq!(of_arn(known).as_deref(), Some(known), "what is known is known by itself");
        }
    }

    #[test]
    fn what_is_no_principal_is_none() {
        for arn in [
            "",
            "5318290",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:policy/x",
            "arn:aws:iam::12:role/x",
            "arn:aws:iam:eu-west-1:123456789012:role/x",
            "arn:aws:sts::123456789012:assumed-role/only",
            "arn:aws:sts::123456789012:assumed-role/a/b/c",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::123456789012:root/x",
            " arn:aws:iam::123456789012:role/x",
        ] {
            assert_eq!(of_arn(arn), None, "{arn}");
        }
        assert!(is_arn(" ARN:aws") && is_arn("arn:") && !is_arn("arnold") && !is_arn("é"));
    }
}
