//! What a flow costs in memory and in the codec.

use std::hint::black_box;

use anyhow::Result;
use openflow::Message;
use openflow::flow::FlowSet;
use openflow::flow::PackedFlow;
use openflow::text;

use crate::flows;
use crate::report::{Table, median, per_item, timed};

const FLOWS: u32 = 100_000;

pub(crate) fn run(rounds: usize, table: &mut Table) -> Result<()> {
    let count = FLOWS as usize;
    let values: Vec<_> = (0..FLOWS).map(flows::flow).collect();
    let packed = flows::packed(FLOWS)?;
    let mut messages = Vec::new();
    let mut ends = Vec::new();
    for flow in &packed {
        flow.encode_add(1, &mut messages);
        ends.push(messages.len());
    }
    let lines: Vec<String> = values.iter().map(ToString::to_string).collect();

    let repeat = |work: &mut dyn FnMut()| median((0..rounds).map(|_| timed(&mut *work).0).collect());
    let pack = repeat(&mut || {
        for flow in &values {
            let _ = black_box(PackedFlow::new(black_box(flow)));
        }
    });
    table.row("pack a flow (value to canonical bytes)", per_item(pack, count), "");
    let mut out = Vec::with_capacity(messages.len());
    let encode = repeat(&mut || {
        out.clear();
        for flow in &packed {
            flow.encode_add(1, &mut out);
        }
        black_box(&out);
    });
    table.row("encode a flow-mod from packed", per_item(encode, count), "");
    let decode = repeat(&mut || {
        let mut start = 0;
        for &end in &ends {
            let _ = black_box(Message::decode(&messages[start..end]));
            start = end;
        }
    });
    table.row("decode a flow-mod", per_item(decode, count), "");
    let print = repeat(&mut || {
        for flow in &values {
            black_box(flow.to_string());
        }
    });
    table.row("print a flow as text", per_item(print, count), "");
    let parse = repeat(&mut || {
        for line in &lines {
            let _ = black_box(text::parse_flow(line));
        }
    });
    table.row("parse a flow from text", per_item(parse, count), "");
    let set: FlowSet = packed.into_iter().collect();
    let note = format!("{} wire bytes in a flow-mod", messages.len() / count);
    table.row("memory of a desired flow", format!("{} B", set.heap_bytes() / count), note);
    Ok(())
}
