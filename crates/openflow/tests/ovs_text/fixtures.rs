//! Flow tables of the original controller, recorded from `ovs-ofctl dump-flows`.

use openflow::text::parse_flow;

/// Our form of a line of a dump: commas alone, and always a table.
fn canonical(line: &str) -> String {
    let line = line
        .trim()
        .replace(", ", ",")
        .replace(",actions=", " actions=")
        .replace("send_flow_rem ", "send_flow_rem,");
    match (line.contains("table=") && !line.starts_with("priority="), line.split_once(",priority=")) {
        (true, _) => line,
        (false, Some((head, rest))) if head.starts_with("cookie=") => {
            format!("{head},table=0,priority={rest}")
        }
        _ => format!("table=0,{line}"),
    }
}

#[test]
fn recorded_flow_tables_read_and_print_as_they_are() {
    for name in ["host-a-br-int.sorted.txt", "host-b-br-int.sorted.txt"] {
        let Some(path) = testkit::shared_fixture(&format!("reference/dragonflow-flows/{name}")) else {
            return;
        };
        let text = std::fs::read_to_string(path).expect("a readable file");
        for line in text.lines() {
            let flow = parse_flow(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(flow.to_string(), canonical(line), "{line}");
        }
        assert!(text.lines().count() > 100, "{name} is a whole table");
    }
}

/// With counters and ages, as a dump without `--no-stats` is.
#[test]
fn recorded_dumps_read_without_their_counters() {
    for host in ["host-a-br-int", "host-b-br-int"] {
        let read = |kind: &str| {
            let path = testkit::shared_fixture(&format!("reference/dragonflow-flows/{host}.{kind}.txt"))?;
            let text = std::fs::read_to_string(path).expect("a readable file");
            let lines = text.lines().filter(|line| line.contains("actions="));
            let mut flows: Vec<_> = lines
                .map(|line| parse_flow(line).unwrap_or_else(|error| panic!("{line}: {error}")))
                .collect();
            flows.sort();
            Some(flows)
        };
        let (Some(raw), Some(sorted)) = (read("raw"), read("sorted")) else { return };
        assert_eq!(raw.len(), sorted.len());
        assert_eq!(raw, sorted);
    }
}
