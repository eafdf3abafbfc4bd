//! The server of our own, and stores and services of the original that we do not have.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::drivers::AuthStrategy;
use crate::setting::{Milliseconds, Repeated, Seconds, Secret};
use crate::table::section;

section! {
    /// The Neutron API of `dragonflow server`.
    pub struct DfApi in "df_api", Dragonflow {
        /// The address and port to listen at.
        bind: Repeated<SocketAddr> = "127.0.0.1:9696";
        /// Who vouches for users. With noauth, whoever can connect is the administrator: keep to loopback addresses.
        auth_strategy: AuthStrategy = "noauth";
        /// The certificate chain for TLS, as PEM. Without it the API is served in the clear.
        tls_cert_file: Option<PathBuf> = unset;
        /// Its private key, as PEM.
        tls_key_file: Option<PathBuf> = unset;
        /// How many connections are served at once; more wait.
        connections_max: u32 [1 to 1000000] = "1024";
        /// How large a request may be, in bytes.
        request_bytes_max: u32 [1024 to 1073741824] = "16777216";
        /// How long a request may take, in seconds.
        request_timeout_seconds: Seconds [1 to 3600] = "60";
        /// How many rows a page of a list has at most; users may ask for fewer.
        page_rows_max: u32 [1 to 1000000] = "10000";
    } retired {}
}

section! {
    /// The northbound store: the embedded one of `dragonflow server`, and how any store is connected to.
    pub struct DfStore in "df_store", Dragonflow {
        /// Run the embedded store inside `dragonflow server`. Switch it off where remote_db_hosts names a store of its own.
        embedded_enabled: bool = "True";
        /// The directory of its files.
        embedded_path: PathBuf = "/var/lib/dragonflow/store";
        /// The address and port at which it speaks the protocol of etcd.
        embedded_listen: SocketAddr = "127.0.0.1:4001";
        /// The certificates of authorities that vouch for the store, as PEM. With it the store is connected to over TLS.
        tls_ca_file: Option<PathBuf> = unset;
        /// The certificate chain that we show to the store, as PEM.
        tls_cert_file: Option<PathBuf> = unset;
        /// Its private key, as PEM.
        tls_key_file: Option<PathBuf> = unset;
        /// The user that we are to the store.
        username: Option<String> = unset;
        /// The user's password.
        password: Option<Secret> = unset;
        /// How long the store may take to answer before the next host is tried, in milliseconds.
        request_timeout_ms: Milliseconds [10 to 600000] = "5000";
    } retired {}
}

section! {
    /// cassandra as northbound store, which is not supported.
    pub(crate) struct DfCassandra in "df_cassandra", Dragonflow {
    } retired {
        /// The consistency level.
        "consistency_level": String = "one", Refused("cassandra is not supported; remove the option");
        /// The policy by which hosts are chosen.
        "load_balancing": String = "rr", Refused("cassandra is not supported; remove the option");
        /// The local data centre.
        "local_dc_name": String = "local", Refused("cassandra is not supported; remove the option");
        /// How many hosts of other data centres are used.
        "used_hosts_per_remote_dc": u32 = "0", Refused("cassandra is not supported; remove the option");
        /// The hosts that may be connected to.
        "whitelist_hosts": Vec<String> = "localhost", Refused("cassandra is not supported; remove the option");
    }
}

section! {
    /// rethinkdb as northbound store, which is not supported.
    pub(crate) struct DfRethinkdb in "df_rethinkdb", Dragonflow {
    } retired {
        /// How many connections are kept.
        "connection_pool_size": u32 = "10", Refused("rethinkdb is not supported; remove the option");
    }
}

section! {
    /// Skydive, which is not supported: `dragonflow server` has metrics and a dashboard of its own.
    pub(crate) struct DfSkydive in "df_skydive", Dragonflow {
    } retired {
        /// Where the analyzer is.
        "analyzer_endpoint": String = "127.0.0.1:8082", Refused("there is no Skydive service; remove the option");
        /// The user's name there.
        "user": String = "admin", Refused("there is no Skydive service; remove the option");
        /// The user's password there.
        "password": Option<Secret> = unset, Refused("there is no Skydive service; remove the option");
        /// How often data are sent.
        "update_interval": Seconds = "10", Refused("there is no Skydive service; remove the option");
    }
}
