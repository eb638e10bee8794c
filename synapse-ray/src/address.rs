//! Where a cluster is.

use std::fmt;

use crate::error::{Error, Result};

/// Where Ray Client listens unless told otherwise.
pub const CLIENT_PORT: u16 = 10001;
/// Where the dashboard, with its REST interfaces, listens unless told otherwise.
pub const DASHBOARD_PORT: u16 = 8265;

/// A cluster's two doors: Ray Client, and the dashboard with its REST
/// interfaces. When one is given, the other is where Ray puts it by default.
///
/// ```
/// use synapse_ray::Address;
///
/// let address: Address = "ray://head:10001".parse()?;
/// assert_eq!(address.client(), "head:10001");
/// assert_eq!(address.dashboard(), "http://head:8265");
/// # Ok::<(), synapse_ray::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    given: String,
    client: String,
    dashboard: String,
}

impl Address {
    /// The cluster that an address names; `auto` is the one that
    /// `RAY_ADDRESS` or `RAY_API_SERVER_ADDRESS` names, or else one on this machine.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn resolve(given: &str) -> Result<Self> {
        Self::resolve_with(given, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn resolve_with(given: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if given != "auto" {
            return given.parse();
        }
        let named = variable("RAY_ADDRESS").filter(|address| address != "auto");
        match (named, variable("RAY_API_SERVER_ADDRESS")) {
            (Some(client), Some(dashboard)) => {
                let dashboard: Self = dashboard.parse()?;
                Ok(Self { dashboard: dashboard.dashboard, ..client.parse()? })
            }
            (Some(address), None) | (None, Some(address)) => address.parse(),
            (None, None) => Ok(Self { given: "auto".to_owned(), .."ray://127.0.0.1".parse()? }),
        }
    }

    /// Host and port of Ray Client.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// The dashboard's URL, without a slash at its end.
    pub fn dashboard(&self) -> &str {
        &self.dashboard
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    /// Reads `ray://host:port`, `http(s)://host:port` and `host:port`. The port
    /// of the last, which is that of the cluster's own store, is not spoken to.
    fn from_str(given: &str) -> Result<Self> {
        let wrong = |why: &str| Error::Address { given: given.to_owned(), why: why.to_owned() };
        let (scheme, rest) = given.trim().split_once("://").unwrap_or(("", given.trim()));
        let place = rest.split(['/', '?']).next().unwrap_or_default();
        let place = place.rsplit('@').next().unwrap_or_default();
        let (host, port) = host_and_port(place).ok_or_else(|| wrong(USUAL))?;
        let client = |port: u16| format!("{host}:{port}");
        let dashboard = |scheme: &str, port: u16| format!("{scheme}://{host}:{port}");
        let (client, dashboard) = match scheme {
            "ray" => (client(port.unwrap_or(CLIENT_PORT)), dashboard("http", DASHBOARD_PORT)),
            "http" => (client(CLIENT_PORT), dashboard("http", port.unwrap_or(80))),
            "https" => (client(CLIENT_PORT), dashboard("https", port.unwrap_or(443))),
            "" if port.is_some() => (client(CLIENT_PORT), dashboard("http", DASHBOARD_PORT)),
            "" => return Err(wrong(USUAL)),
            _ => return Err(wrong("its scheme is neither ray nor http nor https")),
        };
        Ok(Self { given: given.to_owned(), client, dashboard })
    }
}

const USUAL: &str = "expected ray://HOST:10001, http://HOST:8265 or auto";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

/// The host, which keeps the brackets of an IPv6 address, and the port.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = place.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match place[end_of_host..].rfind(':') {
        Some(colon) => {
            let (host, port) = place.split_at(end_of_host + colon);
            (host, Some(port[1..].parse().ok()?))
        }
        None => (place, None),
    };
    let plain = !host.is_empty() && !host.contains(char::is_whitespace);
    plain.then_some((host, port))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_door_leads_to_the_other() {
        for (given, client, dashboard) in [
            ("ray://head:10002", "head:10002", "http://head:8265"),
            ("ray://head", "head:10001", "http://head:8265"),
            ("http://head:9000/", "head:10001", "http://head:9000"),
            ("https://ray.example", "ray.example:10001", "https://ray.example:443"),
            ("head:6379", "head:10001", "http://head:8265"),
            ("ray://[::1]:10001", "[::1]:10001", "http://[::1]:8265"),
            ("http://user@head:8265", "head:10001", "http://head:8265"),
        ] {
            let address: Address = given.parse().unwrap();
            assert_eq!((address.client(), address.dashboard()), (client, dashboard), "{given}");
        }
    }

    #[test]
    fn what_names_no_cluster_is_refused() {
        for given in ["", "head", "ray://", "ray://head:port", "ftp://head:1", "ray://a b:1", "ray://h:70000"]
        {
            let error = given.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("is no address of a Ray cluster"), "{given}: {error}");
        }
    }

    #[test]
    fn auto_asks_the_environment() {
        let none = |_: &str| None;
        assert_eq!(Address::resolve_with("auto", none).unwrap().client(), "127.0.0.1:10001");
        let both =
            |name: &str| Some(if name == "RAY_ADDRESS" { "ray://a:1" } else { "http://b:2" }.to_owned());
        let address = Address::resolve_with("auto", both).unwrap();
        assert_eq!((address.client(), address.dashboard()), ("a:1", "http://b:2"));
        let circle = |name: &str| (name == "RAY_ADDRESS").then(|| "auto".to_owned());
        assert_eq!(Address::resolve_with("auto", circle).unwrap().client(), "127.0.0.1:10001");
    }
}
