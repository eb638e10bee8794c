//! Connections under TLS: as clusters that set `RAY_USE_TLS` want them, where both ends show a
//! certificate, and as `https` has it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    AlertDescription, ClientConfig, Error as Broken, InvalidMessage, RootCertStore, version,
};

use crate::error::{Error, Result};

/// The files, in PEM, with which a client of a cluster with TLS shows who it is, and knows who
/// the cluster is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The client's certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// The certificate of the authority that both ends trust.
    pub authority: PathBuf,
}

/// What is in the files.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// # Errors
    /// [`Error::Tls`] when a file cannot be used.
    pub(crate) fn read(files: &TlsFiles) -> Result<Self> {
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&files.authority, "RAY_TLS_CA_CERT")? {
            authorities.add(certificate).map_err(|error| unusable(&files.authority, &error))?;
        }
        let own = certificates(&files.certificate, "RAY_TLS_SERVER_CERT")?;
        let key = named(&files.key, "RAY_TLS_SERVER_KEY")?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
        let versions = [&version::TLS13, &version::TLS12];
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&versions)
            .map(|builder| builder.with_root_certificates(authorities))
            .and_then(|builder| builder.with_client_auth_cert(own, key))
            .map_err(|error| unusable(&files.certificate, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// For `https`: whom the system trusts is trusted, or whom the file in `SSL_CERT_FILE` names, and
    /// nobody asks for a certificate of this end.
    ///
    /// # Errors
    /// [`Error::Https`] when no authority is known.
    pub(crate) fn of_system(place: &str) -> Result<Self> {
        let failed = |why: String| Error::Https { place: place.to_owned(), why };
        // One that is not there would be passed over.
        if let Some(file) = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from)
            && let Err(error) = std::fs::File::open(&file)
        {
            return Err(failed(format!("SSL_CERT_FILE, {}: {error}", file.display())));
        }
        let known = rustls_native_certs::load_native_certs();
        let mut authorities = RootCertStore::empty();
        let (usable, _) = authorities.add_parsable_certificates(known.certs);
        if usable == 0 {
            let why = known.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
            return Err(failed(format!("no certificates of authorities can be read: {why}")));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// # Errors
    /// [`Error::Tls`] when the other end is not who it should be, or speaks no TLS.
    pub(crate) async fn connect(&self, place: &str, socket: TcpStream) -> Result<TlsStream<TcpStream>> {
        let failed = |why: &dyn std::fmt::Display| Error::Tls { why: format!("with {place}: {why}") };
        self.speak(place, socket).await.map_err(|error| match tls_error(&error) {
            Some(Broken::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                failed(&"what answers there does not speak TLS")
            }
            Some(Broken::AlertReceived(alert)) => failed(&refused(*alert)),
            _ => failed(&error),
        })
    }

    /// # Errors
    /// [`Error::Https`], as [`connect`](Self::connect).
    pub(crate) async fn connect_https(&self, place: &str, socket: TcpStream) -> Result<TlsStream<TcpStream>> {
        self.speak(place, socket).await.map_err(|error| {
            let why = match tls_error(&error) {
                Some(Broken::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                    "what answers there does not speak TLS".to_owned()
                }
                _ => error.to_string(),
            };
            Error::Https { place: place.to_owned(), why }
        })
    }

    async fn speak(&self, place: &str, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        self.0.connect(name, socket).await
    }
}

/// What of TLS an error of a connection comes from.
fn tls_error(error: &std::io::Error) -> Option<&Broken> {
    error.get_ref()?.downcast_ref()
}

fn refused(alert: AlertDescription) -> String {
    format!("the cluster refused this end ({alert:?})")
}

fn named<'a>(path: &'a Path, variable: &str) -> Result<&'a Path> {
    let unset = || Error::Tls { why: format!("RAY_USE_TLS is set, and {variable} names no file") };
    (!path.as_os_str().is_empty()).then_some(path).ok_or_else(unset)
}

fn certificates(path: &Path, variable: &str) -> Result<Vec<CertificateDer<'static>>> {
    let path = named(path, variable)?;
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(path, &error))?;
    if read.is_empty() {
        return Err(unusable(path, &"it holds no certificate"));
    }
    Ok(read)
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::Tls { why: format!("{}: {why}", path.display()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_named_or_hold_nothing_are_told() {
        let unnamed = Tls::read(&TlsFiles::default()).err().unwrap().to_string();
        assert_eq!(unnamed, "TLS cannot be used: RAY_USE_TLS is set, and RAY_TLS_CA_CERT names no file");
        let manifest = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let empty = Tls::read(&TlsFiles { authority: manifest, ..TlsFiles::default() }).err().unwrap();
        assert!(empty.to_string().ends_with("Cargo.toml: it holds no certificate"), "{empty}");
    }
}
