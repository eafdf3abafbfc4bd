//! A large group: thousands of rules that name hundreds of members, from the rows to the switch's confirmation.

use std::time::Duration;

use anyhow::Result;
use engine::{Engine, Input, Interface, RowChange};
use model::{Id, LogicalPort, Object, Table};
use net_types::OfPort;
use openflow::delta::Delta;
use serde_json::{Value, json};
use switch::Handle;
use testkit::{Datapath, OvsBuilder};

use crate::cloud;
use crate::load::{BRIDGE, confirmed, connect};
use crate::report::{Table as Report, median, ms, timed};

const RULES: u32 = 3_500;
const MEMBERS: u32 = 450;
/// Members on the measured node.
const HERE: u32 = 50;
const CHANGES: u32 = 51;

pub(crate) async fn run(table: &mut Report) -> Result<()> {
    let ovs = OvsBuilder::new(Datapath::Dummy).bridge(BRIDGE).start()?;
    let mut switch = connect(&ovs, Delta::default());
    confirmed(&mut switch, 0).await?;
    let mut engine = Engine::new(apps::all());
    let facts = facts();
    let (computing, outputs) = timed(|| engine.step(facts));
    let note = format!("{} flows", outputs.delta.flows.len());
    let (time, _) = commit(&mut switch, outputs.delta).await?;
    let title = format!("a group of {MEMBERS} members with {RULES} rules that name it");
    table.row(format!("{title}: to the last flow"), ms(computing + time), note);

    let joining = |number: u32| put(port(MEMBERS + number, false));
    let ruling = |number: u32| put(group(RULES + number + 1));
    let changes: [(&str, &dyn Fn(u32) -> Input); 2] =
        [("one more member elsewhere", &joining), ("one more rule", &ruling)];
    for (what, change) in changes {
        let mut times = Vec::new();
        let mut entries = 0;
        for number in 0..CHANGES {
            let (computing, outputs) = timed(|| engine.step(vec![change(number)]));
            let (time, sent) = commit(&mut switch, outputs.delta).await?;
            times.push(computing + time);
            entries = sent;
        }
        table.row(format!("{title}: {what}"), ms(median(times)), format!("{entries} changes of the switch"));
    }
    Ok(())
}

/// Time until the switch has confirmed a change, and how many entries that were.
async fn commit(switch: &mut Handle, delta: Delta) -> Result<(Duration, usize)> {
    let entries = delta.len();
    let start = std::time::Instant::now();
    let id = switch.change(delta).await?;
    confirmed(switch, id).await?;
    Ok((start.elapsed(), entries))
}

fn put(object: Object) -> Input {
    Input::Row(RowChange::Put(object))
}

fn row(table: Table, value: &Value) -> Object {
    Object::from_value(table, value).expect("the generator knows the members")
}

fn facts() -> Vec<Input> {
    let network = json!({
        "id": "net", "mtu": 1442, "network_type": "local", "topic": "t", "unique_key": 1, "version": 1,
    });
    let chassis = |name: &str, ip: &str| {
        row(Table::Chassis, &json!({"id": name, "ip": ip, "tunnel_types": ["geneve"]}))
    };
    let ground = [
        row(Table::LogicalSwitch, &network),
        chassis(cloud::NODE, "172.16.0.1"),
        chassis("elsewhere", "172.16.0.2"),
        group(RULES),
    ];
    let ports: Vec<Object> = (0..MEMBERS).map(|number| port(number, number < HERE)).collect();
    let interfaces = ports.iter().zip(1..=HERE).map(|(port, number)| {
        Input::Interface(Interface::new(Id::<LogicalPort>::from_row(port.id().clone()), OfPort::new(number)))
    });
    let mut inputs: Vec<Input> = interfaces.collect();
    inputs.push(Input::Settings(cloud::settings()));
    inputs.push(Input::Snapshot {
        tables: Table::ALL.to_vec(),
        rows: ground.into_iter().chain(ports).collect(),
    });
    inputs
}

/// The group, with so many rules that let its members in.
fn group(rules: u32) -> Object {
    let rule = |number: u32| {
        json!({
            "direction": "ingress", "ethertype": "IPv4", "id": format!("rule{number}"), "protocol": 6, "topic": "t",
            "port_range_min": 1_000 + number, "port_range_max": 1_000 + number, "remote_group_id": "group",
        })
    };
    let rules: Vec<Value> = (0..rules).map(rule).collect();
    row(
        Table::SecurityGroup,
        &json!({"id": "group", "rules": rules, "topic": "t", "unique_key": 1, "version": 1}),
    )
}

fn port(number: u32, here: bool) -> Object {
    let [_, _, high, low] = number.to_be_bytes();
    let host = if here { cloud::NODE } else { "elsewhere" };
    row(
        Table::LogicalPort,
        &json!({
            "id": format!("p{number}"), "binding": {"chassis": host, "type": "chassis"}, "enabled": true,
            "ips": [format!("10.0.{high}.{low}")], "lswitch": "net", "macs": [format!("fa:16:3e:00:{high:02x}:{low:02x}")],
            "port_security_enabled": true, "security_groups": ["group"], "topic": "t", "unique_key": number + 1, "version": 1,
        }),
    )
}
