//! Which applications a controller runs.
//!
//! The original had no connectivity unless an operator listed the applications that everything rests on, and in earlier releases
//! they were part of others. Here they are [always there](App::is_basic), and every list that any release
//! accepted means what it meant then: by alias, by `module.Class` as in `l2_app.L2App`, by class path.

use std::collections::BTreeSet;

use crate::setting::{Remarks, Single, choice};

#[cfg(test)]
mod tests;

choice! {
    /// An application: the flows and answers for one concern.
    pub enum App ("application") {
        /// Ports to their networks.
        Classifier = "classifier",
        /// Ports to chassis.
        PortBinding = "portbinding",
        /// Between chassis.
        Tunneling = "tunneling",
        /// No packet with somebody else's addresses.
        PortSecurity = "portsec",
        /// Switching, ARP and neighbour answers.
        L2 = "l2",
        /// Routing.
        L3 = "l3_proactive",
        /// DHCP and router advertisements.
        Dhcp = "dhcp",
        /// Floating addresses.
        Dnat = "dnat",
        /// Security groups.
        SecurityGroups = "sg",
        /// Quality of service.
        Qos = "portqos",
        /// Networks of the provider: flat and VLAN.
        Provider = "provider",
        /// The metadata service of virtual machines.
        Metadata = "metadata_service",
        /// Ports of virtual machines that carry several networks.
        Trunk = "trunk",
        /// Flow classifiers.
        FlowClassifier = "fc",
        /// Service function chains.
        ServiceChain = "sfc",
        /// Live migration.
        Migration = "migration",
        /// Which of several ports has a shared address.
        ActivePortDetection = "active_port_detection",
        /// Outgoing connections by the address of the chassis.
        ChassisSnat = "chassis_snat",
        /// Outgoing connections by the network node.
        LegacySnat = "legacy_snat",
    }
}

impl App {
    /// Whether it is there on every chassis, listed or not.
    pub fn is_basic(self) -> bool {
        BASIC.contains(&self)
    }
}

const BASIC: [App; 4] = [App::Classifier, App::PortBinding, App::Tunneling, App::PortSecurity];

/// The applications of a controller, the [basic](App::is_basic) ones always among them. Their order says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apps(BTreeSet<App>);

impl Apps {
    /// Whether the application runs.
    pub fn contains(&self, app: App) -> bool {
        self.0.contains(&app)
    }

    /// Those that run.
    pub fn iter(&self) -> impl Iterator<Item = App> {
        self.0.iter().copied()
    }
}

impl FromIterator<App> for Apps {
    fn from_iter<I: IntoIterator<Item = App>>(apps: I) -> Self {
        Self(apps.into_iter().chain(BASIC).collect())
    }
}

impl Single for Apps {
    const KIND: &'static str = "comma-separated list";
    const ITEM: Option<&'static str> = Some(App::KIND);
    const CHOICES: &'static [&'static str] = <App as Single>::CHOICES;

    fn parse(text: &str, remarks: &mut Remarks) -> Result<Self, String> {
        let mut apps = Vec::new();
        for name in Vec::<String>::parse(text, remarks)? {
            apps.extend_from_slice(listed(&name, remarks).map_err(|reason| format!("{name:?}: {reason}"))?);
        }
        Ok(apps.into_iter().collect())
    }

    fn text(&self) -> String {
        self.0.iter().map(|app| app.word()).collect::<Vec<_>>().join(",")
    }
}

/// A name that is not the present one of a single application.
struct Former {
    /// The module that the class was in, as the alias spells it.
    module: &'static str,
    class: &'static str,
    apps: &'static [App],
    /// What has changed besides the name.
    change: &'static str,
}

const PROACTIVE: &str = "routes are there before the first packet, so there is one kind of routing";
const RECONCILED: &str =
    "stale flows are removed by the controller itself, nothing has to be listed for that";

