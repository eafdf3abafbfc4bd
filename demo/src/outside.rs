//! A router between networks, and the world outside.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::try_wait_until;

use crate::show::{PATIENCE, Show};

const UPSTREAM: &str = "203.0.113.1";
const GATEWAY: &str = "203.0.113.10";
const FLOATING: &str = "203.0.113.20";

impl Show<'_> {
    /// Networks of one router reach each other, and a machine outside reaches a floating IP.
    pub(crate) fn route(&mut self) -> Result<()> {
        self.step("a router between blue and a third network, on the host of whoever sends")?;
        let green = self.network("green", "10.0.1.0/24")?;
        let vm5 = self.cloud.boot(1, "vm5", &green)?;
        self.cloud.wait_status(&vm5, "ACTIVE")?;
        vm5.dhcp()?;
        let router = self.create("/v2.0/routers", &json!({"router": {"name": "gate"}}))?;
        let path = format!("/v2.0/routers/{}", id(&router["router"])?);
        for network in [self.vms[0].network_id(), green.as_str()] {
            let subnet = id(&self.list("subnets", network)?[0])?;
            let body = json!({ "subnet_id": subnet });
            let path = format!("{path}/add_router_interface");
            println!("   {}", self.cloud.api().command_line("PUT", &path, Some(&body)));
            self.cloud.api().put(&path, &body)?.expect(200)?;
        }
        let target = IpAddr::V4(vm5.address()?);
        self.vms[0].namespace().wait_for_ping(target, PATIENCE)?;
        println!("   vm1 on host-1 reaches vm5 ({target}) in network green on host-2");

        self.step("a gateway and a floating IP; a machine outside that the cloud knows nothing of")?;
        self.cloud.lay_wire()?;
        self.outside = Some(self.cloud.sites()[0].plug_upstream(&["203.0.113.1/24"])?);
        let body = json!({"network": {
            "name": "outside", "router:external": true, "provider:network_type": "flat",
            "provider:physical_network": "public",
        }});
        let outside = id(&self.create("/v2.0/networks", &body)?["network"])?;
        let pool = json!([{"start": "203.0.113.10", "end": "203.0.113.50"}]);
        let body = json!({"subnet": {
            "network_id": outside, "ip_version": 4, "cidr": "203.0.113.0/24", "gateway_ip": UPSTREAM,
            "enable_dhcp": false, "allocation_pools": pool,
        }});
        self.create("/v2.0/subnets", &body)?;
        let gateway = json!({"network_id": outside, "external_fixed_ips": [{"ip_address": GATEWAY}]});
        let body = json!({"router": {"external_gateway_info": gateway}});
        println!("   {}", self.cloud.api().command_line("PUT", &path, Some(&body)));
        self.cloud.api().put(&path, &body)?.expect(200)?;
        let body = json!({"floatingip": {
            "floating_network_id": outside, "floating_ip_address": FLOATING, "port_id": vm5.port_id(),
        }});
        let floating = id(&self.create("/v2.0/floatingips", &body)?["floatingip"])?;
        let path = format!("/v2.0/floatingips/{floating}");
        try_wait_until(PATIENCE, "the floating IP to be ACTIVE", || {
            (self.cloud.api().get(&path).ok()?.body["floatingip"]["status"] == "ACTIVE").then_some(())
        })?;
        self.vms[0].namespace().wait_for_ping(UPSTREAM.parse()?, PATIENCE)?;
        println!("   vm1 reaches {UPSTREAM} outside, hidden behind the gateway");
        let shown = self.cloud.api().get(&format!("/v2.0/ports/{}", vm5.port_id()))?.expect(200)?;
        let body = json!({"security_group_rule": {
            "security_group_id": shown["port"]["security_groups"][0], "direction": "ingress", "protocol": "icmp",
        }});
        self.create("/v2.0/security-group-rules", &body)?;
        let upstream = self.outside.as_ref().context("there is a machine outside")?;
        upstream.namespace().wait_for_ping(FLOATING.parse()?, PATIENCE)?;
        println!("   the machine outside reaches vm5 by {FLOATING}");
        self.vms.push(vm5);
        Ok(())
    }

    fn list(&self, kind: &str, network: &str) -> Result<Value> {
        let listed = self.cloud.api().get(&format!("/v2.0/{kind}?network_id={network}"))?.expect(200)?;
        Ok(listed[kind].clone())
    }
}

fn id(made: &Value) -> Result<String> {
    Ok(made["id"].as_str().context("something was made without an id")?.to_owned())
}
