//! What speaks TLS before something that does not, as a proxy of an operator would.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::heads::Certificates;

/// A proxy with a certificate for 127.0.0.1, until it is dropped.
pub struct TlsFront {
    port: u16,
    certificates: Certificates,
    _runtime: Runtime,
}

impl TlsFront {
    /// One before `place`, a host with its port.
    pub fn before(place: &str) -> Self {
        let certificates = Certificates::new();
        let acceptor = acceptor(&certificates);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("it listens").port();
        let place = place.to_owned();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, place) = (acceptor.clone(), place.clone());
                // A client that does not trust it leaves.
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(place).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { port, certificates, _runtime: runtime }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that stands behind it.
    pub fn authority(&self) -> PathBuf {
        self.certificates.file("ca.crt")
    }

    /// That of one that does not.
    pub fn stranger(&self) -> PathBuf {
        self.certificates.file("other.crt")
    }
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(certificates.file("ca-node.crt")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates.file("ca-node.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that fit the provider")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key that fits its certificate");
    TlsAcceptor::from(Arc::new(config))
}
