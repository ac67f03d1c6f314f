//! The HTTPS client: verified TLS, no proxy, no redirect of its own, no address that is not public.

use super::{FetchError, is_public};
use crate::failure::Chain;
use crate::tls;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use std::net::SocketAddr;
use std::time::Duration;

/// Builds a client. With `any_address` false it connects to public addresses only: the check is on the very
/// addresses that are then connected to, so a name that resolves differently a moment later does not help.
pub(crate) fn client(connect_timeout: Duration, any_address: bool) -> Result<Client, FetchError> {
    let unusable = |error: &(dyn std::error::Error + 'static)| FetchError::Unavailable(Chain(error).to_string());
    let tls = tls::client_config(None).map_err(|error| unusable(&error))?;
    let mut builder = ClientBuilder::new()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(connect_timeout);
    if !any_address {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build().map_err(|error| unusable(&error))
}

struct PublicOnly;

/// The name resolves to addresses that are not public.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address")]
pub(crate) struct NotPublic(String);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// A request's error, without its URL.
pub(super) fn error(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(not_public) = inner.downcast_ref::<NotPublic>() {
            return FetchError::NotAllowed(not_public.to_string());
        }
        cause = inner.source();
    }
    FetchError::Unavailable(Chain(&error).to_string())
}
