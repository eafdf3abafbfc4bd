//! Authorities and certificates made on the spot.

use std::path::PathBuf;

use ovsdb::client::{ServerNamePolicy, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use testkit::scratch::ScratchDir;

use super::scratch;

/// A private authority and the files it has issued.
pub(crate) struct Authority {
    dir: ScratchDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = scratch();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Issues a certificate for these names; none is what `ovs-pki` amounts to.
    pub(crate) fn issue(&self, who: &str, names: &[&str]) -> TlsConfig {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, who);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |suffix: &str| self.dir.path().join(format!("{who}-{suffix}.pem"));
        std::fs::write(file("key"), key.serialize_pem()).unwrap();
        std::fs::write(file("cert"), certificate.pem()).unwrap();
        TlsConfig {
            private_key: file("key"),
            certificate: file("cert"),
            ca_certificate: self.ca(),
            server_name: ServerNamePolicy::AnySignedByCa,
        }
    }
}
