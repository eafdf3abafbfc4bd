//! The drivers that can be chosen, with every spelling that the original had for them: aliases, and the class paths
//! that it took as well.

use crate::setting::choice;

choice! {
    /// What the northbound store is.
    pub enum NbDriver ("driver") {
        /// etcd, or the embedded store, which speaks the same protocol.
        Etcd = "etcd_nb_db_driver" | "dragonflow.db.drivers.etcd_db_driver.EtcdDbDriver",
        /// redis, alone or as a cluster.
        Redis = "redis_nb_db_driver" | "dragonflow.db.drivers.redis_db_driver.RedisDbDriver",
        /// ZooKeeper.
        Zookeeper = "zookeeper_nb_db_driver" | "dragonflow.db.drivers.zookeeper_db_driver.ZookeeperDbDriver",
    }
    refused {
        "cassandra_nb_db_driver" => "cassandra is not supported, it cannot make the unique keys that the rows need",
        "dragonflow.db.drivers.cassandra_db_driver.CassandraDbDriver" =>
            "cassandra is not supported, it cannot make the unique keys that the rows need",
        "rethinkdb_nb_db_driver" => "rethinkdb is not supported, its driver never worked in a release",
        "dragonflow.db.drivers.rethink_db_driver.RethinkDbDriver" =>
            "rethinkdb is not supported, its driver never worked in a release",
        "ramcloud_nb_db_driver" => "ramcloud is not supported, it is no longer maintained",
        "dragonflow.db.drivers.ramcloud_db_driver.RamCloudDbDriver" =>
            "ramcloud is not supported, it is no longer maintained",
        "_dummy_nb_db_driver" => "the dummy driver kept nothing; the embedded store of `dragonflow server` needs no set-up either",
    }
}

choice! {
    /// What carries hints that something in the store has changed.
    pub enum PubSubDriver ("driver") {
        /// ZeroMQ, connecting to publishers.
        Zmq = "zmq_pubsub_driver"
            | "dragonflow.db.pubsub_drivers.zmq_pubsub_driver.ZMQPubSubConnect"
            | "dragonflow.db.pubsub_drivers.zmq_pubsub_driver.ZMQPubSub"
            | "zmq_pubsub_multiproc_driver"
            | "dragonflow.db.pubsub_drivers.zmq_pubsub_driver.ZMQPubSubMultiproc",
        /// ZeroMQ, being the publisher that others connect to: for the publisher service.
        ZmqBind = "zmq_bind_pubsub_driver"
            | "dragonflow.db.pubsub_drivers.zmq_pubsub_driver.ZMQPubSubBind",
        /// redis.
        Redis = "redis_db_pubsub_driver" | "dragonflow.db.pubsub_drivers.redis_db_pubsub_driver.RedisPubSub",
        /// etcd.
        Etcd = "etcd_pubsub_driver" | "dragonflow.db.pubsub_drivers.etcd_pubsub_driver.EtcdPubSub",
    }
}

choice! {
    /// How controllers tell Neutron what became of its ports.
    pub enum NeutronNotifier ("driver") {
        /// As rows of the northbound store.
        NbApi = "nb_api_neutron_notifier_driver"
            | "dragonflow.db.pubsub_drivers.nb_api_neutron_notifier.NbApiNeutronNotifier"
            | "redis_port_status_notifier_driver"
            | "dragonflow.db.pubsub_drivers.redis_port_status_notifier.RedisPortStatusNotifier",
    }
}

choice! {
    /// What the controller programs.
    pub enum SwitchBackend ("driver") {
        /// Open vSwitch.
        OpenVSwitch = "vswitch_backend_driver" | "dragonflow.switch.drivers.ovs.df_ovs_driver.DfOvsDriver",
    }
}

choice! {
    /// Who speaks BGP.
    pub enum BgpSpeaker ("driver") {
        /// The speaker that is part of `dragonflow bgp-service`.
        BuiltIn = "built_in"
            | "neutron_dynamic_routing.services.bgp.agent.driver.os_ken.driver.OsKenBgpDriver"
            | "neutron_dynamic_routing.services.bgp.agent.driver.ryu.driver.RyuBgpDriver",
    }
}

choice! {
    /// An encapsulation between chassis.
    pub enum TunnelType ("encapsulation") {
        /// With the ports' keys in an option.
        Geneve = "geneve",
        /// Without.
        Vxlan = "vxlan",
        /// Without.
        Gre = "gre",
    }
    refused {
        "stt" => "Open vSwitch has no STT any more",
    }
}

choice! {
    /// What networks are made as.
    pub enum NetworkType ("network type") {
        /// Overlay.
        Geneve = "geneve",
        /// Overlay.
        Vxlan = "vxlan",
        /// Overlay.
        Gre = "gre",
        /// On a physical network, with a tag.
        Vlan = "vlan",
        /// On a physical network, without a tag.
        Flat = "flat",
        /// On one chassis only.
        Local = "local",
    }
}

choice! {
    /// How a virtual machine is plugged in.
    pub enum VifType ("type") {
        /// As an interface of the kernel.
        Ovs = "ovs",
        /// As a vhost-user socket.
        VhostUser = "vhostuser",
    }
}

choice! {
    /// How publishers are reached.
    pub enum PublisherTransport ("transport") {
        /// TCP.
        Tcp = "tcp",
    }
    refused {
        "epgm" => "multicast between publishers and subscribers is not supported",
    }
}

choice! {
    /// Who vouches for the users of the API.
    pub enum AuthStrategy ("strategy") {
        /// Nobody: who can connect is the administrator.
        NoAuth = "noauth",
        /// Keystone, by tokens.
        Keystone = "keystone",
    }
}

choice! {
    /// How the metadata service of Nova is spoken to.
    pub enum WebProtocol ("protocol") {
        /// In the clear.
        Http = "http",
        /// Over TLS.
        Https = "https",
    }
}
