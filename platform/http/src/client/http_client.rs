//! The HTTP client underneath, and the URLs that it is given.

use std::{sync::Arc, time::Duration};

use byway_api::Endpoint;
use byway_base::limits::{CONNECT_TIMEOUT, HTTP_HEADER_TIMEOUT};
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use serde_json::Value;

/// Connections are dropped well before the server gives up waiting on them, so that no request meets a closing one.
const POOL_IDLE: Duration = Duration::from_secs(HTTP_HEADER_TIMEOUT.as_secs() / 2);

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// Why an endpoint's path cannot be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path parameter '{0}' is missing, empty or not plain text")]
pub(super) struct PathError(&'static str);

/// No redirects and no proxies from the environment: a signature is for the host that it names.
pub(super) fn build() -> Result<reqwest::Client, BuildError> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_nodelay(true)
        .build()?;
    Ok(client)
}

/// `host` or `host:port` as the client writes it in the `Host` header.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The endpoint's URL below `base`, with its path's parameters filled in and percent-encoded.
pub(super) fn url<E: Endpoint>(base: &Url, path: &E::Path) -> Result<Url, PathError> {
    let parameters = serde_json::to_value(path).unwrap_or_default();
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    {
        let mut segments = url.path_segments_mut().map_err(|()| PathError(E::PATH))?;
        segments.pop_if_empty();
        for part in E::PATH.split('/').skip(1) {
            match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => segments.push(&text(&parameters[name]).ok_or(PathError(name))?),
                None => segments.push(part),
            };
        }
    }
    Ok(url)
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    // Dots alone would name another path.
    (!matches!(text.as_str(), "" | "." | "..")).then_some(text)
}

#[cfg(test)]
mod tests {
    use byway_api::route_finder::FindPaths;

    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Name {
        name: String,
    }

    byway_api::service! {
        /// Names.
        Names = "names" {
            /// One name.
            GetName: GET "/v1/names/{name}", open, path Name, codes [];
        }
    }

    #[test]
    fn path_parameters_stay_one_segment() {
        let base = Url::parse("http://localhost:1/prefix/").unwrap();
        let at = |name: &str| url::<GetName>(&base, &Name { name: name.into() }).map(String::from);
        assert_eq!(at("a b/c?d").unwrap(), "http://localhost:1/prefix/v1/names/a%20b%2Fc%3Fd");
        assert_eq!(at(".."), Err(PathError("name")));
        assert_eq!(url::<FindPaths>(&base, &()).unwrap().path(), "/prefix/v1/paths:find");
    }

    #[test]
    fn an_authority_leaves_out_the_implied_port() {
        for (url, host) in
            [("http://a:80/", "a"), ("https://A:443", "a"), ("http://[::1]:8080", "[::1]:8080")]
        {
            assert_eq!(authority(&Url::parse(url).unwrap()), host);
        }
    }
}
