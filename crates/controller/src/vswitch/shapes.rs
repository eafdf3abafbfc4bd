//! What bridges to physical networks have to promise, as it follows from what the ports of this node are promised.

use std::collections::BTreeMap;

use engine::Reserve;
use switch::bridge::{QueueSpec, ShapeSpec};

/// The queues of each bridge. A port that is promised bandwidth twice on one bridge has the higher one.
pub(super) fn shapes(reserves: &[Reserve], link_kbps: &BTreeMap<String, u64>) -> Vec<ShapeSpec> {
    let mut bridges: BTreeMap<&str, BTreeMap<u32, QueueSpec>> = BTreeMap::new();
    for reserve in reserves {
        let queue = QueueSpec { owner: reserve.port.to_string(), least_kbps: reserve.least_kbps };
        let queues = bridges.entry(&reserve.bridge).or_default();
        let known = queues.entry(reserve.queue).or_insert_with(|| queue.clone());
        if known.least_kbps < queue.least_kbps {
            *known = queue;
        }
    }
    let shape = |(bridge, queues): (&str, _)| ShapeSpec {
        bridge: bridge.to_owned(),
        link_kbps: link_kbps.get(bridge).copied(),
        queues,
    };
    bridges.into_iter().map(shape).collect()
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    #[test]
    fn each_bridge_has_the_queues_of_its_ports_and_the_rate_that_was_said() {
        let reserve = |bridge: &str, queue, least_kbps| Reserve {
            bridge: bridge.to_owned(),
            queue,
            port: Id::new(&format!("port-{queue}")).unwrap(),
            least_kbps,
        };
        let reserves = [reserve("a", 1, 10), reserve("a", 2, 20), reserve("a", 2, 30), reserve("b", 1, 5)];
        let shapes = shapes(&reserves, &BTreeMap::from([("b".to_owned(), 100), ("c".to_owned(), 7)]));
        let said: Vec<_> = shapes
            .iter()
            .map(|shape| {
                let queues = shape.queues.iter().map(|(number, queue)| (*number, queue.least_kbps));
                (shape.bridge.as_str(), shape.link_kbps, queues.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(said, [("a", None, vec![(1, 10), (2, 30)]), ("b", Some(100), vec![(1, 5)])]);
        assert_eq!(shapes[0].queues[&2].owner, "port-2");
    }
}
