//! The configuration as programs see it: `config.df.local_ip`.
//!
//! A field exists exactly if there is an option, so that a program cannot ask for one that is not documented, and each has the type
//! that the option is checked against.

use std::path::Path;

use crate::drivers::AuthStrategy;
use crate::load::{Reader, Section};
use crate::options::{
    Agent, DefaultSection, Df, DfActivePortDetection, DfApi, DfBgp, DfCassandra, DfDhcpApp, DfDnatApp,
    DfL2App, DfL3App, DfLoadbalancer, DfMetadata, DfOpenFlow, DfProviderNetworks, DfRedis, DfRethinkdb,
    DfSkydive, DfSnatApp, DfStore, DfZmq, KeystoneAuthtoken, Ml2, Ml2TypeFlat, Ml2TypeGeneve, Ml2TypeGre,
    Ml2TypeVlan, Ml2TypeVxlan, Ovs, Profiler, Quotas,
};
use crate::setting::OvsdbConnection;
use crate::table::SectionSpec;

/// Makes the configuration from its sections. Those that only have retired options are read and have no field.
macro_rules! config {
    ($( $(#[$about:meta])* $field:ident: $section:ty, )+ ; only_checked: $( $checked:ty ),+) => {
        /// Everything that can be configured.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $( $(#[$about])* pub $field: $section, )+
        }

        impl Config {
            /// The declarations of all sections, in the order of the sample file.
            pub const SECTIONS: &'static [SectionSpec] =
                &[$( <$section as Section>::SPEC, )+ $( <$checked as Section>::SPEC, )+];

            pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                // All of them first, so that one run names every mistake.
                $( let $field = <$section>::read(reader); )+
                $( let _ = <$checked>::read(reader); )+
                Some(Self { $( $field: $field?, )+ })
            }

            /// Every option in force: its section, its name, and the texts that it would be read from.
            pub(crate) fn write(&self) -> Vec<(&'static str, Vec<(&'static str, Vec<String>)>)> {
                vec![$( (<$section as Section>::SPEC.name, self.$field.write()), )+]
            }
        }
    };
}

config! {
    /// `[DEFAULT]`
    default: DefaultSection,
    /// `[df]`
    df: Df,
    /// `[df_api]`
    df_api: DfApi,
    /// `[df_store]`
    df_store: DfStore,
    /// `[df_os_ken]`
    df_os_ken: DfOpenFlow,
    /// `[df_zmq]`
    df_zmq: DfZmq,
    /// `[df_redis]`
    df_redis: DfRedis,
    /// `[df_l2_app]`
    df_l2_app: DfL2App,
    /// `[df_l3_app]`
    df_l3_app: DfL3App,
    /// `[df_dnat_app]`
    df_dnat_app: DfDnatApp,
    /// `[df_dhcp_app]`
    df_dhcp_app: DfDhcpApp,
    /// `[df_metadata]`
    df_metadata: DfMetadata,
    /// `[df_provider_networks]`
    df_provider_networks: DfProviderNetworks,
    /// `[df_snat_app]`
    df_snat_app: DfSnatApp,
    /// `[df_loadbalancer]`
    df_loadbalancer: DfLoadbalancer,
    /// `[df_active_port_detection]`
    df_active_port_detection: DfActivePortDetection,
    /// `[df_bgp]`
    df_bgp: DfBgp,
    /// `[AGENT]`
    agent: Agent,
    /// `[ovs]`
    ovs: Ovs,
    /// `[ml2]`
    ml2: Ml2,
    /// `[ml2_type_geneve]`
    ml2_type_geneve: Ml2TypeGeneve,
    /// `[ml2_type_vxlan]`
    ml2_type_vxlan: Ml2TypeVxlan,
    /// `[ml2_type_gre]`
    ml2_type_gre: Ml2TypeGre,
    /// `[ml2_type_vlan]`
    ml2_type_vlan: Ml2TypeVlan,
    /// `[ml2_type_flat]`
    ml2_type_flat: Ml2TypeFlat,
    /// `[quotas]`
    quotas: Quotas,
    /// `[keystone_authtoken]`
    keystone_authtoken: KeystoneAuthtoken,
    ;
    only_checked: DfSkydive, DfCassandra, DfRethinkdb, Profiler
}

impl Config {
    /// The name of this chassis.
    pub fn host(&self) -> &str {
        self.default.host.as_str()
    }

    /// Where the OVSDB server is: where the configuration says, or else at its socket on this machine, or else where this
    /// machine is managed.
    pub fn ovsdb_connection(&self, local_socket: Option<&Path>) -> OvsdbConnection {
        match (&self.df.ovsdb_connection, local_socket) {
            (Some(connection), _) => connection.clone(),
            (None, Some(socket)) => OvsdbConnection::Unix(socket.to_owned()),
            (None, None) => OvsdbConnection::at(self.df.management_ip),
        }
    }

    /// What is wrong although each option is right.
    pub(crate) fn conflicts(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        let mut check = |wrong: bool, text: &str| {
            if wrong {
                conflicts.push(text.to_owned());
            }
        };
        check(
            self.df.remote_db_hosts.is_empty(),
            "[df] remote_db_hosts is empty, and there has to be a northbound store",
        );
        check(
            self.df.service_down_time <= self.df.report_interval,
            "[df] service_down_time has to be more than report_interval, or every service is down between two reports",
        );
        check(
            self.df.monitor_table_poll_time.duration().is_zero(),
            "[df] monitor_table_poll_time is 0, and something has to happen between two polls",
        );
        check(
            self.df_api.tls_cert_file.is_some() != self.df_api.tls_key_file.is_some(),
            "[df_api] tls_cert_file and tls_key_file need each other",
        );
        check(
            self.df_store.tls_cert_file.is_some() != self.df_store.tls_key_file.is_some(),
            "[df_store] tls_cert_file and tls_key_file need each other",
        );
        check(
            self.df_store.username.is_some() != self.df_store.password.is_some(),
            "[df_store] username and password need each other",
        );
        check(
            self.df_api.auth_strategy == AuthStrategy::Keystone && self.keystone_authtoken.auth_url.is_none(),
            "[df_api] auth_strategy = keystone needs [keystone_authtoken] auth_url",
        );
        conflicts
    }
}