/// The classes of all releases. A module was `name_app` in earlier ones and is `apps.name` in the last.
#[rustfmt::skip]
const FORMER: [Former; 24] = [
    Former { module: "active_port_detection", class: "ActivePortDetectionApp", apps: &[App::ActivePortDetection], change: "" },
    Former { module: "aging", class: "AgingApp", apps: &[], change: RECONCILED },
    Former { module: "chassis_snat", class: "ChassisSNATApp", apps: &[App::ChassisSnat], change: "" },
    Former { module: "classifier", class: "ClassifierApp", apps: &[App::Classifier], change: "" },
    Former { module: "dhcp", class: "DHCPApp", apps: &[App::Dhcp], change: "" },
    Former { module: "dnat", class: "DNATApp", apps: &[App::Dnat], change: "" },
    Former { module: "fc", class: "FcApp", apps: &[App::FlowClassifier], change: "" },
    Former { module: "l2", class: "L2App", apps: &[App::L2, App::Provider], change: "what it did for flat and VLAN networks is now provider" },
    Former { module: "l2_ml2", class: "L2App", apps: &[App::L2, App::Provider], change: "what it did for flat and VLAN networks is now provider" },
    Former { module: "l3", class: "L3App", apps: &[App::L3], change: PROACTIVE },
    Former { module: "l3_proactive", class: "L3ProactiveApp", apps: &[App::L3], change: "" },
    Former { module: "l3_reactive", class: "L3ReactiveApp", apps: &[App::L3], change: PROACTIVE },
    Former { module: "legacy_snat", class: "LegacySNatApp", apps: &[App::LegacySnat], change: "" },
    Former { module: "metadata_service", class: "MetadataServiceApp", apps: &[App::Metadata], change: "" },
    Former { module: "migration", class: "MigrationApp", apps: &[App::Migration], change: "" },
    Former { module: "portbinding", class: "PortBindingApp", apps: &[App::PortBinding], change: "" },
    Former { module: "portqos", class: "PortQosApp", apps: &[App::Qos], change: "" },
    Former { module: "portsec", class: "PortSecApp", apps: &[App::PortSecurity], change: "" },
    Former { module: "provider", class: "ProviderApp", apps: &[App::Provider], change: "" },
    Former { module: "provider_networks", class: "ProviderNetworksApp", apps: &[App::Provider], change: "" },
    Former { module: "sfc", class: "SfcApp", apps: &[App::ServiceChain], change: "" },
    Former { module: "sg", class: "SGApp", apps: &[App::SecurityGroups], change: "" },
    Former { module: "trunk", class: "TrunkApp", apps: &[App::Trunk], change: "" },
    Former { module: "tunneling", class: "TunnelingApp", apps: &[App::Tunneling], change: "" },
];

/// Aliases that the last release had and that are no application here.
const FORMER_ALIASES: [(&str, &[App], &str); 2] =
    [("aging", &[], RECONCILED), ("l3_reactive", &[App::L3], PROACTIVE)];

/// What the original's packet log did is refused rather than done.
const LOG_NAMES: [&str; 2] = ["log", "packet_log.LogPacketApp"];
const LOG_REFUSED: &str = "it sent every packet of every virtual machine to the controller; \
                           ask `dragonflow trace` where a packet goes, or mirror a port";

fn listed(name: &str, remarks: &mut Remarks) -> Result<&'static [App], String> {
    if let Some(app) = App::ALL.iter().find(|app| app.word() == name) {
        return Ok(std::slice::from_ref(app));
    }
    if let Some((_, apps, change)) = FORMER_ALIASES.iter().find(|(alias, ..)| *alias == name) {
        remarks.add(format!("{name}: {change}"));
        return Ok(apps);
    }
    let path = name.strip_prefix("dragonflow.controller.").unwrap_or(name);
    let path = path.strip_prefix("apps.").unwrap_or(path);
    if LOG_NAMES.contains(&path) {
        return Err(LOG_REFUSED.to_owned());
    }
    let former = path.split_once('.').and_then(|(module, class)| {
        let module = module.strip_suffix("_app").unwrap_or(module);
        FORMER.iter().find(|former| former.module == module && former.class == class)
    });
    let former = former.ok_or_else(|| format!("allowed: {}", <App as Single>::CHOICES.join(", ")))?;
    let words = former.apps.iter().map(|app| app.word()).collect::<Vec<_>>().join(",");
    let mut remark = format!("{name} is an old spelling");
    if !words.is_empty() {
        remark.push_str(&format!(" of {words}"));
    }
    if !former.change.is_empty() {
        remark.push_str(&format!(": {}", former.change));
    }
    remarks.add(remark);
    Ok(former.apps)
}
