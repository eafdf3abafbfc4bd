//! Puts what a node wants into a real switch.

use std::io::Write;
use std::process::Stdio;

use engine::Desired;
use pipeline::tunnels::OPTION;
use testkit::Ovs;

const OPENFLOW: &str = "-OOpenFlow13";

/// Makes the option of tunnels a field.
pub(crate) fn bind_option(ovs: &Ovs, bridge: &str) {
    let (class, kind, bytes) = (OPTION.class, OPTION.kind, OPTION.len_bytes);
    let option = format!("{{class={class:#x},type={kind:#x},len={bytes}}}->tun_metadata{}", OPTION.index);
    ovs.ofctl(&["add-tlv-map", bridge, &option]).expect("the option of tunnels");
}

/// Replaces all that the bridge holds. What is referred to is deleted last and added first.
pub(crate) fn install(ovs: &Ovs, bridge: &str, desired: &Desired) {
    for delete in ["del-flows", "del-groups", "del-meters"] {
        ovs.ofctl(&[OPENFLOW, delete, bridge]).expect("an empty bridge");
    }
    for meter in &desired.meters {
        ovs.ofctl(&[OPENFLOW, "add-meter", bridge, &meter.to_string()]).expect("a meter");
    }
    feed(ovs, bridge, "add-groups", desired.groups.iter().map(ToString::to_string).collect());
    feed(ovs, bridge, "add-flows", desired.flows.iter().map(|flow| flow.unpack().to_string()).collect());
}

fn feed(ovs: &Ovs, bridge: &str, command: &str, lines: Vec<String>) {
    let mut tool = ovs.ofctl_command();
    tool.args([OPENFLOW, command, bridge, "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tool.spawn().expect("ovs-ofctl");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(lines.join("\n").as_bytes()).expect("a reader");
    drop(input);
    let output = child.wait_with_output().expect("ovs-ofctl ends");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}
